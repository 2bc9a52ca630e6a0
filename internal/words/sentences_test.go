package words

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/console/terminal"
)

// values are the verbs of a pattern by the number of their value.
func values(pattern string) []string {
	var list []string
	for _, p := range pieces(pattern) {
		if p.verb != 0 {
			list = append(list, fmt.Sprintf("%d%c", p.value, p.verb))
		}
	}
	slices.Sort(list)
	return list
}

// TestSentences: every pattern is there once and in all languages, with the
// same values, in characters that terminals can show.
func TestSentences(t *testing.T) {
	seen := map[string]bool{}
	for _, table := range sentences() {
		for _, x := range table {
			if seen[x.en] {
				t.Errorf("%q is there twice", x.en)
			}
			seen[x.en] = true
			for i, p := range pieces(x.en) {
				if p.verb != 0 && !strings.ContainsRune("sqdw", rune(p.verb)) {
					t.Errorf("%q: %%%c is no value of a pattern", x.en, p.verb)
				}
				if i > 0 && p.verb != 0 && pieces(x.en)[i-1].verb != 0 {
					t.Errorf("%q: nobody can tell where one value ends and the next one begins", x.en)
				}
			}
			for language, s := range map[string]string{"de": x.de, "ja": x.ja} {
				if s == "" || strings.TrimSpace(s) != s && !strings.HasSuffix(x.en, " ") {
					t.Errorf("%q in %s is %q", x.en, language, s)
				}
				if !slices.Equal(values(s), values(x.en)) {
					t.Errorf("%q takes %v, and in %s %v: %q", x.en, values(x.en), language, values(s), s)
				}
				if end := map[string]string{"de": ".", "ja": "。"}[language]; !strings.HasSuffix(x.en, "..") && strings.HasSuffix(x.en, ".") != strings.HasSuffix(s, end) {
					t.Errorf("%q in %s ends otherwise: %q", x.en, language, s)
				}
			}
			if strings.Contains(terminal.Clean(umlauts.Replace(x.de), terminal.ASCII), "?") && !strings.Contains(x.de, "?") {
				t.Errorf("%q cannot be written in ASCII", x.de)
			}
			if strings.Contains(terminal.Clean(x.ja, terminal.Full), "?") && !strings.Contains(x.ja, "?") {
				t.Errorf("%q has characters that are not shown", x.ja)
			}
		}
	}
}

