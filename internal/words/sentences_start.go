package words

// startSentences are the warnings of the start, which the initrd makes before
// the agent runs.
var startSentences = []text{
	{"The data disk is missing: the services are not started. Attach it and restart the appliance.", "Die Datenplatte fehlt: die Dienste werden nicht gestartet. Hängen Sie sie an, und starten Sie die Appliance neu.", "データディスクがないため、サービスを起動していません。接続してからアプライアンスを再起動してください。"},
	{"There is no disk for data: everything is lost at the next restart. Attach an empty disk.", "Es gibt keine Datenplatte: beim nächsten Neustart geht alles verloren. Hängen Sie eine leere Platte an.", "データディスクがありません。次の再起動ですべて失われます。空のディスクを接続してください。"},
	{"The data disk cannot be used, so the services are not started: %w.", "Die Datenplatte ist nicht verwendbar, darum werden die Dienste nicht gestartet: %w.", "データディスクが使えないため、サービスを起動していません: %w。"},
	{"The data disk cannot be set up, so everything is lost at the next restart: %w.", "Die Datenplatte lässt sich nicht einrichten, darum geht beim nächsten Neustart alles verloren: %w.", "データディスクを準備できないため、次の再起動ですべて失われます: %w。"},
	{"it belongs to another appliance, %s", "sie gehört zu einer anderen Appliance, %s", "別のアプライアンス(%s)のものです"},
	{"its data was written by version %s, and this is version %s", "ihre Daten hat Version %s geschrieben, und das hier ist Version %s", "データはバージョン %s のもので、現在のバージョンは %s です"},
	{"The data disk was enlarged, but its partition cannot be: %w.", "Die Datenplatte wurde vergrößert, aber ihre Partition lässt sich nicht vergrößern: %w.", "データディスクは拡張されましたが、パーティションを拡張できません: %w。"},
	{"The data disk is damaged and cannot be repaired without losing data: it can only be read, and the services are not started. Restore a backup or a snapshot.", "Die Datenplatte ist beschädigt und lässt sich nicht ohne Datenverlust reparieren: sie kann nur gelesen werden, und die Dienste werden nicht gestartet. Spielen Sie eine Sicherung oder einen Snapshot ein.", "データディスクが壊れており、データを失わずに修復できません。読み取り専用で、サービスは起動していません。バックアップかスナップショットから復元してください。"},
	{"The data disk was enlarged, but its file system cannot be: %w.", "Die Datenplatte wurde vergrößert, aber ihr Dateisystem lässt sich nicht vergrößern: %w.", "データディスクは拡張されましたが、ファイルシステムを拡張できません: %w。"},
	{"The settings were not applied before the start, but only later: %w.", "Die Einstellungen wurden nicht vor dem Start angewandt, sondern erst danach: %w.", "設定は起動前ではなく、起動後に適用されました: %w。"},
	{"The data disk belongs to another %s, version %s: the services are not started until somebody says that this appliance is to take it over.", "Die Datenplatte gehört einer anderen %s, Version %s: die Dienste werden nicht gestartet, bis jemand sagt, dass diese Appliance sie übernehmen soll.", "別の %s(バージョン %s)のデータディスクです。引き継ぐ指示があるまで、サービスは起動しません。"},
	{"The data disk cannot be marked as this appliance's: %w.", "Die Datenplatte lässt sich nicht als die dieser Appliance kennzeichnen: %w.", "データディスクをこのアプライアンスのものとして記録できません: %w。"},
	{"The data disk cannot be remembered: %w.", "Die Datenplatte lässt sich nicht merken: %w.", "データディスクを記憶できません: %w。"},
	{"There is no swap space: %w.", "Es gibt keinen Auslagerungsspeicher: %w.", "スワップ領域がありません: %w。"},
	{"More than one disk is a copy of this appliance's system disk; %s is used.", "Mehr als eine Platte ist eine Kopie der Systemplatte dieser Appliance; benutzt wird %s.", "このアプライアンスのシステムディスクのコピーが複数あります。%s を使います。"},
	{"The data disk is attached more than once (%s); %s is used.", "Die Datenplatte ist mehr als einmal angehängt (%s); benutzt wird %s.", "同じデータディスクが複数接続されています(%s)。%s を使います。"},
	{"More than one disk holds appliance data (%s); %s is used.", "Mehr als eine Platte enthält Daten einer Appliance (%s); benutzt wird %s.", "アプライアンスのデータがあるディスクが複数あります(%s)。%s を使います。"},
	{"The data disk used before is not attached; that on %s is used instead.", "Die bisherige Datenplatte ist nicht angehängt; benutzt wird stattdessen die auf %s.", "以前のデータディスクが接続されていません。代わりに %s のものを使います。"},
	{"More than one disk is empty (%s); %s is used for data.", "Mehr als eine Platte ist leer (%s); für Daten wird %s benutzt.", "空のディスクが複数あります(%s)。データには %s を使います。"},
	{"The data disk used before is not attached; the appliance begins anew on the empty disk %s.", "Die bisherige Datenplatte ist nicht angehängt; die Appliance beginnt neu auf der leeren Platte %s.", "以前のデータディスクが接続されていません。空のディスク %s で新しく始めます。"},
}
