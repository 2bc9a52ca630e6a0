package setting

import (
	"context"
	"net/netip"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting/keyboards"
	"github.com/ingotvm/ingot/internal/host"
)

// System is the machine as settings touch it. Tests hand in a folder and
// fakes.
type System struct {
	// Root is above all files; "/" on the appliance.
	Root string
	// Units starts and stops what the system manager runs.
	Units Units
	// Net is the kernel's network.
	Net Net
	// Runner runs programs.
	Runner host.Runner
	// Sethostname and friends that have no file: see [Kernel].
	Kernel Kernel
	// Certificates greets browsers; nil when nobody is greeted: before the
	// agent runs.
	Certificates Certificates
	// Outside are the people that are kept elsewhere; nil when nobody can be
	// asked: before the agent runs.
	Outside Outside
	// Guests says whether a support session is open, whose port is let in then;
	// nil is never.
	Guests func() bool
	// Now is the time of day; nil means the machine's.
	Now func() time.Time
	// Log takes one line per event; may be nil.
	Log func(format string, args ...any)
}

// Units is what settings want of the system manager. Each waits until the job
// has ended, and fails when the unit does.
type Units interface {
	Start(ctx context.Context, unit string) error
	Stop(ctx context.Context, unit string) error
	// Restart restarts a unit, or starts one that is not running.
	Restart(ctx context.Context, unit string) error
	// ReloadOrRestart asks a unit to read its configuration again.
	ReloadOrRestart(ctx context.Context, unit string) error
	// DaemonReload makes the manager read its units again.
	DaemonReload(ctx context.Context) error
	// Active says whether a unit runs.
	Active(ctx context.Context, unit string) (bool, error)
	// LogTail is the end of a unit's log of this boot.
	LogTail(ctx context.Context, unit string) string
}

// Net is what settings want of the kernel's network.
type Net interface {
	// Links are all adapters but loopback, in the kernel's order.
	Links() ([]Link, error)
	// Routes are the default and static routes of the main table.
	Routes() ([]Route, error)
	// DeleteLink removes a virtual adapter, such as a VLAN.
	DeleteLink(name string) error
	// SetMTU gives an adapter a size of packets.
	SetMTU(name string, mtu int) error
	// Servers are the DNS servers in use and search domains.
	Servers() (servers []netip.Addr, domains []string, err error)
	// SetRules replaces the appliance's table of firewall rules, all at once.
	SetRules(rules []Rule) error
	// Rules are those in force in that table.
	Rules() ([]Rule, error)
}

// Link is one network adapter as the kernel knows it.
type Link struct {
	Name      string
	MAC       string
	MTU       int
	Up        bool
	Carrier   bool
	Ethernet  bool // a real or virtual card, not a VLAN or tunnel
	Addresses []netip.Prefix
}

// Route is one route of the main table.
type Route struct {
	// Destination is "0.0.0.0/0" or "::/0" for the default route.
	Destination netip.Prefix
	Gateway     netip.Addr
	Link        string
	Metric      int
}

// Kernel is what is told to the kernel by calls of its own.
type Kernel interface {
	Sethostname(name string) error
	// SetKeymap loads a keyboard layout into the virtual terminals.
	SetKeymap(keymap keyboards.Keymap) error
	Hostname() (string, error)
}

func (s *System) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *System) logf(format string, args ...any) {
	if s.Log != nil {
		s.Log(format, args...)
	}
}
