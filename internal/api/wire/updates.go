package wire

import "time"

// Updates is GET /v1/updates: what runs, what there is, what is being done.
type Updates struct {
	// Version is the one that runs, Channel and Source where others come from.
	Version string `json:"version"`
	Channel string `json:"channel"`
	// Source is the URL of the repository; "" when there is none, and updates
	// come as bundles only.
	Source string `json:"source,omitempty"`
	// Impossible is a sentence that says why this appliance cannot be updated;
	// "" when it can.
	Impossible string `json:"impossible,omitempty"`
	// Checked is when the repository was last asked with success; CheckProblem
	// says what was wrong the last time, "" when nothing was.
	Checked      *time.Time `json:"checked,omitempty"`
	CheckProblem string     `json:"check_problem,omitempty"`
	// Next is when it is asked again by itself; nil when it is not.
	Next *time.Time `json:"next,omitempty"`
	// Available is what would be installed next, nil when nothing is newer.
	Available *Release `json:"available,omitempty"`
	// Then are the versions after it, when the way to the newest has stops.
	Then []string `json:"then,omitempty"`
	// Held says why what is available is not installed by itself: pinned,
	// postponed, wave, window, policy or "".
	Held string `json:"held,omitempty"`
	// HeldUntil is when that ends, if that is known.
	HeldUntil *time.Time `json:"held_until,omitempty"`
	// Job is what is being done, nil when nothing is.
	Job *UpdateJob `json:"job,omitempty"`
	// Trial is the new version's time of proof, nil when there is none.
	Trial *UpdateTrial `json:"trial,omitempty"`
	// Slots are the versions on the system disk, the newest first.
	Slots []UpdateSlot `json:"slots"`
	// History is what was installed, or was not, the newest first.
	History []UpdateEvent `json:"history"`
}

// Release is a version that could be installed.
type Release struct {
	Version   string    `json:"version"`
	Published time.Time `json:"published"`
	// Notes in the language that was asked for, as Markdown.
	Notes string `json:"notes,omitempty"`
	// NotesHTML are the same as HTML, as the vendor signed it; "" when there is
	// none.
	NotesHTML  string     `json:"notes_html,omitempty"`
	Advisories []Advisory `json:"advisories,omitempty"`
	Security   bool       `json:"security,omitempty"`
	// Download is what has to be fetched, in bytes, and How: patch, blocks,
	// whole or bundle, the most of it; Whole what all of it would be.
	Download int64  `json:"download_bytes"`
	How      string `json:"how"`
	Whole    int64  `json:"whole_bytes"`
	// Room is what it takes on the system disk, in bytes.
	Room int64 `json:"room_bytes"`
	// Downloaded says that nothing has to be fetched any more; Written that it
	// lies in its slot, verified.
	Downloaded bool `json:"downloaded"`
	Written    bool `json:"written"`
	// OneWay is a sentence that says why there is no way back; "" when there is.
	OneWay string `json:"one_way,omitempty"`
}

// Advisory is a weakness that a release mends.
type Advisory struct {
	ID       string `json:"id"`
	Severity string `json:"severity,omitempty"`
	Title    string `json:"title,omitempty"`
}

// Steps of an [UpdateJob], in order.
const (
	StepCheck    = "check"
	StepDownload = "download"
	StepWrite    = "write"
	StepVerify   = "verify"
	StepWait     = "wait" // for the window
	StepSnapshot = "snapshot"
	StepRestart  = "restart"
)

// UpdateJob is what is being done.
type UpdateJob struct {
	Version string `json:"version,omitempty"`
	Step    string `json:"step"`
	// Done and Total, in bytes; Total 0 when the step has no size. Rate in
	// bytes a second; 0 when it is not known yet.
	Done  int64     `json:"done_bytes"`
	Total int64     `json:"total_bytes"`
	Rate  int64     `json:"rate_bytes"`
	Since time.Time `json:"since"`
	// Until is what a wait waits for.
	Until *time.Time `json:"until,omitempty"`
}

// UpdateTrial is a new version that has yet to prove itself.
type UpdateTrial struct {
	Version string `json:"version"`
	From    string `json:"from"`
	// Healthy is for how many seconds everything has been well, of the seconds
	// Needed; after Left seconds without that it goes back.
	Healthy int `json:"healthy_seconds"`
	Needed  int `json:"needed_seconds"`
	Left    int `json:"left_seconds"`
	// Missing says what is not well yet, a sentence each.
	Missing []string `json:"missing,omitempty"`
}

// States of an [UpdateSlot].
const (
	SlotCurrent = "current"
	SlotTrial   = "trial"
	SlotKept    = "kept"
	SlotNew     = "new" // written, never started
)

// UpdateSlot is a version on the system disk.
type UpdateSlot struct {
	Version string `json:"version"`
	State   string `json:"state"`
	Good    bool   `json:"good"`
	Size    int64  `json:"size_bytes"`
	// Back says what going back to it does with the data: keep, restore, or ""
	// when there is no way back, with the sentence Refused.
	Back    string `json:"back,omitempty"`
	Refused string `json:"refused,omitempty"`
	// SnapshotTime is of the data that would come back with restore.
	SnapshotTime *time.Time `json:"snapshot_time,omitempty"`
}

// Outcomes of an [UpdateEvent].
const (
	OutcomeInstalled  = "installed"
	OutcomeRolledBack = "rolled-back" // by itself
	OutcomeWentBack   = "went-back"   // somebody chose to
	OutcomeFailed     = "failed"      // before the restart: nothing has changed
	OutcomeCancelled  = "cancelled"
)

// UpdateEvent is one entry of the history.
type UpdateEvent struct {
	Time    time.Time `json:"time"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Outcome string    `json:"outcome"`
	// By is who asked for it; "policy" when it was the schedule.
	By string `json:"by,omitempty"`
	// Reason says why it did not stay, or was not installed; Log are the last
	// lines of the log of the boot that failed.
	Reason string   `json:"reason,omitempty"`
	Log    []string `json:"log,omitempty"`
	// Downloaded is what was fetched, in bytes, Downtime from the stop of the
	// services to healthy, in seconds; 0 when it is not known.
	Downloaded int64 `json:"downloaded_bytes,omitempty"`
	Downtime   int   `json:"downtime_seconds,omitempty"`
}

// InstallUpdate is the body of POST /v1/updates/install.
type InstallUpdate struct {
	Version string `json:"version"`
	// Window waits for the next maintenance window instead of beginning now.
	Window bool `json:"window,omitempty"`
	// OneWay consents to there being no way back, where that is so.
	OneWay bool `json:"one_way,omitempty"`
}

// BackUpdate is the body of POST /v1/updates/back.
type BackUpdate struct {
	Version string `json:"version"`
	// Data is keep or restore, what [UpdateSlot.Back] says; the caller repeats
	// it to show that it is known.
	Data string `json:"data"`
}

// PostponeUpdate is the body of POST /v1/updates/postpone.
type PostponeUpdate struct {
	// Days from now, 0 to 90; 0 ends it.
	Days int `json:"days"`
}

// DownloadUpdate is the body of POST /v1/updates/download.
type DownloadUpdate struct {
	Version string `json:"version"`
}

// UpdateMedium is an attached disk or CD with updates.
type UpdateMedium struct {
	// Name is the kernel's, Label that of its file system; may be "".
	Name  string `json:"name"`
	Label string `json:"label,omitempty"`
	// File is the bundle, or the folder of the repository.
	File string `json:"file"`
}

// UseMedium is the body of POST /v1/updates/media.
type UseMedium struct {
	Name string `json:"name"`
}
