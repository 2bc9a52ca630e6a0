package words

// propertyTexts translate the agent's own properties, by their keys: titles,
// help, and options that are words rather than names. The English ones are
// those of the properties themselves.
var propertyTexts = map[string]text{
	"property.language.language":     {"Language", "Sprache", "言語"},
	"property.language.formats":      {"Formats", "Formate", "書式"},
	"property.language.units":        {"Units", "Einheiten", "単位"},
	"help.language.language":         {"The language of the console and of the pages. The formats follow unless others were chosen.", "Die Sprache der Konsole und der Seiten. Die Formate folgen, wenn keine anderen gewählt sind.", "コンソールと管理ページの言語。書式を個別に選んでいなければ、書式も合わせて変わります。"},
	"help.language.formats":          {"How dates, times and numbers are written.", "Wie Daten, Zeiten und Zahlen geschrieben werden.", "日付・時刻・数値の表記方法。"},
	"help.language.units":            {"The units of lengths, weights and temperatures.", "Die Einheiten von Längen, Gewichten und Temperaturen.", "長さ・重さ・温度の単位。"},
	"option.language.units.metric":   {"Metric", "Metrisch", "メートル法"},
	"option.language.units.imperial": {"Imperial", "Imperial", "ヤード・ポンド法"},

	"property.keyboard.layout": {"Keyboard layout", "Tastaturbelegung", "キーボード配列"},
	"help.keyboard.layout":     {"The keyboard of the console. Dead keys write their accent at once.", "Die Tastatur der Konsole. Tote Tasten schreiben ihren Akzent sofort.", "コンソールのキーボード。デッドキーはアクセント記号を直接入力します。"},

	"property.network.hostname":  {"Host name", "Rechnername", "ホスト名"},
	"property.network.mode":      {"Addresses", "Adressen", "アドレス設定"},
	"property.network.address":   {"IPv4 address", "IPv4-Adresse", "IPv4アドレス"},
	"property.network.gateway":   {"IPv4 gateway", "IPv4-Gateway", "IPv4ゲートウェイ"},
	"property.network.address6":  {"IPv6 address", "IPv6-Adresse", "IPv6アドレス"},
	"property.network.gateway6":  {"IPv6 gateway", "IPv6-Gateway", "IPv6ゲートウェイ"},
	"property.network.dns":       {"DNS servers", "DNS-Server", "DNSサーバー"},
	"property.network.search":    {"Search domains", "Suchdomänen", "検索ドメイン"},
	"property.network.proxy":     {"Proxy", "Proxy", "プロキシ"},
	"help.network.hostname":      {"The name of this machine: letters, digits and dashes, or a whole domain name.", "Der Name dieser Maschine: Buchstaben, Ziffern und Bindestriche, oder ein ganzer Domänenname.", "このマシンの名前。英数字とハイフン、または完全なドメイン名。"},
	"help.network.mode":          {"Whether the first network adapter asks the network for an address or has one of its own.", "Ob der erste Netzwerkadapter das Netz nach einer Adresse fragt oder eine eigene hat.", "最初のアダプターがDHCPでアドレスを取得するか、固定アドレスを使うか。"},
	"help.network.address":       {"The address with the length of its network.", "Die Adresse mit der Länge ihres Netzes.", "ネットワーク長を付けたアドレス。"},
	"help.network.gateway":       {"The router that leads to other networks.", "Der Router, der in andere Netze führt.", "他のネットワークへのルーター。"},
	"help.network.address6":      {"The address with the length of its network. Empty leaves IPv6 automatic.", "Die Adresse mit der Länge ihres Netzes. Leer bleibt IPv6 automatisch.", "ネットワーク長を付けたアドレス。空欄ならIPv6は自動です。"},
	"help.network.gateway6":      {"The router that leads to other IPv6 networks.", "Der Router, der in andere IPv6-Netze führt.", "他のIPv6ネットワークへのルーター。"},
	"help.network.dns":           {"Asked besides those that the network names.", "Werden neben denen gefragt, die das Netz nennt.", "ネットワークが通知するサーバーに加えて使用します。"},
	"help.network.search":        {"Domains in which short names are looked up.", "Domänen, in denen kurze Namen gesucht werden.", "短い名前を検索するドメイン。"},
	"help.network.proxy":         {"The proxy by which the internet is reached, if there is one; with a user and a password if it wants them.", "Der Proxy, über den das Internet erreicht wird, falls es einen gibt; mit Benutzer und Kennwort, wenn er sie verlangt.", "インターネットに接続するためのプロキシ。必要ならユーザー名とパスワードを含めます。"},
	"option.network.mode.dhcp":   {"Automatic (DHCP)", "Automatisch (DHCP)", "自動 (DHCP)"},
	"option.network.mode.static": {"Static", "Fest", "固定"},

	"property.firewall.management": {"Management networks", "Verwaltungsnetze", "管理用ネットワーク"},
	"help.firewall.management":     {"Networks and addresses from which the appliance can be managed. Empty means from everywhere.", "Netze und Adressen, von denen aus die Appliance verwaltet werden kann. Leer heißt von überall.", "管理を許可するネットワークとアドレス。空欄ならどこからでも管理できます。"},

	"property.time.zone":    {"Time zone", "Zeitzone", "タイムゾーン"},
	"property.time.servers": {"Time servers", "Zeitserver", "時刻サーバー"},
	"help.time.zone":        {"The name of the zone in the IANA database: a continent and a city, or UTC.", "Der Name der Zone in der IANA-Datenbank: ein Kontinent und eine Stadt, oder UTC.", "IANAデータベースのタイムゾーン名。大陸と都市、またはUTC。"},
	"help.time.servers":     {"NTP servers, separated by spaces. Without any, those that DHCP names are asked, and otherwise Debian's pool.", "NTP-Server, durch Leerzeichen getrennt. Ohne Angabe werden die gefragt, die DHCP nennt, sonst die von Debian.", "NTPサーバーを空白で区切って指定。空欄ならDHCPが通知するサーバー、なければDebianのサーバーを使います。"},

	"property.access.administrator": {"Administrator", "Administrator", "管理者"},
	"property.access.password":      {"Password", "Kennwort", "パスワード"},
	"help.access.administrator":     {"The name of the first administrator's account.", "Der Name des ersten Administratorkontos.", "最初の管理者アカウントの名前。"},
	"help.access.password":          {"The administrator's password, at least 10 characters of any kind; several words make a good one. A seed may give its argon2id hash instead ($argon2id$...).", "Das Kennwort des Administrators, mindestens 10 beliebige Zeichen; mehrere Wörter sind ein gutes. Ein Seed darf stattdessen seinen argon2id-Hash nennen ($argon2id$...).", "管理者のパスワード。10文字以上、文字の種類は問いません。複数の単語を並べると安全です。シードではargon2idハッシュ($argon2id$...)も指定できます。"},

	"property.tls.source":    {"Certificate", "Zertifikat", "証明書"},
	"property.tls.chain":     {"Certificate and chain", "Zertifikat und Kette", "証明書とチェーン"},
	"property.tls.key":       {"Private key", "Privater Schlüssel", "秘密鍵"},
	"property.tls.directory": {"Directory", "Verzeichnis", "ディレクトリー"},
	"property.tls.names":     {"Names", "Namen", "名前"},
	"property.tls.email":     {"E-mail", "E-Mail", "メールアドレス"},
	"property.tls.authority": {"Root of the authority", "Wurzel der Stelle", "認証局のルート証明書"},
	"help.tls.source":        {"Where the certificate of the management pages comes from.", "Woher das Zertifikat der Verwaltungsseiten kommt.", "管理ページの証明書の取得方法。"},

	"option.tls.source.self-signed": {"Made by the appliance, signed by itself", "Von der Appliance gemacht, selbst signiert", "アプライアンスが作成(自己署名)"},
	"option.tls.source.uploaded":    {"Uploaded", "Hochgeladen", "アップロード"},
	"option.tls.source.acme":        {"From an authority, automatically (ACME)", "Von einer Stelle, automatisch (ACME)", "認証局から自動取得 (ACME)"},

	"help.tls.chain": {
		"The certificate in PEM, with those that lead to its authority, in any order.",
		"Das Zertifikat in PEM, mit denen, die zu seiner Stelle führen, in beliebiger Reihenfolge.",
		"PEM形式の証明書と中間証明書。順序は問いません。",
	},
	"help.tls.key": {
		"The certificate's key in PEM, without a password. Empty when the request was made on the appliance.",
		"Der Schlüssel des Zertifikats in PEM, ohne Kennwort. Leer, wenn die Anforderung auf der Appliance entstand.",
		"PEM形式、パスワードなしの鍵。CSRをこのアプライアンスで作成した場合は空欄にします。",
	},
	"help.tls.directory": {
		"The URL of the authority's ACME directory. By using it you accept the authority's terms.",
		"Die URL des ACME-Verzeichnisses der Stelle. Wer sie benutzt, nimmt deren Bedingungen an.",
		"認証局のACMEディレクトリーのURL。使用すると認証局の規約に同意したことになります。",
	},
	"help.tls.names": {
		"The host names of the certificate. The authority must reach port 80 of this appliance under each of them.",
		"Die Rechnernamen des Zertifikats. Die Stelle muss unter jedem von ihnen Port 80 dieser Appliance erreichen.",
		"証明書のホスト名。認証局は、それぞれの名前でこのアプライアンスのポート80に接続できる必要があります。",
	},
	"help.tls.email": {
		"Whom the authority tells of problems. May be empty.",
		"Wem die Stelle von Problemen berichtet. Darf leer sein.",
		"認証局からの連絡先。空欄でもかまいません。",
	},
	"help.tls.authority": {
		"The root certificate, in PEM, of the authority's own server. Empty when it is one that the system trusts.",
		"Das Wurzelzertifikat, in PEM, des Servers der Stelle. Leer, wenn das System ihm schon traut.",
		"認証局のサーバーのルート証明書(PEM)。システムが既に信頼している場合は空欄にします。",
	},
}
