package appliance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

const (
	// maxSettings bounds the time that checks take, and the wizard's patience.
	maxSettings = 128
	// maxKey keeps "application." and the key within a line of the console.
	maxKey = 40
	// maxHelp is what a form can show below a field.
	maxHelp = 500
)

// isKey says whether s names a setting, a resource or an option's value, the
// latter with dashes too.
func isKey(s string) bool {
	return len(s) <= maxKey && syntax.Made(s, func(c byte) bool { return syntax.IsLower(c) || syntax.IsDigit(c) || c == '_' }) && syntax.IsLower(s[0])
}

func keyHint() string {
	return fmt.Sprintf("a letter, then lower-case letters, digits and underscores, at most %d", maxKey)
}

func isOptionValue(s string) bool {
	return len(s) <= maxKey && syntax.Made(s, func(c byte) bool { return syntax.IsLower(c) || syntax.IsDigit(c) || c == '_' || c == '-' })
}

// isReserved says whether an environment variable is given by the system: by
// us, by the system manager (systemd.exec(5)), or as the proxy of the network
// settings; or decides how the dynamic loader works.
func isReserved(variable string) bool {
	for _, prefix := range []string{"INGOT_", "LC_", "LD_", "LISTEN_", "SYSTEMD_", "WATCHDOG_"} {
		if strings.HasPrefix(variable, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "IFS", "TERM", "LANG", "LANGUAGE", "TZ", "TMPDIR", "HOSTNAME",
		"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
		"MAINPID", "MANAGERPID", "INVOCATION_ID", "JOURNAL_STREAM", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY",
		"RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY", "XDG_RUNTIME_DIR",
	}, strings.ToUpper(variable))
}

// checkSettings checks each setting by itself, then how they fit together.
func (c *checker) checkSettings(d *Definition) {
	if len(d.Settings) > maxSettings {
		c.problem(c.root.Get("settings").Mark, "leave the rest to the application", "%d settings are more than an appliance takes (%d)", len(d.Settings), maxSettings)
		return
	}
	for i, s := range d.Settings {
		if c.root.KindAt("settings", i) == yamltext.Mapping {
			c.checkSetting(d, i, s)
		}
	}
	c.checkUniqueSettings(d)
	c.checkConditions(d)
}

