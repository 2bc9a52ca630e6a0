package words

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/console/terminal"
)

// Every message is there in all languages, with the same places for values,
// and in characters that its terminals can show; and no two have one name.
func TestCatalogue(t *testing.T) {
	verbs := regexp.MustCompile(`%[a-z]`)
	seen := map[string]bool{}
	for _, texts := range catalogue() {
		for id, x := range texts {
			if seen[id] {
				t.Errorf("%s is there twice", id)
			}
			seen[id] = true
			for lang, s := range map[string]string{"en": x.en, "de": x.de, "ja": x.ja} {
				if s == "" {
					t.Errorf("%s has no text in %s", id, lang)
				}
				if !slices.Equal(verbs.FindAllString(s, -1), verbs.FindAllString(x.en, -1)) {
					t.Errorf("%s in %s takes other values than in English: %q", id, lang, s)
				}
				if lang == "ja" && strings.Contains(terminal.Clean(s, terminal.Full), "?") && !strings.Contains(s, "?") {
					t.Errorf("%s in %s has characters that are not shown: %q", id, lang, s)
				}
				if lang == "de" && strings.Contains(terminal.Clean(umlauts.Replace(s), terminal.ASCII), "?") && !strings.Contains(s, "?") {
					t.Errorf("%s in %s cannot be written in ASCII: %q", id, lang, s)
				}
			}
		}
	}
}
