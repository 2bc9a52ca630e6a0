package appliance

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ingotvm/ingot/internal/appliance/certificate"
	"github.com/ingotvm/ingot/internal/appliance/syntax"
)

// Types of settings.
const (
	TypeString      = "string"
	TypeText        = "text"
	TypeInt         = "int"
	TypeBool        = "bool"
	TypeEnum        = "enum"
	TypeSecret      = "secret"
	TypeHost        = "host"
	TypePort        = "port"
	TypeURL         = "url"
	TypeEmail       = "email"
	TypeDuration    = "duration"
	TypeSize        = "size"
	TypeCertificate = "certificate"
)

// settingTypes are the types of settings in the order in which they are named.
func settingTypes() []string {
	return []string{
		TypeString, TypeText, TypeInt, TypeBool, TypeEnum, TypeSecret, TypeHost, TypePort, TypeURL, TypeEmail,
		TypeDuration, TypeSize, TypeCertificate,
	}
}

// maxValue bounds a value in bytes: a certificate with its chain has a few
// thousand.
const maxValue = 64 << 10

// Parse checks what somebody gave as the setting's value, and returns the one
// form that means the same; parsing that again changes nothing. "" is no
// value, which only a required setting refuses. The error is a phrase that can
// stand after the title: "must be at least 3".
//
// Whether the setting's condition holds is not looked at.
func (s Setting) Parse(text string) (canonical string, err error) {
	canonical, err = s.parseType(text)
	switch {
	case err != nil:
		return "", err
	case canonical == "" && s.Required:
		return "", errors.New("must have a value")
	case canonical == "":
		return "", nil
	}
	if err := s.checkLimits(canonical); err != nil {
		return "", err
	}
	if err := s.checkPattern(canonical); err != nil {
		return "", err
	}
	return canonical, nil
}

// parseType is Parse by the type alone.
func (s Setting) parseType(text string) (string, error) {
	if len(text) > maxValue {
		return "", fmt.Errorf("must not be longer than %s", Size(maxValue))
	}
	if !utf8.ValidString(text) {
		return "", errors.New("must be UTF-8 text")
	}
	switch s.Type {
	case TypeText:
		return parseText(text)
	case TypeSecret:
		return text, oneLine(text)
	case TypeCertificate:
		return certificate.Parse(text)
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return "", nil
	}
	switch s.Type {
	case TypeString:
		return text, oneLine(text)
	case TypeInt:
		return parseInt(text)
	case TypeBool:
		return parseBool(text)
	case TypeEnum:
		return s.parseOption(text)
	case TypeHost:
		return parseHost(text)
	case TypePort:
		return parsePort(text)
	case TypeURL:
		return text, checkAddress(text)
	case TypeEmail:
		return parseEmail(text)
	case TypeDuration:
		return parseSeconds(text)
	case TypeSize:
		return parseBytes(text)
	}
	return "", fmt.Errorf("has the type %s, which is not known", syntax.Quote(s.Type))
}

// Typed is a canonical value as JSON and templates have it: a number for an
// int and a port, bytes for a size, seconds for a duration (all int64), true
// or false for a bool, and otherwise the text. No value is nil where it would
// be a number.
func (s Setting) Typed(canonical string) any {
	switch s.Type {
	case TypeBool:
		return canonical == "true"
	case TypeInt, TypePort, TypeSize, TypeDuration:
		if n, ok := s.measure(canonical); ok {
			return n
		}
		return nil
	}
	return canonical
}

// isMeasured says whether the type can have a minimum and a maximum.
func (s Setting) isMeasured() bool {
	return s.isText() || slices.Contains([]string{TypeInt, TypePort, TypeSize, TypeDuration}, s.Type)
}

// isText says whether the minimum and the maximum are a length.
func (s Setting) isText() bool {
	return s.Type == TypeString || s.Type == TypeText || s.Type == TypeSecret
}

// isMatched says whether the type can have a pattern.
func (s Setting) isMatched() bool {
	return s.isText() || s.Type == TypeHost || s.Type == TypeURL || s.Type == TypeEmail
}

// measure is what minimum and maximum are compared with.
func (s Setting) measure(canonical string) (n int64, ok bool) {
	switch s.Type {
	case TypeInt, TypePort:
		n, err := strconv.ParseInt(canonical, 10, 64)
		return n, err == nil
	case TypeSize:
		size, err := ParseSize(canonical)
		return int64(size), err == nil
	case TypeDuration:
		d, err := time.ParseDuration(canonical)
		return int64(d / time.Second), err == nil
	}
	return int64(utf8.RuneCountInString(canonical)), s.isText()
}

// parseLimit reads the minimum or the maximum. The error is a phrase.
func (s Setting) parseLimit(text string) (canonical string, n int64, err error) {
	of := s
	if s.isText() {
		of.Type = TypeInt
	}
	canonical, err = of.parseType(text)
	if err != nil {
		return "", 0, err
	}
	n, ok := of.measure(canonical)
	switch {
	case !ok:
		return "", 0, errors.New("must have a value")
	case s.isText() && n < 1:
		return "", 0, errors.New("must be at least 1 character")
	}
	return canonical, n, nil
}

