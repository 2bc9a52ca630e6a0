package words

import (
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/console/terminal"
)

// frontTexts are those of the agent in front of the application.
var frontTexts = map[string]text{
	"front.away":      {"The application does not answer", "Die Anwendung antwortet nicht", "アプリケーションが応答していません"},
	"front.away.text": {"It may be starting. Try again in a moment; if that does not help, tell the administrator.", "Vielleicht startet sie gerade. Versuchen Sie es gleich noch einmal; hilft das nicht, sagen Sie es der Administration.", "起動中の可能性があります。しばらくしてからもう一度お試しください。解決しない場合は、管理者にお知らせください。"},
}

// Spoken are the words for a browser, by its Accept-Language: in the first
// language there that the catalogue has, else in English.
func Spoken(accept string) Words {
	w := Words{Charset: terminal.Full}
	for wanted := range strings.SplitSeq(accept, ",") { // the dearest first
		tag, _, _ := strings.Cut(strings.TrimSpace(wanted), ";")
		base, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if slices.Contains([]string{"en", "de", "ja"}, base) {
			w.Wanted = base
			break
		}
	}
	return w
}
