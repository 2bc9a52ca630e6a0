package setting

import (
	"context"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/release"
)

// Setting is one part of the document. Its methods do not change their
// arguments unless they say so; all may be called from any goroutine.
type Setting interface {
	// Key is the part's key in the document.
	Key() string
	// Default fills in the part of a new appliance's document.
	Default(env Env, d *Document)
	// Properties are the part's values as text, in the order of a form.
	Properties(env Env) []Property
	// Validate reports everything that is wrong with the part.
	Validate(env Env, d *Document) []Problem
	// Files are what the part becomes below the root. Pure.
	Files(env Env, d *Document) ([]File, error)
	// Apply makes the running system follow. The files of d have been
	// written; changed says that some of them were other than before.
	// Called with the old document again to undo.
	Apply(ctx context.Context, sys *System, env Env, d *Document, changed bool) error
	// Verify compares the live system with d, and waits for it, until ctx
	// ends, when it may still be on its way.
	Verify(ctx context.Context, sys *System, env Env, d *Document) error
	// Actual reads back what is in force: lines for people to compare with
	// what is wanted. nil when there is nothing to compare.
	Actual(ctx context.Context, sys *System, env Env, d *Document) ([]Fact, error)
}

// Guard is implemented by settings of which some change can cut the
// administrator off.
type Guard interface {
	// Guards says whether the step from one document to another can.
	Guards(old, new *Document) bool
}

// Early is implemented by settings that the kernel itself must be told, before
// anything else runs at a start.
type Early interface {
	// ApplyEarly is called once, before the system manager runs; there is no
	// network and no unit to ask.
	ApplyEarly(sys *System, env Env, d *Document) error
}

// All are the settings, in the order in which they are applied.
func All() []Setting {
	return []Setting{language{}, keyboard{}, clock{}, network{}, firewall{}, access{}, ldapSetting{}, oidcSetting{}, tlsSetting{}, updatesSetting{}, application{}}
}

// Env is what settings go by besides the document: what the appliance is and
// what it runs on. It does not change while the agent runs.
type Env struct {
	// Boot holds the definition, templates and licence texts.
	Boot *release.Boot
	// Memory in bytes and CPUs that the machine has now.
	Memory int64
	CPUs   int
	// Adapters are the names of the Ethernet adapters, the first first; nil
	// when not known (at build time).
	Adapters []string
	// Held says that no service may run: its data is not there.
	Held bool
}

// Definition is the appliance's.
func (e Env) Definition() *appliance.Definition { return e.Boot.Definition }

// Fact is one thing of the live system beside what is wanted of it.
type Fact struct {
	// Name says what it is: "address of ens18".
	Name string `json:"name"`
	// Wanted and Actual are as people write them; "" for none.
	Wanted string `json:"wanted"`
	Actual string `json:"actual"`
	// Differs says that they do not agree.
	Differs bool `json:"differs,omitempty"`
}

// Problem is one thing wrong with a document.
type Problem struct {
	// Path leads to it: "network.interfaces[0].addresses[1]".
	Path string `json:"path"`
	// Property is the key of the property by which a form asks for it; "" when
	// that is the path itself, or when none asks.
	Property string `json:"property,omitempty"`
	// Message is a sentence without a full stop; Hint says what to do, and
	// may be empty.
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// File is one file that a document becomes.
type File struct {
	// Path is absolute, below /etc or /run.
	Path string
	Data []byte
	// Mode are the permission bits; 0 means 0644.
	Mode uint32
	// Owner is the name of the user and group; "" means root.
	Owner string
	// Link, when not "", makes the file a symbolic link to it.
	Link string
}

// ApplyTimeout and VerifyTimeout bound the two halves of a transaction.
const (
	ApplyTimeout  = 60 * time.Second
	VerifyTimeout = 20 * time.Second
)

// Validate reports everything that is wrong with a document.
func Validate(env Env, d *Document) []Problem {
	var problems []Problem
	if d.Format != Format {
		problems = append(problems, Problem{Path: "format", Message: "the format is not one that this version writes"})
	}
	for _, s := range All() {
		problems = append(problems, s.Validate(env, d)...)
	}
	return problems
}

// Guarded are the keys of the settings by which the step from one document to
// another can cut the administrator off.
func Guarded(old, new *Document) []string {
	var keys []string
	for _, s := range All() {
		if g, ok := s.(Guard); ok && g.Guards(old, new) {
			keys = append(keys, s.Key())
		}
	}
	return keys
}

// Checker is implemented by settings that can try a document before it is
// applied: "does this database answer?".
type Checker interface {
	// Check reports what would not work. It is called after validation, with
	// the document in force and the new one, and changes nothing that lasts.
	Check(ctx context.Context, sys *System, env Env, old, new *Document) []Problem
}