func TestSentence(t *testing.T) {
	german, japanese := Words{Wanted: "de", Charset: terminal.Full}, Words{Wanted: "ja", Charset: terminal.Full}
	for _, c := range []struct{ english, german, japanese string }{
		{"", "", ""},
		{"nobody has said this before", "nobody has said this before", "nobody has said this before"},
		{"is missing", "fehlt", "ありません"},
		{"the data disk is 93 % full", "die Datenplatte ist zu 93 % voll", "データディスクの使用率が 93% です"},
		{`the gateway "x%d" is not an IP address`, `das Gateway "x%d" ist keine IP-Adresse`, `ゲートウェイ "x%d" はIPアドレスではありません`},
		{"the gateway 10.0.0.0 is not the address of a machine in 10.0.0.0/24", "das Gateway 10.0.0.0 ist nicht die Adresse einer Maschine in 10.0.0.0/24", "ゲートウェイ 10.0.0.0 は10.0.0.0/24 の中のマシンのアドレスではありません"},
		{"Port must be at least 1024", "Port muss mindestens 1024 sein", "Port は1024 以上でなければなりません"},
		{"must be two to four capitals", "muss so sein: two to four capitals", "次のとおりでなければなりません: two to four capitals"},
		{`"x: is missing; is missing; is missing" is not a role`, `"x: is missing; is missing; is missing" ist keine Rolle`, `"x: is missing; is missing; is missing" は権限ではありません`},
		{`"is missing" is not a role`, `"is missing" ist keine Rolle`, `"is missing" は権限ではありません`},
		{"Shop does not work: stopped: exit status 3", "Shop ist gestört: angehalten: Exit-Status 3", "Shop に異常があります: 停止: 終了ステータス 3"},
		{"cannot read the firewall: the kernel has no nftables: protocol not supported", "die Firewall ist nicht zu lesen: der Kernel hat kein nftables: protocol not supported", "ファイアウォールを読み取れません: カーネルにnftablesがありません: protocol not supported"},
		{"seed (cdrom): network.dns[0] is empty", "Seed (cdrom): network.dns[0] ist leer", "シード(cdrom): network.dns[0] は空です"},
		{"cannot apply network: eth0 has not got the address 192.0.2.7/24; the old configuration is in force",
			"network lässt sich nicht anwenden: eth0 hat die Adresse 192.0.2.7/24 nicht bekommen; die alte Konfiguration gilt wieder",
			"network を適用できません: eth0 にアドレス 192.0.2.7/24 が設定されていません。以前の設定に戻しました"},
		{"St. Mary; No. 5 does not work: stopped", "St. Mary; No. 5 ist gestört: angehalten", "St. Mary; No. 5 に異常があります: 停止"},
		{"cannot apply the configuration: no space left on device", "die Konfiguration lässt sich nicht anwenden: kein Platz mehr auf der Platte", "設定を適用できません: ディスクの空き容量がありません"},
		{"cannot restart the service web: it ended with status 1; its last words: no such table", "der Dienst web kann nicht neu gestartet werden: es endete mit Status 1; seine letzten Worte: no such table", "サービス web を再起動できません: ステータス 1 で終了しました。最後の出力: no such table"},
		{"the service web does not run; its last words: no", "der Dienst web läuft nicht; seine letzten Worte: no", "サービス web が稼働していません。最後の出力: no"},
		{"the machine is named \"a\" instead of \"b\"", `die Maschine heißt "a" statt "b"`, `マシンの名前が "b" ではなく "a" です`},
		{`"xx" is not a tag of formats that the appliance knows`, `"xx" kennt die Appliance nicht (Kennung der Formate)`, `"xx" は未対応です(書式の識別子)`},
		{"The data disk cannot be set up, so everything is lost at the next restart: exec format error.", "Die Datenplatte lässt sich nicht einrichten, darum geht beim nächsten Neustart alles verloren: exec format error.", "データディスクを準備できないため、次の再起動ですべて失われます: exec format error。"},
		{"the certificate of the shop is old", "the certificate of the shop is old", "the certificate of the shop is old"},
		{"If it does not start, you cannot be at work", "If it does not start, you cannot be at work", "If it does not start, you cannot be at work"},
		{"the uploaded certificate cannot be used, so the appliance's own is. Upload it once more, with its key", "das hochgeladene Zertifikat ist nicht verwendbar, darum gilt das eigene der Appliance. Laden Sie es noch einmal hoch, mit seinem Schlüssel", "アップロードされた証明書が使えないため、アプライアンス自身のものを使っています。鍵とともにもう一度アップロードしてください"},
		{"it must be one of de, en", "es muss eines davon sein: de, en", "次のいずれかでなければなりません: de, en"},
		{"the authority's directory is not a URL that begins with https://", "das Verzeichnis der Stelle ist keine URL, die mit https:// beginnt", "認証局のディレクトリー はhttps:// で始まるURLではありません"},
	} {
		if got := (Words{Wanted: "en", Charset: terminal.Full}).Sentence(c.english); got != c.english {
			t.Errorf("English: %q became %q", c.english, got)
		}
		if got := german.Sentence(c.english); got != c.german {
			t.Errorf("German:\n got %q\nwant %q", got, c.german)
		}
		if got := japanese.Sentence(c.english); got != c.japanese {
			t.Errorf("Japanese:\n got %q\nwant %q", got, c.japanese)
		}
	}
	ascii := Words{Wanted: "de", Charset: terminal.ASCII}
	if got := ascii.Sentence("Ärger is too long: it may have at most 256 characters"); got != "Ärger ist zu lang: es darf hoechstens 256 Zeichen haben" {
		t.Errorf("ASCII: %q; only our own letters are written otherwise", got)
	}
}

