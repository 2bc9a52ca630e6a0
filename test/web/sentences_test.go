package web

import (
	"errors"
	"fmt"
	"html"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
	"github.com/ingotvm/ingot/internal/words"
	"github.com/ingotvm/ingot/test/browser"
)

// wrongs are forms that are refused, with what the page says of it in German
// and Japanese: problems at fields and rows, errors of the API, and phrases
// with values.
var wrongs = []struct {
	page, form string
	typed      []string
	says       map[string][]string
}{
	{"/settings/network", "/settings/network", []string{"network.hostname", "-x", "network.dns", "192.0.2"}, map[string][]string{
		"de": {"hat einen Teil, der mit einem Bindestrich beginnt", "enthält &#34;192.0.2&#34;: das ist keine IP-Adresse"},
		"ja": {"ハイフンで始まるか終わる部分があります", "&#34;192.0.2&#34; はIPアドレスではありません"},
	}},
	{"/settings/network/adapters", "/settings/network/adapters", []string{"network.interfaces[0].mtu", "99", "network.interfaces[0].gateways", "198.51.100.9"}, map[string][]string{
		"de": {"99 ist keine Paketgröße, die Netze haben. Nehmen Sie 576 bis 9216", "das Gateway 198.51.100.9 liegt in keinem Netz der festen Adressen dieses Adapters. Prüfen Sie"},
		"ja": {"99 はネットワークで使えるパケットサイズではありません。576~9216", "ゲートウェイ 198.51.100.9 はこのアダプターの固定アドレスのネットワークに属していません。ゲートウェイ"},
	}},
	{"/settings/firewall", "/settings/firewall/rules", []string{"firewall.rules[0].port", "99999", "firewall.rules[1].source", "nowhere"}, map[string][]string{
		"de": {"&#34;99999&#34; ist weder ein Port noch ein Bereich von Ports", "&#34;nowhere&#34; ist weder Adresse noch Netz. Schreiben Sie"},
		"ja": {"&#34;99999&#34; はポートでもポート範囲でもありません", "&#34;nowhere&#34; はアドレスでもネットワークでもありません。192.0.2.7 のような"},
	}},
	{"/settings/time", "/settings/time", []string{"time.zone", "Europe/Berlim"}, map[string][]string{
		"de": {"ist keine Zeitzone; meinten Sie Europe/Berlin?"}, "ja": {"タイムゾーンではありません。Europe/Berlin のことですか?"},
	}},
	{"/settings/application", "/settings/application", []string{"application.tills", "300", "application.timeout", "soon"}, map[string][]string{
		"de": {"darf höchstens 99 sein", "muss eine Dauer sein"}, "ja": {"99 以下でなければなりません", "90s や 1h30m のような時間でなければなりません"},
	}},
	{"/access", "/access/password", []string{"current", "wrong", "password", "correct horse", "again", "correct horse"}, map[string][]string{
		"de": {"das jetzige Kennwort ist falsch"}, "ja": {"現在のパスワードが違います"},
	}},
	{"/certificate", "/certificate", []string{"tls.chain", "nonsense"}, map[string][]string{
		"de": {"ist kein Zertifikat in PEM, das mit -----BEGIN CERTIFICATE----- beginnt"}, "ja": {"PEM形式の証明書ではありません"},
	}},
	{"/power", "/reset", []string{"confirm", "another"}, map[string][]string{
		"de": {"der Name der Appliance stimmt nicht. Tippen Sie shop"}, "ja": {"アプライアンスの名前が一致しません。shop と入力してください"},
	}},
}

// speak makes the appliance speak a language.
func (s *site) speak(t *testing.T, language string) {
	t.Helper()
	if _, err := s.local.Change(t.Context(), 0, wire.Change{Values: map[string]string{"language.language": language}}); err != nil {
		t.Fatal(err)
	}
}