func (c *checker) checkSetting(d *Definition, i int, s Setting) {
	at := func(path ...any) yamltext.Mark { return c.root.At(append([]any{"settings", i}, path...)...) }
	if c.require("key", "give each setting a key of its own", "settings", i) && s.Key != "" && !isKey(s.Key) {
		c.problem(at("key"), keyHint(), "%s is not a key for a setting", syntax.Quote(s.Key))
	}
	if c.root.Has("settings", i, "title") {
		c.checkTitle(s.Title, "settings", i, "title")
	}
	c.checkTitle(s.Group, "settings", i, "group")
	c.checkHelp(s.Help, at("help"))
	c.checkVariable(d, i, s)
	for j, name := range s.Services {
		c.checkServiceName(d, name, "settings", i, "services", j)
	}
	if !slices.Contains(settingTypes(), s.Type) {
		hint := "use one of: " + strings.Join(settingTypes(), ", ")
		if near := syntax.Nearest(s.Type, settingTypes()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.problem(at("type"), hint, "the type %s is not known", syntax.Quote(s.Type))
		return
	}
	c.checkRules(i, s)
	if c.checkOptions(i, s) {
		c.checkValues(i, s)
	}
	c.checkAsked(i, s)
}

func (c *checker) checkHelp(text string, at yamltext.Mark) {
	if n := utf8.RuneCountInString(text); n > maxHelp {
		c.problem(at, "say it shorter", "the help has %d characters, at most %d are allowed", n, maxHelp)
	}
	for _, r := range text {
		if r != '\n' && !unicode.IsGraphic(r) {
			c.problem(at, "remove it", "the help holds the character %U, which cannot be shown", r)
			return
		}
	}
}

func (c *checker) checkVariable(d *Definition, i int, s Setting) {
	at, hint := c.root.At("settings", i, "variable"), "choose another name"
	if !c.root.Has("settings", i, "variable") {
		at, hint = c.root.At("settings", i, "key"), "give the setting a variable with another name"
	}
	switch {
	case s.Variable == "" || s.Variable == strings.ToUpper(s.Key) && !isKey(s.Key): // reported
	case !syntax.IsVariable(s.Variable):
		c.problem(at, "letters, digits and underscores only", "%s is not the name of an environment variable", syntax.Quote(s.Variable))
	case isReserved(s.Variable):
		c.problem(at, hint, "the environment variable %s is the system's own", s.Variable)
	}
	for _, svc := range d.Services {
		if _, taken := svc.Environment[s.Variable]; taken && s.UsedBy(svc.Name) {
			c.problem(at, hint+", or remove that one", "the environment of service %q has the variable %s already", svc.Name, syntax.Quote(s.Variable))
		}
	}
}

// checkServiceName checks that there is a service of that name.
func (c *checker) checkServiceName(d *Definition, name string, path ...any) {
	if d.Service(name) != nil || c.root.KindAt(path...) != yamltext.Text {
		return
	}
	var names []string
	for _, s := range d.Services {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	c.unknownName("service", name, names, c.root.At(path...))
}

// unknownName reports a name that leads nowhere, and what was probably meant.
func (c *checker) unknownName(what, name string, known []string, at yamltext.Mark) {
	hint := fmt.Sprintf("the %ss are: %s", what, strings.Join(known, ", "))
	if len(known) == 0 {
		hint = "there are none"
	}
	if near := syntax.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	c.problem(at, hint, "there is no %s %s", what, syntax.Quote(name))
}

// checkOptions checks the options of an enum, and that nothing else has some.
func (c *checker) checkOptions(i int, s Setting) (ok bool) {
	before := len(c.Problems)
	at := func(path ...any) yamltext.Mark { return c.root.At(append([]any{"settings", i, "options"}, path...)...) }
	const hint = "write options: [{value: small}, {value: large, title: Very large}]"
	written, kind := c.root.Has("settings", i, "options"), c.root.KindAt("settings", i, "options")
	switch {
	case s.Type != TypeEnum && written:
		c.problem(at(), "write type: enum, or remove the options", "options belong to an enum, and this is %s %s", article(s.Type), s.Type)
	case s.Type != TypeEnum:
		return true
	case len(s.Options) < 2 && (kind == yamltext.List || !written):
		c.problem(at(), hint, "an enum needs at least two options")
	}
	seen := map[string]bool{}
	for j, o := range s.Options {
		if c.root.KindAt("settings", i, "options", j) != yamltext.Mapping {
			return false
		}
		if c.require("value", hint, "settings", i, "options", j) && o.Value != "" && !isOptionValue(o.Value) {
			c.problem(at(j, "value"), "lower-case letters, digits, dashes and underscores; what people read is the title", "%s is not a value for an option", syntax.Quote(o.Value))
		}
		if o.Value != "" && seen[o.Value] {
			c.problem(at(j, "value"), "give each option a value of its own", "the option %s is there already", syntax.Quote(o.Value))
		}
		seen[o.Value] = true
		if c.root.Has("settings", i, "options", j, "title") {
			c.checkTitle(o.Title, "settings", i, "options", j, "title")
		}
	}
	return len(c.Problems) == before
}

// checkRules checks minimum, maximum and pattern.
func (c *checker) checkRules(i int, s Setting) {
	at := func(key string) yamltext.Mark { return c.root.At("settings", i, key) }
	has := func(key string) bool { return c.root.Has("settings", i, key) }
	limits := map[string]int64{}
	for _, limit := range []struct {
		key  string
		text Scalar
	}{{"minimum", s.Minimum}, {"maximum", s.Maximum}} {
		if !has(limit.key) {
			continue
		}
		if !s.isMeasured() {
			c.problem(at(limit.key), "remove it", "%s %s has no %s", article(s.Type), s.Type, limit.key)
			continue
		}
		_, n, err := s.parseLimit(string(limit.text))
		if err != nil {
			c.problem(at(limit.key), "", "the %s %s %s", limit.key, syntax.Quote(string(limit.text)), err)
			continue
		}
		limits[limit.key] = n
	}
	if least, ok := limits["minimum"]; ok && has("maximum") {
		if most, ok := limits["maximum"]; ok && least > most {
			c.problem(at("minimum"), "exchange them", "the minimum is more than the maximum")
		}
	}
	switch {
	case has("pattern") && !s.isMatched():
		c.problem(at("pattern"), "remove it", "%s %s has no pattern", article(s.Type), s.Type)
	case has("pattern") && s.Pattern != "":
		if _, err := s.compilePattern(); err != nil {
			c.problem(at("pattern"), "see https://github.com/google/re2/wiki/Syntax", "the pattern cannot be read: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		if !has("hint") {
			c.problem(at("pattern"), "add what people should write: hint: two to four capitals, such as ART", "the pattern has no hint")
		}
	case has("hint") && !has("pattern"):
		c.problem(at("hint"), "remove it, or say it in the help", "a hint belongs to a pattern")
	}
	c.checkTitle(s.Hint, "settings", i, "hint")
}

func article(word string) string {
	if strings.ContainsRune("aeiou", rune(word[0])) && word != TypeURL {
		return "an"
	}
	return "a"
}

// checkValues checks that the default and the example are values.
func (c *checker) checkValues(i int, s Setting) {
	for _, v := range []struct {
		key  string
		text Scalar
	}{{"default", s.Default}, {"example", s.Example}} {
		if !c.root.Has("settings", i, v.key) {
			continue
		}
		at := c.root.At("settings", i, v.key)
		if v.key == "default" && s.Type == TypeSecret {
			c.problem(at, "remove it, and ask for one: required: true, ask: firstboot", "a secret cannot have a default: everybody who has the appliance would know it")
			continue
		}
		if !s.patternIsSound() {
			continue
		}
		if _, err := s.Parse(string(v.text)); err != nil {
			c.problem(at, "", "the %s %s %s", v.key, syntax.Quote(string(v.text)), syntax.Printable(err.Error()))
		}
	}
}

// patternIsSound says whether the pattern can be used; that it cannot has been
// reported.
func (s Setting) patternIsSound() bool {
	if s.Pattern == "" {
		return true
	}
	_, err := s.compilePattern()
	return err == nil && s.Hint != ""
}

func (c *checker) checkAsked(i int, s Setting) {
	if s.Ask != "" && s.Ask != AskFirstboot {
		c.problem(c.root.At("settings", i, "ask"), "write ask: firstboot, or remove it", "%s is no time to ask", syntax.Quote(s.Ask))
	}
	if s.Required && s.Default == "" && !c.root.Has("settings", i, "ask") && !c.root.Has("settings", i, "default") {
		c.problem(c.root.At("settings", i, "required"), "add ask: firstboot, or a default", "the setting must have a value, but nobody is asked for one")
	}
}

// checkUniqueSettings reports keys and variables that two settings share.
func (c *checker) checkUniqueSettings(d *Definition) {
	keys, variables := map[string]bool{}, map[string]string{}
	for i, s := range d.Settings {
		if s.Key == "" {
			continue
		}
		if keys[s.Key] {
			c.problem(c.root.At("settings", i, "key"), "give each setting a key of its own", "the key %s is taken by another setting already", syntax.Quote(s.Key))
			continue
		}
		keys[s.Key] = true
		if other, taken := variables[s.Variable]; taken {
			c.problem(c.root.At("settings", i, "variable"), "give one of them another variable", "the variable %s is taken by setting %q already", syntax.Quote(s.Variable), other)
			continue
		}
		variables[s.Variable] = s.Key
	}
}

// checkConditions checks what settings and services depend on.
func (c *checker) checkConditions(d *Definition) {
	for i, s := range d.Settings {
		c.checkCondition(d, s.When, "settings", i, "when")
	}
	for i, s := range d.Services {
		c.checkCondition(d, s.When, "services", i, "when")
	}
	reported := map[string]bool{}
	for i, s := range d.Settings {
		circle := d.circle(s)
		if len(circle) == 0 || reported[s.Key] {
			continue
		}
		for _, key := range circle {
			reported[key] = true
		}
		c.problem(c.root.At("settings", i, "when"), "remove one of these", "the settings depend on each other: %s", strings.Join(append(circle, s.Key), " on "))
	}
}

// circle is the way from a setting by conditions back to itself, or nil.
func (d *Definition) circle(s Setting) []string {
	keys := []string{s.Key}
	for next := &s; next.When != nil && len(keys) <= len(d.Settings); {
		if next = d.Setting(next.When.Setting); next == nil {
			return nil
		}
		if next.Key == s.Key {
			return keys
		}
		keys = append(keys, next.Key)
	}
	return nil
}

func (c *checker) checkCondition(d *Definition, when *Condition, path ...any) {
	if when == nil || c.root.KindAt(path...) != yamltext.Mapping {
		return
	}
	at := func(key string) yamltext.Mark { return c.root.At(append(slices.Clone(path), key)...) }
	missing := false
	for _, key := range []string{"setting", "is"} {
		if !c.root.Has(append(slices.Clone(path), key)...) {
			c.problem(c.root.At(path...), "write when: {setting: database, is: external}", "the condition does not say %s", map[string]string{"setting": "which setting", "is": "which value"}[key])
			missing = true
		}
	}
	if missing || when.Setting == "" {
		return
	}
	s := d.Setting(when.Setting)
	switch {
	case s == nil:
		var keys []string
		for _, s := range d.Settings {
			keys = append(keys, s.Key)
		}
		slices.Sort(keys)
		c.unknownName("setting", when.Setting, keys, at("setting"))
	case s.Type != TypeEnum && s.Type != TypeBool:
		c.problem(at("setting"), "a condition goes by an enum or a bool", "the setting %s has values without number", syntax.Quote(s.Key))
	default:
		value, err := s.parseType(string(when.Is))
		if err == nil && value == "" {
			err = fmt.Errorf("cannot be the value of %s", strconv.Quote(s.Key))
		}
		if err != nil {
			c.problem(at("is"), "", "%s %s", syntax.Quote(string(when.Is)), syntax.Printable(err.Error()))
		}
	}
}
