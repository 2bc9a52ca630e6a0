package config

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// ConfirmWithin is how long a change that can cut the administrator off waits
// to be confirmed.
const ConfirmWithin = 2 * time.Minute

// Revision is one committed state of the document. Whoever gets one may change
// it: it is a copy.
type Revision struct {
	Number int       `json:"number"`
	Time   time.Time `json:"time"`
	// Who is an account, "token:NAME", "console", "seed" or "system".
	Who string `json:"who"`
	// From is a network address, "console", "unix" or "".
	From string `json:"from,omitempty"`
	Why  string `json:"why,omitempty"`
	// Previous is the hash of the revision before, "" of the first.
	Previous string `json:"previous"`
	// Document is as it was committed, secrets and all.
	Document *setting.Document `json:"document"`
	// Hash is the SHA-256, in hex, of the revision without it.
	Hash string `json:"hash,omitempty"`
}

// By says who makes a change, and over which connection.
type By struct {
	Who, From string
	// Connection numbers the connection that carried the change; a pending
	// revision can be confirmed only over one with another, later number.
	Connection uint64
	// NotAccess says that they may not change who manages the appliance.
	NotAccess bool
}

// Change is what somebody wants to commit.
type Change struct {
	By
	Why string
	// Base is the revision that the change was made from; any other one in
	// force makes it a *[ConflictError]. 0 does not look.
	Base int
	// Edit changes a copy of the document in force. Its error goes to the caller.
	Edit func(d *setting.Document) error
	// Trusted changes need no confirmation: those of the first boot and of
	// the system itself.
	Trusted bool
}

// Pending is a revision that waits to be confirmed.
type Pending struct {
	Revision int
	RevertTo int
	// Left is how much time there is.
	Left time.Duration
	// Settings are the keys of those by which it can cut somebody off.
	Settings []string
}

// ErrNotPending says that there is nothing to confirm.
var ErrNotPending = errors.New("there is no change to confirm")

// ErrPending says that nothing else can be changed while a change waits to be
// confirmed.
var ErrPending = errors.New("the last change waits to be confirmed: confirm it, or go back to the revision before")

// ErrHeld says that the configuration is being kept as it is.
var ErrHeld = errors.New("the appliance is about to restart into another version: nothing can be changed until then")

// ErrSameConnection says that a confirmation came over a connection that was
// open when the change was made, and so proves nothing.
var ErrSameConnection = errors.New("a change is confirmed over a new connection")

// ErrNoRevision says that there is no such revision.
var ErrNoRevision = errors.New("there is no such revision")

// FormatError says that a document was written by a newer version of the
// appliance, whose form this one does not know.
type FormatError struct{ Format, Known int }

func (e *FormatError) Error() string {
	return fmt.Sprintf("the configuration has format %d, this version knows formats up to %d: it was written by a newer version", e.Format, e.Known)
}

// ConflictError says that the document changed since the caller read it.
type ConflictError struct{ Base, Current int }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("the configuration was changed meanwhile: it is at revision %d, the change was made from %d", e.Current, e.Base)
}

// InvalidError says what is wrong with a document.
type InvalidError struct{ Problems []setting.Problem }

func (e *InvalidError) Error() string {
	var lines []string
	for _, p := range e.Problems {
		lines = append(lines, p.Path+": "+p.Message)
	}
	return "the configuration is not valid: " + strings.Join(lines, "; ")
}

// ApplyError says that a valid document could not be put in force, and whether
// the old one is again.
type ApplyError struct {
	// Setting is the key of the one that failed; "" when it was none of
	// them, but keeping the revision.
	Setting string
	Err     error
	// Undo is why the old state could not be put back, nil when it was.
	Undo error
}

func (e *ApplyError) Error() string {
	s := e.plain().Error()
	if e.Undo != nil {
		return s + fmt.Sprintf("; and the old state cannot be put back: %v", e.Undo)
	}
	return s + "; the old configuration is in force"
}

// plain is the failure without a word about the old state.
func (e *ApplyError) plain() error {
	return fmt.Errorf("cannot apply %s: %w", cmp.Or(e.Setting, "the configuration"), e.Err)
}

func (e *ApplyError) Unwrap() error { return e.Err }
