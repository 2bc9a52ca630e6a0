package foreign

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"two  spaces, 名前":        "two  spaces, 名前",
		"one\r\n\ttwo\x00":       "one two",
		"\x1b[31mred\x7f":        "[31mred",
		"a\xffb\u202ec\ufffdd":   "abcd",
		strings.Repeat("ä", 300): strings.Repeat("ä", 300),
		strings.Repeat("ä", 301): strings.Repeat("ä", 299) + "…",
		"\n" + "x" + "\n" + "\n": "x",
	} {
		if got := Line(text); got != want {
			t.Errorf("Line(%q) = %q; want %q", text, got, want)
		}
	}
}

func TestIsName(t *testing.T) {
	for name, want := range map[string]bool{
		"alice": true, "Zoë O’Brien": true, "a@example.com": true, "": false, " alice": false, "a\nb": false, "a\u202eb": false,
		"\xff": false, strings.Repeat("a", 256): true, strings.Repeat("a", 257): false,
	} {
		if IsName(name) != want {
			t.Errorf("IsName(%q) = %v", name, !want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("one\r\ntwo\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := Line(text)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxLine || strings.ContainsAny(got, "\r\n\x00\x1b\u202e") || Line(got) != got {
			t.Errorf("Line(%q) = %q", text, got)
		}
	})
}
