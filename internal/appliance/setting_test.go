package appliance

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSettingParse(t *testing.T) {
	options := []Option{{Value: "embedded"}, {Value: "external"}}
	for _, test := range []struct {
		setting   Setting
		text      string
		want, err string
	}{
		{Setting{Type: TypeString}, "  My shop ", "My shop", ""},
		{Setting{Type: TypeString}, "कोष्‍ठक 👩‍🔧", "कोष्‍ठक 👩‍🔧", ""},
		{Setting{Type: TypeString}, "", "", ""},
		{Setting{Type: TypeString, Required: true}, "  ", "", "must have a value"},
		{Setting{Type: TypeString}, "a\nb", "", "must be one line of characters that can be shown"},
		{Setting{Type: TypeString}, "a\x1b[2J", "", "must be one line of characters that can be shown"},
		{Setting{Type: TypeString}, "a\u202eb", "", "must be one line of characters that can be shown"},
		{Setting{Type: TypeString}, "a\xff", "", "must be UTF-8 text"},
		{Setting{Type: TypeString}, strings.Repeat("a", maxValue+1), "", "must not be longer than 64KiB"},
		{Setting{Type: TypeString, Minimum: "3"}, "äö", "", "must have at least 3 characters"},
		{Setting{Type: TypeString, Minimum: "3"}, "äöü", "äöü", ""},
		{Setting{Type: TypeString, Minimum: "3"}, "", "", ""},
		{Setting{Type: TypeString, Maximum: "2"}, "äöü", "", "must have at most 2 characters"},
		{Setting{Type: TypeString, Pattern: "a|bc", Hint: "a or bc"}, "bc", "bc", ""},
		{Setting{Type: TypeString, Pattern: "a|bc", Hint: "a or bc"}, "abc", "", "must be a or bc"},
		{Setting{Type: TypeString, Pattern: "a|bc", Hint: "a or bc"}, "", "", ""},
		{Setting{Type: TypeString, Pattern: "a)|(b", Hint: "a"}, "a", "", "must be a"}, // not by itself an expression

		{Setting{Type: TypeText}, "a\r\nb\tc\rd\n\n ", "a\nb\tc\nd", ""},
		{Setting{Type: TypeText}, "\n\n  indented", "  indented", ""},
		{Setting{Type: TypeText, Required: true}, "\n \n", "", "must have a value"},
		{Setting{Type: TypeText}, "a\x00", "", "must be lines of characters that can be shown"},

		{Setting{Type: TypeSecret}, " p w ", " p w ", ""},
		{Setting{Type: TypeSecret, Minimum: "12"}, "short", "", "must have at least 12 characters"},
		{Setting{Type: TypeSecret}, "a\tb", "", "must be one line of characters that can be shown"},

		{Setting{Type: TypeInt}, " +007 ", "7", ""},
		{Setting{Type: TypeInt}, "-3", "-3", ""},
		{Setting{Type: TypeInt}, "", "", ""},
		{Setting{Type: TypeInt}, "1.5", "", "must be a whole number"},
		{Setting{Type: TypeInt}, "9223372036854775808", "", "must be a smaller number"},
		{Setting{Type: TypeInt, Minimum: "3"}, "2", "", "must be at least 3"},
		{Setting{Type: TypeInt, Minimum: "-3", Maximum: "3"}, "4", "", "must be at most 3"},
		{Setting{Type: TypeInt, Minimum: "-3", Maximum: "3"}, "-3", "-3", ""},

		{Setting{Type: TypeBool}, "Yes", "true", ""},
		{Setting{Type: TypeBool}, "off", "false", ""},
		{Setting{Type: TypeBool}, "2", "", "must be true or false"},

		{Setting{Type: TypeEnum, Options: options}, " External", "external", ""},
		{Setting{Type: TypeEnum, Options: options}, "none", "", "must be one of: embedded, external"},

		{Setting{Type: TypeHost}, "DB.Example.COM.", "db.example.com", ""},
		{Setting{Type: TypeHost}, "localhost", "localhost", ""},
		{Setting{Type: TypeHost}, "192.0.2.7", "192.0.2.7", ""},
		{Setting{Type: TypeHost}, "[2001:DB8:0::7]", "2001:db8::7", ""},
		{Setting{Type: TypeHost}, "192.0.2", "", "must be a host name or an IP address"},
		{Setting{Type: TypeHost}, "192.0.2.300", "", "must be a host name or an IP address"},
		{Setting{Type: TypeHost}, "fe80::1%eth0", "", "must be a host name or an IP address"},
		{Setting{Type: TypeHost}, "a_b", "", "must be a host name or an IP address"},
		{Setting{Type: TypeHost}, "-a", "", "must be a host name or an IP address"},
		{Setting{Type: TypeHost}, "a..b", "", "must be a host name or an IP address"},
		{Setting{Type: TypeHost}, "db:3306", "", "must be a host name or an IP address"},
		{Setting{Type: TypeHost}, strings.Repeat("a", 64), "", "must be a host name or an IP address"},
		{Setting{Type: TypeHost}, strings.Repeat("a.", 128), "", "must be a host name or an IP address"},
		{Setting{Type: TypeHost, Pattern: `.*\.example`, Hint: "one of example"}, "db.test", "", "must be one of example"},

		{Setting{Type: TypePort}, "0080", "80", ""},
		{Setting{Type: TypePort}, "0", "", "must be a port, 1 to 65535"},
		{Setting{Type: TypePort}, "65536", "", "must be a port, 1 to 65535"},
		{Setting{Type: TypePort, Minimum: "1024"}, "80", "", "must be at least 1024"},

		{Setting{Type: TypeURL}, " https://example.com:8443/a?b#c ", "https://example.com:8443/a?b#c", ""},
		{Setting{Type: TypeURL}, "ldap://me@[2001:db8::7]/dc=example", "ldap://me@[2001:db8::7]/dc=example", ""},
		{Setting{Type: TypeURL}, "https://me:secret@example.com/", "", "must not hold a password, which everybody could read"},
		{Setting{Type: TypeURL}, "example.com", "", "must be an address such as https://example.com/"},
		{Setting{Type: TypeURL}, "https:///path", "", "must be an address such as https://example.com/"},
		{Setting{Type: TypeURL}, "mailto:me@example.com", "", "must be an address such as https://example.com/"},
		{Setting{Type: TypeURL}, "https://a b/", "", "must be an address such as https://example.com/"},
		{Setting{Type: TypeURL}, "https://a:99999/", "", "must be an address such as https://example.com/"},

		{Setting{Type: TypeEmail}, "Me.Too+x@Example.COM", "Me.Too+x@example.com", ""},
		{Setting{Type: TypeEmail}, "root@localhost", "root@localhost", ""},
		{Setting{Type: TypeEmail}, "me", "", "must be an e-mail address such as name@example.com"},
		{Setting{Type: TypeEmail}, "@example.com", "", "must be an e-mail address such as name@example.com"},
		{Setting{Type: TypeEmail}, "me..too@example.com", "", "must be an e-mail address such as name@example.com"},
		{Setting{Type: TypeEmail}, "me@", "", "must be an e-mail address such as name@example.com"},
		{Setting{Type: TypeEmail}, "Me <me@example.com>", "", "must be an e-mail address such as name@example.com"},
		{Setting{Type: TypeEmail}, strings.Repeat("m", 65) + "@example.com", "", "must be an e-mail address such as name@example.com"},

		{Setting{Type: TypeDuration}, "90s", "1m30s", ""},
		{Setting{Type: TypeDuration}, "1.5h", "1h30m", ""},
		{Setting{Type: TypeDuration}, "0s", "0s", ""},
		{Setting{Type: TypeDuration}, "90", "", "must be a duration such as 90s or 1h30m"},
		{Setting{Type: TypeDuration}, "-90s", "", "must not be less than nothing"},
		{Setting{Type: TypeDuration}, "1500ms", "", "must be whole seconds"},
		{Setting{Type: TypeDuration, Minimum: "60s"}, "59s", "", "must be at least 1m"},

		{Setting{Type: TypeSize}, "1024 KiB", "1MiB", ""},
		{Setting{Type: TypeSize}, "0B", "0B", ""},
		{Setting{Type: TypeSize}, "512", "", "must be a size such as 512MiB or 4GiB"},
		{Setting{Type: TypeSize, Maximum: "1024MiB"}, "2GiB", "", "must be at most 1GiB"},

		{Setting{Type: "colour"}, "red", "", `has the type "colour", which is not known`},
	} {
		got, err := test.setting.Parse(test.text)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if got != test.want || message != test.err {
			t.Errorf("%s %.80q: got %q, %q; want %q, %q", test.setting.Type, test.text, got, message, test.want, test.err)
		}
	}
}

