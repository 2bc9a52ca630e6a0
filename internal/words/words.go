package words

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/console/terminal"
)

// text is a message, or a sentence of the agent's, in the languages of the
// console and the pages.
type text struct{ en, de, ja string }

// Words are the messages as one terminal shows them: in the wanted language,
// unless the terminal cannot show it. Linux's own console has no Japanese
// characters.
type Words struct {
	Wanted  string
	Charset terminal.Charset
}

// Language is what the texts are in.
func (w Words) Language() string {
	switch {
	case strings.HasPrefix(w.Wanted, "de"):
		return "de"
	case strings.HasPrefix(w.Wanted, "ja") && w.Charset == terminal.Full:
		return "ja"
	}
	return "en"
}

// Text is a message with its values.
func (w Words) Text(id string, args ...any) string {
	s, ok := w.Lookup(id)
	if !ok {
		s = id
	}
	if len(args) > 0 {
		s = fmt.Sprintf(s, args...)
	}
	return s
}

// IDs are those of all messages, for tests of who shows them.
func IDs() []string {
	var ids []string
	for _, texts := range catalogue() {
		ids = slices.AppendSeq(ids, maps.Keys(texts))
	}
	return ids
}

func catalogue() []map[string]text {
	return []map[string]text{generalTexts, pageTexts, webTexts, accessTexts, passkeyTexts, supportTexts, updateTexts, rowTexts, frontTexts, propertyTexts, outsideTexts}
}

// Lookup is a message, if the catalogue has it.
func (w Words) Lookup(id string) (string, bool) {
	var entry text
	ok := false
	for _, texts := range catalogue() {
		if entry, ok = texts[id]; ok {
			break
		}
	}
	if _, own := propertyTexts[id]; own && w.Language() == "en" {
		return "", false // the agent's own title is English
	}
	if !ok {
		return "", false
	}
	switch w.Language() {
	case "de":
		if w.Charset == terminal.ASCII {
			return umlauts.Replace(entry.de), true
		}
		return entry.de, true
	case "ja":
		return entry.ja, true
	}
	return entry.en, true
}

// umlauts writes German as it is written without its letters.
var umlauts = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ß", "ss")

