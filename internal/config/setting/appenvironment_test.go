package setting_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// readEnvironmentFile reads a file of variables by the rules that
// systemd.exec(5) gives for EnvironmentFile=.
func readEnvironmentFile(text string) (map[string]string, error) {
	variables := map[string]string{}
	for text != "" {
		if line, rest, _ := strings.Cut(text, "\n"); strings.TrimLeft(line, " \t\r") == "" || strings.ContainsAny(line[:1], "#;") || !strings.Contains(line, "=") {
			text = rest // empty lines, comments and lines without "="
			continue
		}
		name, rest, _ := strings.Cut(text, "=")
		value, rest, err := readValue(strings.TrimLeft(rest, " \t\r"))
		if err != nil {
			return nil, err
		}
		variables[strings.TrimSpace(name)], text = value, rest
	}
	return variables, nil
}

// readValue reads what follows "=", and returns what follows its line.
func readValue(text string) (value, rest string, err error) {
	var b strings.Builder
	switch {
	case strings.HasPrefix(text, `"`): // as in a POSIX shell
		for i := 1; i < len(text); i++ {
			switch c := text[i]; {
			case c == '"':
				line, rest, _ := strings.Cut(text[i+1:], "\n")
				if strings.TrimSpace(line) != "" {
					return "", "", errors.New("something follows the closing quote: " + line)
				}
				return b.String(), rest, nil
			case c == '\\' && i+1 < len(text) && text[i+1] == '\n':
				i++
			case c == '\\' && i+1 < len(text) && strings.IndexByte("\"\\`$", text[i+1]) >= 0:
				i++
				b.WriteByte(text[i])
			default:
				b.WriteByte(c)
			}
		}
		return "", "", errors.New("a quote does not end")
	case strings.HasPrefix(text, "'"):
		inner, rest, ok := strings.Cut(text[1:], "'")
		if !ok {
			return "", "", errors.New("a quote does not end")
		}
		_, rest, _ = strings.Cut(rest, "\n")
		return inner, rest, nil
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\n':
			return strings.TrimRight(b.String(), " \t\r"), text[i+1:], nil
		case text[i] == '\\' && i+1 < len(text):
			i++
			if text[i] != '\n' {
				b.WriteByte(text[i])
			}
		default:
			b.WriteByte(text[i])
		}
	}
	return strings.TrimRight(b.String(), " \t\r"), "", nil
}

// TestReaderOfEnvironmentFiles holds the reader above to the manual's rules,
// so that what it reads back means something.
func TestReaderOfEnvironmentFiles(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"X=plain\n", "plain"},
		{"\n# X=comment\n;X=comment\nno assignment\nX=a  b \t\r\n", "a  b"},
		{`X=a"b'c` + "\n", `a"b'c`},            // quotes after the first character stay
		{`X=\\a\b` + "\n", `\ab`},              // a backslash keeps what follows
		{"X=one\\\ntwo\n", "onetwo"},           // and joins lines
		{"X='a\\n$b\n\"c'  \n", "a\\n$b\n\"c"}, // single quotes: verbatim, over lines
		{`X="\"\\` + "\\`" + `\$"` + "\n", "\"\\`$"},
		{`X="\a$b"` + "\n", `\a$b`}, // other backslashes stay, nothing is expanded
		{"X=\"one\\\ntwo\nthree\"\n", "onetwo\nthree"},
		{`X=""` + "\n", ""},
	} {
		got, err := readEnvironmentFile(test.text)
		if err != nil || got["X"] != test.want {
			t.Errorf("%q: %q, %v; want %q", test.text, got["X"], err, test.want)
		}
	}
	for _, text := range []string{"X=\"open\n", "X=\"closed\" and more\n", "X='open"} {
		if got, err := readEnvironmentFile(text); err == nil {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}

// hostileValues would break a file that quotes carelessly.
var hostileValues = []string{
	"", " ", "plain", "  spaces around  ", `"quoted"`, `it's`, `back\slash`, `trailing\`, "`command`", "$HOME ${HOME} $(id) $$",
	"%h %n %%", "# no comment", "; no comment", "two\nlines", "\n", "three\n\n\nlines\n", "X=1\nLD_PRELOAD=/evil.so", "\"\nLD_PRELOAD=/evil.so\n\"",
	"tab\tand\rreturn", "\\\n", `\n`, `\\"`, "ünïcode 日本語 🙂", "\u202e\u00a0", "\x01\x1b[31m\x7f", strings.Repeat(`\"$`+"`\n", 1000),
}

func TestHostileValuesArriveUnchanged(t *testing.T) {
	for _, value := range hostileValues {
		expectArrival(t, value)
	}
}

func FuzzEnvironmentFile(f *testing.F) {
	for _, value := range hostileValues {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if setting.IsPlain(value) {
			expectArrival(t, value)
		}
	})
}

func expectArrival(t *testing.T, value string) {
	t.Helper()
	file := setting.EnvironmentFile("X", value)
	got, err := readEnvironmentFile(string(file))
	if err != nil || len(got) != 3 || got["X"] != value || got["BEFORE"] != "1" || got["AFTER"] != "2" {
		t.Errorf("%q: read %q, %v from\n%s", value, got, err, file)
	}
}

func TestCharactersThatSystemdRefuses(t *testing.T) {
	for _, text := range []string{"a\x00b", "a\ufeffb", "a\ufffeb", "a\uffffb", "a\U0001fffeb", "a\U0010ffffb", "a\ufdd0b", "a\ufdefb", "a\xffb", "a\xed\xa0\x80b"} {
		if setting.IsPlain(text) {
			t.Errorf("%+q passes", text)
		}
	}
	for _, text := range append(hostileValues, "a\ufffdb", "a\ufdcfb", "a\ufdf0b") {
		if !setting.IsPlain(text) {
			t.Errorf("%+q does not pass", text)
		}
	}
}
