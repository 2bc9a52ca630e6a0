package wire

import "time"

// SupportStatus is what everybody may know of support sessions.
type SupportStatus struct {
	// Until is when the session that is open ends; nil when none is open.
	Until *time.Time `json:"until,omitempty"`
}

// Support is GET /v1/support.
type Support struct {
	// Contact is how the vendor's support is reached; may be "".
	Contact string `json:"contact,omitempty"`
	// Port is where it logs in while a session is open, Fingerprint that of the
	// host key, as ssh shows it.
	Port        int    `json:"port"`
	Fingerprint string `json:"fingerprint"`
	// Principals are those for whom certificates are good here: any appliance
	// of the vendor's, and this one alone.
	Principals []string `json:"principals"`
	// Minutes are the times that are offered; any other up to the last is taken.
	Minutes []int `json:"minutes"`
	// Open is the session that is open, or nil.
	Open *SupportSession `json:"open,omitempty"`
	// Sessions are those that are kept, the newest first.
	Sessions []SupportSession `json:"sessions"`
}

// NewSupport is the body of POST /v1/support.
type NewSupport struct {
	// Certificate is the text of the file that ends in -cert.pub.
	Certificate string `json:"certificate"`
	Minutes     int    `json:"minutes"`
	Why         string `json:"why"`
}

// SupportSession is a session, open or ended.
type SupportSession struct {
	ID string `json:"id"`
	// Name is what the certificate calls its person, Key the fingerprint of
	// their key, Serial the certificate's number, Authority who signed it.
	Name      string `json:"name"`
	Key       string `json:"key"`
	Serial    uint64 `json:"serial,omitempty"`
	Authority string `json:"authority"`
	// By opened it, From some place, because of Why.
	By   string `json:"by"`
	From string `json:"from,omitempty"`
	Why  string `json:"why"`
	// Opened to Until is its time, Ended when it did end; nil while it is open.
	Opened time.Time  `json:"opened"`
	Until  time.Time  `json:"until"`
	Ended  *time.Time `json:"ended,omitempty"`
	// How it ended: person (EndedBy), time, restart, agent, full or problem.
	How     string `json:"how,omitempty"`
	EndedBy string `json:"ended_by,omitempty"`
	// Logins are the last that there were; Shells all programs that were run.
	Logins []SupportLogin `json:"logins"`
	Shells []SupportShell `json:"shells"`
}

// SupportLogin is one time that somebody came in.
type SupportLogin struct {
	Time time.Time `json:"time"`
	From string    `json:"from"`
}

// SupportShell is one program that somebody ran.
type SupportShell struct {
	// Command is "" for a shell that one types into.
	Command string     `json:"command,omitempty"`
	Started time.Time  `json:"started"`
	Ended   *time.Time `json:"ended,omitempty"`
	// Recordings are files of GET /v1/support/{session}/{file}, in asciicast
	// format, version 2.
	Recordings []SupportRecording `json:"recordings"`
}

// SupportRecording is one file.
type SupportRecording struct {
	File string `json:"file"`
	Size int64  `json:"size"`
}