// TestPagesSayItInTheLanguage: what the agent says is in the language of the
// page, and what people typed comes back as it was.
func TestPagesSayItInTheLanguage(t *testing.T) {
	s := newSite(t).setUp(t).withRules(t)
	b := s.browser(t).login("admin")
	for _, language := range []string{"de", "ja"} {
		s.speak(t, language)
		for _, wrong := range wrongs {
			form := b.get(wrong.page).form(t, wrong.form)
			for i := 0; i < len(wrong.typed); i += 2 {
				form.Set(wrong.typed[i], wrong.typed[i+1])
			}
			b.do("POST", wrong.form, form).says(t, 422, wrong.says[language]...)
		}
	}
	s.speak(t, "de")
	b.get("/settings/network").says(t, 200, "Adressen von eth0", "kein solcher Adapter", "IPv6 automatisch", "!no such adapter", "!addresses of")
	b.get("/settings/firewall").says(t, 200, "Verwaltungsseite", "alles Übrige", "Guests", "!everything else")
	status, err := s.local.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	german := words.Words{Wanted: "de", Charset: terminal.Full}
	for _, n := range status.Notices {
		text := german.Sentence(n.Text)
		if text == n.Text {
			t.Errorf("the notice %q has no German", n.Text)
		}
		b.get("/").says(t, 200, html.EscapeString(text))
	}
	for _, svc := range status.Services {
		b.get("/").says(t, 200, html.EscapeString(german.Sentence(svc.Detail)))
	}
	olga := s.browser(t).login("olga")
	olga.post("/settings/time", "base", "1", "time.zone", "Europe/Berlin").says(t, 403, "die Rolle operator darf das nicht", "Das braucht die Rolle admin")
	var e *client.Error
	err = s.local.NewAccount(t.Context(), wire.NewAccount{Name: "admin", Role: "admin", Password: password})
	if !errors.As(err, &e) || len(e.Problems) != 1 || e.Problems[0].Message != `there is an account "admin" already` {
		t.Errorf("the API speaks another language: %+v", e)
	}
}

// TestSentencesInChromium looks at problems, notices and facts in German and
// Japanese.
func TestSentencesInChromium(t *testing.T) {
	s := newSite(t).setUp(t).withRules(t)
	c := s.chromium(t).login("admin")
	const said = `[...document.querySelectorAll(".problem, .problems li, .problems p, .notice .grow, .detail, tr.differs th, tr.differs td")].map(e => e.innerText)`
	english := map[string][]string{}
	for _, language := range []string{"en", "de", "ja"} {
		s.speak(t, language)
		look := func(name string) {
			c.Shot("said-" + language + "-" + name)
			list := browser.Eval[[]string](c.Browser, said)
			if len(list) == 0 {
				t.Errorf("%s says nothing", name)
			}
			for i, text := range list {
				if was := english[name]; language != "en" && i < len(was) && was[i] == text && strings.Contains(text, " ") {
					t.Errorf("%s in %s: %q is as in English", name, language, text)
				}
			}
			if language == "en" {
				english[name] = list
			}
			c.Screen(browser.Narrow, browser.Light)
			c.fits(name)
			c.Screen(browser.Wide, browser.Light)
		}
		c.Screen(browser.Wide, browser.Light)
		for _, path := range []string{"/", "/settings/network"} {
			c.Open(path)
			look(shotName(path) + "-facts")
		}
		for _, wrong := range wrongs {
			c.Open(wrong.page)
			for i := 0; i < len(wrong.typed); i += 2 {
				_ = browser.Eval[bool](c.Browser, fmt.Sprintf(`(document.querySelector('form:is([action=%[1]q],[action^="%[1]s#"]) [name=%[2]q]').value = %[3]q, true)`, wrong.form, wrong.typed[i], wrong.typed[i+1]))
			}
			_ = browser.Eval[bool](c.Browser, fmt.Sprintf(`(document.querySelector('form:is([action=%[1]q],[action^="%[1]s#"])').requestSubmit(), true)`, wrong.form))
			c.Do(browser.WaitFor(".problem, .problems"))
			look(shotName(wrong.page) + "-refused")
		}
	}
}
