package scenario

import (
	"time"

	"github.com/ingotvm/ingot/internal/appliance/yamltext"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// Scenario is a file that was read.
type Scenario struct {
	// Title says what is shown.
	Title string
	// Versions in the order of the file.
	Versions []*Version
	// Answers are settings by their keys, given at the first boot.
	Answers    map[string]string
	Machine    Machine
	Repository Repository
	Steps      []Step

	project *yamltext.Node // changes of all versions, or nil
}

// Version is the project with changes.
type Version struct {
	Name string
	// Break is what is spoilt in it, or "".
	Break Break

	changes *yamltext.Node // or nil
}

// Version is the one of that name, or nil.
func (s *Scenario) Version(name string) *Version {
	for _, v := range s.Versions {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// Break is what is spoilt in a version.
type Break string

// What can be spoilt: a kernel that GRUB cannot load, an initrd that the
// kernel cannot unpack, so that it panics, and an agent that never comes up.
const (
	BreakKernel Break = "kernel"
	BreakInitrd Break = "initrd"
	BreakAgent  Break = "agent"
)

// Machine is what differs from the definition's; zero values do not. Sizes
// are bytes.
type Machine struct {
	Firmware     hypervisor.Firmware
	Memory, Data int64
	CPUs         int
	Clock        time.Time
}

// Repository is how versions are served.
type Repository struct {
	// Rate bounds how fast, in bytes a second; 0 does not.
	Rate int64
	// Proxy serves them only through an HTTP proxy that asks for a name and a
	// password, which the appliance is told at its first boot.
	Proxy bool
}

// Verb is what a step does.
type Verb string

// The verbs.
const (
	Boot     Verb = "boot"
	Release  Verb = "release"
	Withdraw Verb = "withdraw"
	Install  Verb = "install"
	Back     Verb = "back"
	Power    Verb = "power"
	Set      Verb = "set"
	Look     Verb = "expect"
)

// Step is one thing that happens.
type Step struct {
	Do      Verb
	Version string
	// Patches, Floor and Minimum are of a release; Patches is from how many
	// earlier versions.
	Patches int
	Floor   bool
	Minimum string
	// How is of an install: patch, blocks, whole, bundle, or "" for any way.
	How string
	// Most bounds what is downloaded for an install, in bytes; 0 does not.
	Most int64
	// Until ends an install's step before it ends: when the job has come to
	// that step of its own.
	Until string
	// Restore puts the data of then back with a version.
	Restore bool
	// Cut is of power: without telling the guest.
	Cut bool
	// Settings are set.
	Settings map[string]string
	// Expect is never nil; its zero values expect nothing.
	Expect *Expect

	at yamltext.Mark
}

// Expect is what has to be seen after a step.
type Expect struct {
	// Version runs, and an update ended with Outcome and a reason that holds
	// Reason.
	Version, Outcome, Reason string
	// Offered is the version that is available, or "nothing".
	Offered string
	// Refused is in the error by which an install is refused.
	Refused string
	// Page is in the page of the appliance.
	Page string
}

// Nothing is what [Expect.Offered] calls no version.
const Nothing = "nothing"

// Name is the step in a line.
func (s Step) Name() string {
	name := string(s.Do)
	switch {
	case s.Do == Power && s.Cut:
		name += " cut"
	case s.Do == Power:
		name += " cycle"
	case s.Version != "":
		name += " " + s.Version
	}
	if s.How != "" {
		name += " by " + s.How
	}
	if s.Until != "" {
		name += " until " + s.Until
	}
	return name
}