func TestAdviceAndFacts(t *testing.T) {
	german, japanese := Words{Wanted: "de", Charset: terminal.Full}, Words{Wanted: "ja", Charset: terminal.Full}
	for _, c := range []struct {
		w                   Words
		message, hint, want string
	}{
		{Words{}, "is missing", "", "is missing"},
		{Words{}, "is missing", "give the value", "is missing. give the value"},
		{german, "is missing", "give the value", "fehlt. Geben Sie den Wert an"},
		{japanese, "is missing", "give the value", "ありません。値を指定してください"},
		{japanese, "of a vendor", "", "of a vendor"},
	} {
		if got := c.w.Advice(c.message, c.hint); got != c.want {
			t.Errorf("Advice(%q, %q) = %q; want %q", c.message, c.hint, got, c.want)
		}
	}
	if _, wanted, _ := japanese.Fact("addresses of eth0", "192.0.2.7/24, automatic IPv6", ""); wanted != "192.0.2.7/24, IPv6自動" {
		t.Errorf("in Japanese %q", wanted)
	}
	for _, c := range [][2][3]string{
		{{"addresses of eth0", "192.0.2.7/24, automatic IPv6", "not connected"}, {"Adressen von eth0", "192.0.2.7/24, IPv6 automatisch", "nicht verbunden"}},
		{{"host name", "stopped", "running"}, {"Rechnername", "stopped", "running"}},
		{{"search domains", "running, none", "stopped"}, {"Suchdomänen", "running, none", "stopped"}},
		{{"Shop", "running", "stopped"}, {"Shop", "läuft", "angehalten"}},
		{{"memory of Shop", "40% of memory", "3,2 GiB"}, {"Arbeitsspeicher von Shop", "40% des Arbeitsspeichers", "3,2 GiB"}},
	} {
		var got [3]string
		if got[0], got[1], got[2] = german.Fact(c[0][0], c[0][1], c[0][2]); got != c[1] {
			t.Errorf("Fact(%q) = %q; want %q", c[0], got, c[1])
		}
	}
}

// TestSentenceIsQuick: what strangers put into a sentence costs little.
func TestSentenceIsQuick(t *testing.T) {
	german := Words{Wanted: "de", Charset: terminal.Full}
	german.Sentence("is missing") // makes the index
	for _, hostile := range []string{
		strings.Repeat("is not a ", 1800), strings.Repeat("a: ", 5000), strings.Repeat("cannot apply ", 1200), strings.Repeat("; is missing: x", 1000),
		strings.Repeat("the gateway is not the address of a machine in ", 340), strings.Repeat(`"`, 16000), strings.Repeat("must be ", 2000),
		strings.Repeat("GET a: ", 2300), strings.Repeat("x has not got the address ", 600),
	} {
		begin := time.Now()
		german.Sentence(hostile)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%.40q… took %v", hostile, took)
		}
	}
}

// FuzzSentence: nothing panics, and values come back whole.
func FuzzSentence(f *testing.F) {
	f.Add("the gateway %q is not an IP address", "%s: is missing", uint16(3))
	f.Add("a: b: %w", "cannot apply x: y; z", uint16(99))
	f.Add("\xff\n: ; ", `"\`, uint16(500))
	var all []text
	for _, table := range sentences() {
		all = append(all, table...)
	}
	f.Fuzz(func(t *testing.T, sentence, value string, which uint16) {
		if len(sentence)+len(value) > 1<<12 {
			return
		}
		for _, w := range []Words{{Wanted: "de", Charset: terminal.ASCII}, {Wanted: "ja", Charset: terminal.Full}, {Wanted: "de", Charset: terminal.Full}} {
			_ = w.Advice(sentence, value)
			_, _, _ = w.Fact(sentence, value, sentence)
			// A pattern with the value in each of its places.
			entry := all[int(which)%len(all)]
			var english strings.Builder
			marked := "<" + value + ">" // no sentence of ours begins so
			for _, p := range pieces(entry.en) {
				switch p.verb {
				case 0:
					english.WriteString(p.text)
				case 'q':
					fmt.Fprintf(&english, "%q", marked)
				case 'd':
					english.WriteString("42")
				default:
					english.WriteString(marked)
				}
			}
			got := w.Sentence(english.String())
			quoted := strings.Contains(entry.en, "%q")
			// What looks like a chain of causes is read as one.
			plain := strings.Contains(entry.en, "%s") && !strings.ContainsAny(value, ":;\n\"")
			if quoted && !strings.Contains(got, fmt.Sprintf("%q", marked)) || plain && !strings.Contains(got, marked) {
				t.Errorf("%q became %q: the value is not whole", english.String(), got)
			}
		}
	})
}

func BenchmarkSentence(b *testing.B) {
	w := Words{Wanted: "de", Charset: terminal.Full}
	for _, s := range []string{"is missing", `the gateway "192.0.2" is not an IP address`, "Shop does not work: stopped and is being restarted: exit status 3", "a text of the vendor that nobody translated: really"} {
		b.Run(s[:10], func(b *testing.B) {
			for b.Loop() {
				w.Sentence(s)
			}
		})
	}
}
