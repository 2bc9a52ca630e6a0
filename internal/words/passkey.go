package words

// passkeyTexts are those about passkeys.
var passkeyTexts = map[string]text{
	"web.passkey":         {"Your passkeys", "Ihre Passkeys", "自分のパスキー"},
	"web.passkey.text":    {"A telephone, a computer or a security key logs you in, with your finger, face or PIN: no name, password or code is typed. Each works only under the name at which it was made.", "Ein Telefon, ein Computer oder ein Sicherheitsschlüssel meldet Sie an, mit Finger, Gesicht oder PIN: kein Name, kein Kennwort, kein Code wird getippt. Jeder gilt nur unter dem Namen, unter dem er angelegt wurde.", "電話、パソコン、セキュリティキーで、指紋、顔、PINを使ってログインできます。名前、パスワード、コードの入力は不要です。作成したときのホスト名でのみ使えます。"},
	"web.passkey.address": {"Passkeys need a name and a certificate that your browser trusts. You are at an address: open the appliance under its name to add one.", "Passkeys brauchen einen Namen und ein Zertifikat, dem Ihr Browser vertraut. Sie sind bei einer Adresse: Öffnen Sie die Appliance unter ihrem Namen, um einen hinzuzufügen.", "パスキーには、ホスト名と、ブラウザーが信頼する証明書が必要です。現在はアドレスで接続しています。追加するには、ホスト名で開いてください。"},
	"web.passkey.trust":   {"This will be one for %s. It takes a certificate that your browser trusts.", "Das wird einer für %s. Er braucht ein Zertifikat, dem Ihr Browser vertraut.", "%s 用のパスキーになります。ブラウザーが信頼する証明書が必要です。"},
	"web.passkey.scripts": {"Passkeys need JavaScript, and a browser that knows them.", "Passkeys brauchen JavaScript und einen Browser, der sie kennt.", "パスキーには、JavaScriptと対応ブラウザーが必要です。"},
	"web.passkey.none":    {"You have none.", "Sie haben keinen.", "登録されていません。"},
	"web.passkey.row":     {"for %s, added %s", "für %s, hinzugefügt %s", "%s 用、追加 %s"},
	"web.passkey.name":    {"What you call the passkey", "Wie Sie den Passkey nennen", "パスキーの名前"},
	"web.passkey.eg":      {"My telephone", "Mein Telefon", "自分の電話"},
	"web.passkey.add":     {"Add a passkey", "Passkey hinzufügen", "パスキーを追加"},
	"web.passkey.rename":  {"Rename", "Umbenennen", "名前を変更"},
	"web.passkey.other":   {"Delete the passkeys", "Passkeys löschen", "パスキーを削除"},
	"web.passkey.tag":     {"passkeys: %d", "Passkeys: %d", "パスキー: %d"},
	"web.passkey.head":    {"Add a passkey", "Passkey hinzufügen", "パスキーの追加"},
	"web.passkey.ask":     {"Your browser now asks where to keep “%s”, and for your finger, face or PIN.", "Ihr Browser fragt jetzt, wo „%s“ aufbewahrt werden soll, und nach Finger, Gesicht oder PIN.", "「%s」の保存先と、指紋、顔、PINをブラウザーが確認します。"},
	"web.passkey.make":    {"Ask again", "Noch einmal fragen", "もう一度"},
	"web.passkey.failed":  {"This did not work. It was cancelled or took too long, the device has no passkey for this name or does not verify its user, or the browser does not trust the appliance’s certificate, as passkeys need it.", "Das hat nicht geklappt. Es wurde abgebrochen oder dauerte zu lange, das Gerät hat keinen Passkey für diesen Namen oder prüft nicht, wer es benutzt, oder der Browser vertraut dem Zertifikat der Appliance nicht, wie Passkeys es brauchen.", "できませんでした。キャンセルまたは時間切れ、この名前のパスキーが端末にない、端末が本人確認をしない、ブラウザーが証明書を信頼していない、のいずれかです。"},
	"web.passkey.known":   {"This device holds a passkey of yours for this name already.", "Dieses Gerät hat schon einen Passkey von Ihnen für diesen Namen.", "この端末には、この名前のパスキーが既にあります。"},
	"web.passkey.wrong":   {"The passkey is not known here, or its answer is not right.", "Der Passkey ist hier nicht bekannt, oder seine Antwort stimmt nicht.", "登録されていないパスキーか、応答が正しくありません。"},
	"web.passkey.copied":  {"The passkey has counted back, as a copy of it would: somebody may have copied it. Log in with the password, delete the passkey, and add it anew.", "Der Passkey hat zurückgezählt, wie es eine Kopie täte: Jemand hat ihn vielleicht kopiert. Melden Sie sich mit dem Kennwort an, löschen Sie den Passkey, und fügen Sie ihn neu hinzu.", "パスキーのカウンターが戻っています。複製された可能性があります。パスワードでログインし、パスキーを削除して登録し直してください。"},
	"web.passkey.login":   {"Log in with a passkey", "Mit einem Passkey anmelden", "パスキーでログイン"},
	"web.passkey.nothere": {"None of the passkeys belongs to the name %s.", "Keiner der Passkeys gehört zum Namen %s.", "%s のパスキーはありません。"},
	"web.passkey.noname":  {"Passkeys need a name and a trusted certificate; you are at an address.", "Passkeys brauchen einen Namen und ein vertrautes Zertifikat; Sie sind bei einer Adresse.", "パスキーには、ホスト名と信頼された証明書が必要です。現在はアドレスで接続しています。"},

	"web.said.passkey":          {"The passkey is added.", "Der Passkey ist hinzugefügt.", "パスキーを追加しました。"},
	"web.said.passkey-renamed":  {"The passkey is renamed.", "Der Passkey ist umbenannt.", "パスキーの名前を変更しました。"},
	"web.said.passkey-deleted":  {"The passkey is deleted. Delete it on the device, too.", "Der Passkey ist gelöscht. Löschen Sie ihn auch auf dem Gerät.", "パスキーを削除しました。端末からも削除してください。"},
	"web.said.passkeys-deleted": {"The passkeys of the account are deleted.", "Die Passkeys des Kontos sind gelöscht.", "アカウントのパスキーを削除しました。"},

	"web.result.passkey":       {"passkey", "Passkey", "パスキー"},
	"web.result.wrong-passkey": {"failed: wrong passkey", "gescheitert: falscher Passkey", "失敗: パスキー誤り"},
}
