package web

import (
	"html"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// TestOverviewSaysItInTheLanguage: notices, what services and adapters lack,
// and what to do.
func TestOverviewSaysItInTheLanguage(t *testing.T) {
	for language, wants := range map[string][]string{
		"en": {"the system unit foo.service failed. <span class=\"hint\">look at the log</span>", "connect to 127.0.0.1:3306: connection refused", "no address: no DHCP answer on eth1"},
		"de": {"die Systemeinheit foo.service ist ausgefallen. <span class=\"hint\">Sehen Sie ins Protokoll</span>", "Verbindung zu 127.0.0.1:3306: Verbindung abgelehnt", "keine Adresse: keine DHCP-Antwort an eth1"},
		"ja": {"システムユニット foo.service が異常終了しました。<span class=\"hint\">ログを確認してください</span>", "127.0.0.1:3306 への接続: 接続が拒否されました", "アドレスがありません。eth1 でDHCPの応答がありません"},
	} {
		s := demo()
		s.Locale.Language = language
		page := get(t, s, "GET", "/").Body.String()
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("in %s the page does not hold %q", language, want)
			}
		}
	}
}

// TestTranslatedTextsAreHarmless: what a stranger put into a sentence of the
// agent's becomes no markup by being translated.
func TestTranslatedTextsAreHarmless(t *testing.T) {
	const evil = `<script>alert(1)</script>%s%[9]d{{.}}`
	s := demo()
	s.Locale.Language = "de"
	s.Notices = []wire.Notice{{ID: "x", Level: wire.Critical, Text: "the system unit " + evil + " failed", Hint: evil}}
	s.Services[1].Detail = "there is no unit " + evil
	page := get(t, s, "GET", "/").Body.String()
	if strings.Contains(page, "<script>alert") {
		t.Error("the page holds a script")
	}
	for _, want := range []string{"die Systemeinheit " + evil + " ist ausgefallen", "es gibt keine Einheit " + evil} {
		if !strings.Contains(html.UnescapeString(page), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