func TestSettingTyped(t *testing.T) {
	for _, test := range []struct {
		kind, canonical string
		want            any
	}{
		{TypeInt, "-3", int64(-3)},
		{TypeInt, "", nil},
		{TypePort, "80", int64(80)},
		{TypeSize, "64MiB", int64(64 << 20)},
		{TypeSize, "", nil},
		{TypeDuration, "1m30s", int64(90)},
		{TypeBool, "true", true},
		{TypeBool, "false", false},
		{TypeBool, "", false},
		{TypeString, "7", "7"},
		{TypeSecret, "", ""},
		{TypeEnum, "external", "external"},
	} {
		if got := (Setting{Type: test.kind}).Typed(test.canonical); got != test.want {
			t.Errorf("%s %q: got %#v, want %#v", test.kind, test.canonical, got, test.want)
		}
	}
}

// selfSigned is a certificate in PEM.
func selfSigned(t testing.TB) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	subject := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server"}, NotAfter: time.Unix(1e9, 0)}
	der, err := x509.CreateCertificate(rand.Reader, subject, subject, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// FuzzSettingParse holds that a canonical value is its own canonical form,
// within its limits, and that its typed value can be written as JSON.
func FuzzSettingParse(f *testing.F) {
	certificate := selfSigned(f)
	for i, text := range []string{
		"My shop", "a\r\nb", "-3", "yes", "two", " p w ", "DB.example.com.", "080", "https://example.com/", "Me@Example.com",
		"1.5h", "512 MB", "\n" + certificate,
	} {
		f.Add(text, byte(i))
		f.Add(text, byte(i)|0x80)
	}
	f.Fuzz(func(t *testing.T, text string, kind byte) {
		types := settingTypes()
		s := Setting{Type: types[int(kind&0x7f)%len(types)], Required: kind&0x80 != 0, Options: []Option{{Value: "one"}, {Value: "two"}}}
		limits := map[string][2]Scalar{
			TypeInt: {"-5", "500"}, TypePort: {"10", "60000"}, TypeSize: {"1KiB", "5GB"}, TypeDuration: {"2s", "90m"},
			TypeString: {"2", "40"}, TypeText: {"2", "40"}, TypeSecret: {"2", "40"},
		}[s.Type]
		s.Minimum, s.Maximum = limits[0], limits[1]
		canonical, err := s.Parse(text)
		if err != nil {
			if canonical != "" || err.Error() == "" {
				t.Fatalf("%q, %q", canonical, err)
			}
			return
		}
		if s.Required && canonical == "" {
			t.Fatal("nothing is taken for a value")
		}
		again, err := s.Parse(canonical)
		if again != canonical || err != nil {
			t.Fatalf("%s %q becomes %q, which becomes %q, %v", s.Type, text, canonical, again, err)
		}
		typed := s.Typed(canonical)
		if _, err := json.Marshal(typed); err != nil {
			t.Fatal(err)
		}
		if n, ok := typed.(int64); ok && !reflect.DeepEqual(limits, [2]Scalar{}) {
			for i, limit := range limits {
				_, bound, err := s.parseLimit(string(limit))
				if err != nil || i == 0 && n < bound || i == 1 && n > bound {
					t.Fatalf("%s %q is %d: beyond %s, %v", s.Type, text, n, limit, err)
				}
			}
		}
	})
}
