package sshkey

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Types are the kinds of key that are taken. RSA keys have at least
// [MinRSA] bits.
func Types() []string {
	return []string{"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
		"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-rsa"}
}

// MinRSA is the least number of bits of an RSA key (NIST SP 800-131A).
const MinRSA = 2048

// ErrPrivate says that the text is a private key: a secret that must not be
// where it was found.
var ErrPrivate = errors.New("is a PRIVATE key")

// ParseFile takes a file of one public key, and gives its line without
// comment. Empty lines and lines that begin with # are passed over.
func ParseFile(text string) (string, error) {
	if strings.Contains(text, "PRIVATE KEY-----") || strings.HasPrefix(strings.TrimSpace(text), "PuTTY-User-Key-File") {
		return "", ErrPrivate
	}
	key := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
			continue
		case key != "":
			return "", errors.New("holds more than one key")
		}
		var err error
		if key, err = parse(line); err != nil {
			return "", err
		}
	}
	if key == "" {
		return "", errors.New("holds no key")
	}
	return key, nil
}

// parse takes "TYPE BASE64 COMMENT".
func parse(line string) (string, error) {
	words := strings.FieldsFunc(line, unicode.IsSpace)
	switch {
	case strings.Contains(words[0], "-cert-v01@openssh.com"):
		return "", errors.New("is a certificate, not the key of an authority")
	case words[0] == "ssh-dss":
		return "", errors.New("is a DSA key, which nobody takes any more")
	case !slices.Contains(Types(), words[0]):
		return "", errors.New("is not an OpenSSH public key")
	case len(words) < 2:
		return "", errors.New("is cut off: there is nothing behind its type")
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(words[1])
	if err != nil {
		return "", errors.New("is damaged: it is not base64")
	}
	if err := check(words[0], blob); err != nil {
		return "", err
	}
	return words[0] + " " + words[1], nil
}

// check looks at the strings that a key consists of (RFC 4253, 6.6; RFC 5656,
// 3.1; RFC 8709, 4; OpenSSH's PROTOCOL.u2f).
func check(kind string, blob []byte) error {
	var parts [][]byte
	for len(blob) > 0 {
		if len(blob) < 4 || uint64(binary.BigEndian.Uint32(blob)) > uint64(len(blob)-4) {
			return errors.New("is damaged: it is cut off")
		}
		n := int(binary.BigEndian.Uint32(blob))
		parts, blob = append(parts, blob[4:4+n]), blob[4+n:]
	}
	if len(parts) == 0 || string(parts[0]) != kind {
		return errors.New("is damaged: it is not of the type that it says")
	}
	want := map[bool]int{true: 3, false: 2}[kind == "ssh-rsa" || strings.HasPrefix(kind, "ecdsa-")]
	if strings.HasPrefix(kind, "sk-") {
		want = map[bool]int{true: 4, false: 3}[strings.HasPrefix(kind, "sk-ecdsa-")]
	}
	if len(parts) != want {
		return errors.New("is damaged: parts of it are missing")
	}
	switch {
	case strings.HasSuffix(kind, "ssh-ed25519") || strings.HasPrefix(kind, "sk-ssh-ed25519"):
		if len(parts[1]) != 32 {
			return errors.New("is damaged: its length is wrong")
		}
	case kind == "ssh-rsa":
		if bits := len(strings.TrimLeft(string(parts[2]), "\x00")) * 8; bits < MinRSA {
			return fmt.Errorf("is an RSA key of %d bits, too few", bits)
		}
	}
	return nil
}