func (s Setting) checkLimits(canonical string) error {
	n, ok := s.measure(canonical)
	if !ok {
		return nil
	}
	atLeast, atMost := "must be at least %s", "must be at most %s"
	if s.isText() {
		atLeast, atMost = "must have at least %s characters", "must have at most %s characters"
	}
	if s.Minimum != "" {
		text, least, err := s.parseLimit(string(s.Minimum))
		if err == nil && n < least {
			return fmt.Errorf(atLeast, text)
		}
	}
	if s.Maximum != "" {
		text, most, err := s.parseLimit(string(s.Maximum))
		if err == nil && n > most {
			return fmt.Errorf(atMost, text)
		}
	}
	return nil
}

// compilePattern compiles the pattern so that it matches whole texts. By
// itself first, so that parentheses inside it are its own.
func (s Setting) compilePattern() (*regexp.Regexp, error) {
	if _, err := regexp.Compile(s.Pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + s.Pattern + `)\z`)
}

func (s Setting) checkPattern(canonical string) error {
	if s.Pattern == "" || !s.isMatched() {
		return nil
	}
	pattern, err := s.compilePattern()
	if err != nil || !pattern.MatchString(canonical) {
		return errors.New("must be " + s.Hint)
	}
	return nil
}

// isSpoken says whether a character may be in a value: what can be shown, and
// the joiners that some scripts and signs are written with.
func isSpoken(r rune) bool { return unicode.IsGraphic(r) || r == '\u200c' || r == '\u200d' }

func oneLine(text string) error {
	for _, r := range text {
		if !isSpoken(r) {
			return errors.New("must be one line of characters that can be shown")
		}
	}
	return nil
}

func parseText(text string) (string, error) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	text = strings.TrimLeft(strings.TrimRightFunc(text, unicode.IsSpace), "\n")
	for _, r := range text {
		if !isSpoken(r) && r != '\n' && r != '\t' {
			return "", errors.New("must be lines of characters that can be shown")
		}
	}
	return text, nil
}

func parseInt(text string) (string, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return "", errors.New("must be a smaller number")
	case err != nil:
		return "", errors.New("must be a whole number")
	}
	return strconv.FormatInt(n, 10), nil
}

func parseBool(text string) (string, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		return "true", nil
	case "false", "no", "off":
		return "false", nil
	}
	return "", errors.New("must be true or false")
}

func (s Setting) parseOption(text string) (string, error) {
	values := make([]string, len(s.Options))
	for i, o := range s.Options {
		values[i] = o.Value
	}
	if value := strings.ToLower(text); slices.Contains(values, value) {
		return value, nil
	}
	return "", fmt.Errorf("must be one of: %s", strings.Join(values, ", "))
}

func parseHost(text string) (string, error) {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(inner, "]")
	}
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return address.String(), nil
	}
	name := strings.ToLower(strings.TrimSuffix(text, "."))
	if !isHostName(name) {
		return "", errors.New("must be a host name or an IP address")
	}
	return name, nil
}

// isHostName says whether s, in lower case, is a name by RFC 1123: labels of
// letters, digits and dashes. One that ends in a number is a mistyped address.
func isHostName(s string) bool {
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if len(label) > syntax.MaxName || !syntax.Made(label, func(c byte) bool { return syntax.IsLower(c) || syntax.IsDigit(c) || c == '-' }) ||
			label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return len(s) <= 253 && !syntax.Made(labels[len(labels)-1], syntax.IsDigit) // 253: RFC 1035's 255 with the length bytes
}

func parsePort(text string) (string, error) {
	if !syntax.IsPort(text) {
		return "", errors.New("must be a port, 1 to 65535")
	}
	return strings.TrimLeft(text, "0"), nil
}

func checkAddress(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || oneLine(text) != nil || strings.ContainsAny(text, " \"'<>`|\\^") ||
		u.Scheme == "" || u.Hostname() == "" || u.Port() != "" && !syntax.IsPort(u.Port()):
		return errors.New("must be an address such as https://example.com/")
	case u.User != nil:
		if _, has := u.User.Password(); has {
			return errors.New("must not hold a password, which everybody could read")
		}
	}
	return nil
}

func parseEmail(text string) (string, error) {
	at := strings.LastIndexByte(text, '@')
	local, domain := text[:max(0, at)], strings.ToLower(text[at+1:])
	for _, atom := range strings.Split(local, ".") { // RFC 5322's dot-atom; 64: RFC 5321
		if len(local) > 64 || !syntax.Made(atom, func(c byte) bool { return syntax.IsAlnum(c) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0 }) {
			return "", errors.New("must be an e-mail address such as name@example.com")
		}
	}
	if !isHostName(domain) {
		return "", errors.New("must be an e-mail address such as name@example.com")
	}
	return local + "@" + domain, nil
}

func parseSeconds(text string) (string, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return "", errors.New("must be a duration such as 90s or 1h30m")
	case d < 0:
		return "", errors.New("must not be less than nothing")
	case d%time.Second != 0:
		return "", errors.New("must be whole seconds")
	}
	return Duration(d).String(), nil
}

func parseBytes(text string) (string, error) {
	size, err := ParseSize(text)
	if err != nil {
		return "", errors.New("must be a size such as 512MiB or 4GiB")
	}
	return size.String(), nil
}
