package passwords

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheck(t *testing.T) {
	const (
		short, long = "is too short: it must have at least 10 characters", "is too long: it may have at most 256 characters"
		typed       = "holds a character that cannot be typed"
		name        = "is little more than a name: somebody could guess it"
		sequence    = "is a mere sequence: somebody could guess it"
		common      = "is one that many people choose: somebody could guess it"
		hash        = "looks like a password's hash, and not like one that is taken here: argon2id with at most 48 MiB and 12 passes"
	)
	for _, test := range []struct{ password, want string }{
		{"three plums in a hat", ""},
		{"ünïcödé-pässwörd", ""},
		{"日本語の長い合言葉です", ""},
		{"onlyletterstoo", ""}, // no rules of composition
		{"8405729163", ""},
		{strings.Repeat("fox ", 64), ""},
		{"", "is missing"},
		{"short", short},
		{"ääääööööü", short}, // nine characters, eighteen bytes
		{strings.Repeat("fox ", 64) + "x", long},
		{strings.Repeat("e\u0301", 9), short}, // nine letters, each with its accent behind it
		{"Pa\u030assword123", ""},
		{"three plums\nin a hat", typed},
		{"three plums \xff in a hat", typed},
		{"aaaaaaaaaaaa", sequence},
		{"1234567890", sequence},
		{"9876543210", sequence},
		{"abcdefghijklm", sequence},
		{"mallory1234", name},
		{"MalloryMallory!", name},
		{"wordpress!1", name},
		{"mallory likes plums", ""}, // more than the name
		{"Password123", common},
		{"QWERTYUIOP", common},
		{"correct horse battery staple", common},
		{"$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhcw", hash},
		{"$6$rounds=5000$salt$hash", hash},
		{"$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", hash},
		{"$100 for two plums", ""},
	} {
		got := ""
		if err := Check(test.password, "mallory", "wordpress", ""); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q: %q, want %q", test.password, got, test.want)
		}
	}
}

func TestCommonOnesWouldOtherwisePass(t *testing.T) {
	seen := map[string]bool{}
	for line := range strings.Lines(common) {
		word := strings.TrimSuffix(line, "\n")
		if n := utf8.RuneCountInString(word); n < 10 || word != strings.ToLower(word) || seen[word] {
			t.Errorf("%q is of no use in the list", word)
		}
		seen[word] = true
		if Check(strings.ToUpper(word), "x") == nil {
			t.Errorf("%q passes", word)
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d passwords", len(seen))
	}
}

// TestLettersAreTheSameHoweverTyped: an accent may come with its letter or
// behind it.
func TestLettersAreTheSameHoweverTyped(t *testing.T) {
	const one, two = "crème brûlée für zwei", "cre\u0300me bru\u0302le\u0301e fu\u0308r zwei"
	if one == two || !Verify(Hash(one), two) || !Verify(Hash(two), one) {
		t.Error("the same letters are not the same password")
	}
	for _, other := range []string{"creme brulee fur zwei", "crème brûlée für zwe\u0069\u0323", strings.ToUpper(one)} {
		if Verify(Hash(one), other) {
			t.Errorf("%q is the same password", other)
		}
	}
	long := strings.Repeat("four words that fit ", 12)
	if Verify(Hash(long), long[:len(long)-1]) {
		t.Error("the end of a long password does not count")
	}
}