// generalTexts are those of the frame, the status and the wizard.
var generalTexts = map[string]text{
	"title.appliance": {"Appliance", "Appliance", "アプライアンス"},

	"state.agent":    {"AGENT STARTING", "AGENT STARTET", "エージェント起動中"},
	"state.starting": {"STARTING", "STARTET", "起動中"},
	"state.healthy":  {"HEALTHY", "IN ORDNUNG", "正常"},
	"state.degraded": {"DEGRADED", "GESTÖRT", "異常"},
	"state.setup":    {"TO BE SET UP", "EINZURICHTEN", "未設定"},

	"length.less": {"less than a minute", "unter einer Minute", "1分未満"},
	"length.min":  {"%d min", "%d min", "%d分"},
	"length.hour": {"%d h %d min", "%d h %d min", "%d時間%d分"},
	"length.day":  {"%d d %d h", "%d d %d h", "%d日%d時間"},

	"foot.wait":      {"Please wait ...", "Bitte warten ...", "お待ちください ..."},
	"foot.up":        {"up %s", "läuft %s", "稼働 %s"},
	"foot.setup":     {"Enter/F2: set up", "Enter/F2: einrichten", "Enter/F2: 設定"},
	"foot.login":     {"Enter/F2: log in", "Enter/F2: anmelden", "Enter/F2: ログイン"},
	"foot.menu":      {"Enter/F2: menu", "Enter/F2: Menü", "Enter/F2: メニュー"},
	"foot.back":      {"Esc: back", "Esc: zurück", "Esc: 戻る"},
	"foot.enter":     {"Enter: go on", "Enter: weiter", "Enter: 次へ"},
	"foot.form":      {"Tab/arrows: move  Enter: next  F10: done  Esc: back", "Tab/Pfeile: bewegen  Enter: weiter  F10: fertig  Esc: zurück", "Tab/矢印: 移動  Enter: 次へ  F10: 完了  Esc: 戻る"},
	"foot.picker":    {"Type to find  Arrows: move  Enter: choose  Esc: back", "Tippen: suchen  Pfeile: bewegen  Enter: wählen  Esc: zurück", "文字入力: 検索  矢印: 移動  Enter: 選択  Esc: 戻る"},
	"foot.licence":   {"Enter: read on, accept at the end  A: accept now  Esc: back", "Enter: weiterlesen, am Ende annehmen  A: annehmen  Esc: zurück", "Enter: 続きを読む・最後で同意  A: 同意  Esc: 戻る"},
	"foot.attention": {"Arrows: move  Esc: back", "Pfeile: bewegen  Esc: zurück", "矢印: 移動  Esc: 戻る"},
	"foot.fix":       {"Arrows: move  Enter: do it  Esc: back", "Pfeile: bewegen  Enter: tun  Esc: zurück", "矢印: 移動  Enter: 実行  Esc: 戻る"},
	"foot.choose":    {"Arrows: move  Enter: choose  Esc: back", "Pfeile: bewegen  Enter: wählen  Esc: zurück", "矢印: 移動  Enter: 選択  Esc: 戻る"},
	"foot.menupage":  {"Arrows/digit: choose  Enter: open  Esc: status", "Pfeile/Ziffer: wählen  Enter: öffnen  Esc: Status", "矢印/数字: 選択  Enter: 開く  Esc: 状態"},
	"foot.codeform":  {"Enter: log in  F4: lost the telephone  Esc: back", "Enter: anmelden  F4: Telefon verloren  Esc: zurück", "Enter: ログイン  F4: 電話をなくした  Esc: 戻る"},
	"foot.loginform": {"Enter: log in  F4: forgot the password  Esc: back", "Enter: anmelden  F4: Kennwort vergessen  Esc: zurück", "Enter: ログイン  F4: パスワードを忘れた  Esc: 戻る"},
	"foot.scroll":    {"Arrows, PgUp, PgDn: scroll  Esc: back", "Pfeile, Bild auf/ab: blättern  Esc: zurück", "矢印/PgUp/PgDn: スクロール  Esc: 戻る"},
	"foot.history":   {"Arrows: move  Enter: what changed  Esc: back", "Pfeile: bewegen  Enter: was sich änderte  Esc: zurück", "矢印: 移動  Enter: 変更内容  Esc: 戻る"},
	"foot.diff":      {"Arrows: scroll  R: bring this back  Esc: back", "Pfeile: blättern  R: wiederherstellen  Esc: zurück", "矢印: スクロール  R: この版に戻す  Esc: 戻る"},
	"foot.log":       {"Arrows, PgUp, PgDn: scroll  R: read again  Esc: back", "Pfeile, Bild auf/ab: blättern  R: neu lesen  Esc: zurück", "矢印/PgUp/PgDn: スクロール  R: 再読込  Esc: 戻る"},

	"status.starting":  {"The management agent is starting.", "Der Verwaltungsagent startet.", "管理エージェントを起動しています。"},
	"status.last":      {"The management agent is starting. What follows is what it said last.", "Der Verwaltungsagent startet. Es folgt, was er zuletzt sagte.", "管理エージェントを起動しています。以下は最後の状態です。"},
	"status.setup":     {"Set up: press Enter, or use a browser", "Einrichten: Enter, oder im Browser", "初期設定: Enterキー、またはブラウザーで"},
	"status.code":      {"One-time code", "Einmalcode", "ワンタイムコード"},
	"status.open":      {"Open in a browser", "Im Browser öffnen", "ブラウザーで開く"},
	"status.manage":    {"Manage this appliance", "Diese Appliance verwalten", "アプライアンスの管理"},
	"status.address":   {"Address", "Adresse", "アドレス"},
	"status.network":   {"Network", "Netzwerk", "ネットワーク"},
	"status.noadapter": {"there is no network adapter", "es gibt keinen Netzwerkadapter", "ネットワークアダプターがありません"},
	"status.differs":   {"wanted %s, is %s", "soll %s, ist %s", "設定 %s、現在 %s"},
	"status.none":      {"none", "keine", "なし"},
	"status.services":  {"Services", "Dienste", "サービス"},
	"status.attention": {"Needs attention", "Braucht Aufmerksamkeit", "要確認"},
	"status.more":      {"... and more on the management page", "... und mehr auf der Verwaltungsseite", "... 続きは管理ページにあります"},
	"service.starting": {"starting", "startet", "起動中"},
	"service.healthy":  {"healthy", "in Ordnung", "正常"},
	"service.failing":  {"failing", "gestört", "異常"},
	"service.off":      {"off", "aus", "停止"},
	"machine.title":    {"Machine", "Maschine", "マシン"},
	"machine.memory":   {"Memory", "Arbeitsspeicher", "メモリー"},
	"machine.cpus":     {"CPUs", "CPUs", "CPU"},
	"machine.given":    {"%s given", "%s vorhanden", "%s"},
	"machine.gets":     {", %s gets %s", ", %s bekommt %s", "、%s に %s"},

	"step.language":      {"Language", "Sprache", "言語"},
	"step.keyboard":      {"Keyboard", "Tastatur", "キーボード"},
	"step.eula":          {"Licence", "Lizenz", "使用許諾"},
	"step.network":       {"Network", "Netzwerk", "ネットワーク"},
	"step.time":          {"Time", "Zeit", "時刻"},
	"step.administrator": {"Administrator", "Administrator", "管理者"},
	"step.application":   {"Application", "Anwendung", "アプリケーション"},

	"intro.language":      {"Welcome. The language of this console and of the pages:", "Willkommen. Die Sprache dieser Konsole und der Seiten:", "ようこそ。コンソールと管理ページの言語を選んでください。"},
	"intro.keyboard":      {"The keyboard of this console:", "Die Tastatur dieser Konsole:", "コンソールのキーボード配列:"},
	"intro.time":          {"The time zone, and where the time comes from:", "Die Zeitzone, und woher die Zeit kommt:", "タイムゾーンと時刻サーバー:"},
	"intro.administrator": {"The account that manages this appliance. There is no password yet; choose one.", "Das Konto, das diese Appliance verwaltet. Noch gibt es kein Kennwort; wählen Sie eines.", "管理用アカウントです。パスワードは未設定です。設定してください。"},
	"intro.application":   {"The settings of the application. They can be changed later.", "Die Einstellungen der Anwendung. Sie lassen sich später ändern.", "アプリケーションの設定です。後で変更できます。"},

	"language.cannot": {"This terminal cannot show Japanese: its texts stay English.", "Dieses Terminal kann kein Japanisch zeigen.", "この端末は日本語を表示できません。"},
	"wizard.continue": {"Continue", "Weiter", "次へ"},
	"wizard.nothing":  {"There is nothing to ask. The agent is still at work.", "Es gibt nichts zu fragen. Der Agent arbeitet noch.", "質問はありません。エージェントが処理中です。"},
	"wizard.seed":     {"What the seed (%s) says was not taken: %s", "Was der Seed (%s) sagt, wurde nicht übernommen: %s", "シード(%s)の値は適用されませんでした: %s"},
	"wizard.seeds":    {"%d answers of seeds were not taken. Esc and the steps say which.", "Von den Seeds wurden %d Antworten nicht übernommen. Esc und die Schritte sagen, welche.", "シードの回答のうち %d 件は適用されませんでした。Escキーと各手順で確認できます。"},
	"wizard.remote":   {"Or in a browser: %s - one-time code %s", "Oder im Browser: %s - Einmalcode %s", "ブラウザーでも設定できます: %s - ワンタイムコード %s"},

	"network.has":    {"%s has %s", "%s hat %s", "%s のアドレス: %s"},
	"network.dhcp":   {"This works as it is: go on, or set the addresses by hand.", "So geht es schon: weitergehen, oder die Adressen von Hand setzen.", "このまま次へ進むか、アドレスを手動で設定してください。"},
	"network.nodhcp": {"No address came by DHCP. Set the addresses by hand below, or connect the virtual machine's network adapter to a network with DHCP.", "Per DHCP kam keine Adresse. Setzen Sie die Adressen unten von Hand, oder verbinden Sie den Netzwerkadapter der virtuellen Maschine mit einem Netz mit DHCP.", "DHCPからアドレスを取得できませんでした。下で手動設定するか、DHCPのあるネットワークに接続してください。"},
	"network.none":   {"There is no network adapter. Add one to the virtual machine; these settings are kept for it.", "Es gibt keinen Netzwerkadapter. Fügen Sie der virtuellen Maschine einen hinzu; diese Einstellungen gelten dann für ihn.", "ネットワークアダプターがありません。仮想マシンに追加してください。"},
	"network.same":   {"Nothing was changed.", "Nichts wurde geändert.", "変更はありません。"},

	"licence.accept":    {"I accept", "Ich nehme an", "同意する"},
	"licence.languages": {"Also in: %s. Choose the language in the first step.", "Auch in: %s. Die Sprache wird im ersten Schritt gewählt.", "他の言語: %s(最初の手順で言語を選択)"},

	"finish.head":  {"Done", "Fertig", "完了"},
	"finish.title": {"The appliance is set up", "Die Appliance ist eingerichtet", "初期設定が完了しました"},
	"finish.text":  {"The application starts now. This is where it is reached:", "Die Anwendung startet jetzt. Hier ist sie zu erreichen:", "アプリケーションを起動します。アクセス先:"},

	"adopt.head":    {"Data disk", "Datenplatte", "データディスク"},
	"adopt.title":   {"The data disk has been in use before", "Die Datenplatte war schon in Gebrauch", "データディスクは使用済みです"},
	"adopt.whose":   {"It is that of %s, version %s.", "Sie ist die von %s, Version %s.", "%s バージョン %s のディスクです。"},
	"adopt.means":   {"Taken over, this appliance continues where that one was: its identity, settings and data. The other virtual machine must not run any more.", "Übernommen setzt diese Appliance fort, wo jene war: ihre Identität, Einstellungen und Daten. Die andere virtuelle Maschine darf nicht mehr laufen.", "引き継ぐと、以前のID・設定・データで続行します。元の仮想マシンは停止したままにしてください。"},
	"adopt.refused": {"It cannot be taken over: %s.", "Sie kann nicht übernommen werden: %s.", "引き継げません: %s"},
	"adopt.instead": {"Nothing on it was changed. Power the virtual machine off and attach another data disk.", "Nichts darauf wurde geändert. Schalten Sie die virtuelle Maschine aus und hängen Sie eine andere Datenplatte an.", "ディスクは変更されていません。仮想マシンの電源を切り、別のデータディスクを接続してください。"},
	"adopt.yes":     {"Take it over", "Übernehmen", "引き継ぐ"},
	"adopt.no":      {"Leave it as it is", "So lassen, wie sie ist", "変更しない"},
}
