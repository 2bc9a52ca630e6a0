package setting

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ingotvm/ingot/internal/host"
)

// appliedFile keeps what was applied, in memory: it is gone with this boot.
const appliedFile = "/run/ingot/network-applied.json"

// applied says what the system was last told. Apply hears that files changed,
// but not whose; and nothing else knows what an adapter was before.
type applied struct {
	// Networkd and Resolved are digests of the files that the two have read.
	Networkd string `json:"networkd"`
	Resolved string `json:"resolved"`
	// MTUs are what adapters had before they were given another one, by name;
	// 0 where nobody looked. networkd sets sizes, but never takes one back.
	MTUs map[string]int `json:"mtus,omitempty"`
}

// applied is what a document makes of it, without the old MTUs.
func (n network) applied(env Env, d *Document) (applied, error) {
	files, err := n.Files(env, d)
	if err != nil {
		return applied{}, err
	}
	networkd, resolved := sha256.New(), sha256.New()
	for _, f := range files {
		switch {
		case strings.HasPrefix(f.Path, networkdDir):
			fmt.Fprintf(networkd, "%q %q\n", f.Path, f.Data)
		case f.Path == resolvedFile:
			resolved.Write(f.Data)
		}
	}
	a := applied{Networkd: hex.EncodeToString(networkd.Sum(nil)), Resolved: hex.EncodeToString(resolved.Sum(nil)), MTUs: map[string]int{}}
	for _, i := range d.Network.Interfaces {
		if i.MTU != 0 {
			a.MTUs[i.Name] = 0
		}
	}
	return a, nil
}

// loadApplied is not known before the first Apply or ApplyEarly.
func loadApplied(sys *System) (applied, bool) {
	var a applied
	data, err := os.ReadFile(filepath.Join(sys.Root, appliedFile))
	if err != nil || json.Unmarshal(data, &a) != nil {
		return applied{}, false
	}
	return a, true
}

func (a applied) save(sys *System) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	name := filepath.Join(sys.Root, appliedFile)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("cannot note what was applied: %w", err)
	}
	return host.WriteFile(name, data, 0o600)
}

// rememberMTUs adds to what is wanted what adapters have now, or had before.
func (a applied) rememberMTUs(links []Link, have applied) {
	for name := range a.MTUs {
		before, known := have.MTUs[name]
		if link, there := findLink(links, name); !known && there {
			before = link.MTU
		}
		a.MTUs[name] = before
	}
}

// standardMTU is Ethernet's; an adapter that was given another one at its
// start gets it when no other is known.
const standardMTU = 1500

// resetMTUs gives adapters back what they had, when nothing else is wanted of
// them any more.
func resetMTUs(sys *System, links []Link, have, want applied) error {
	for _, link := range links {
		before, ours := have.MTUs[link.Name]
		_, still := want.MTUs[link.Name]
		if !ours || still {
			continue
		}
		if before == 0 {
			before = standardMTU
		}
		if link.MTU == before {
			continue
		}
		if err := sys.Net.SetMTU(link.Name, before); err != nil {
			return err
		}
	}
	return nil
}

// both has what either has of MTUs: between two documents an adapter can be
// as the one or the other says.
func (a applied) both(other applied) applied {
	union := applied{MTUs: map[string]int{}}
	for _, one := range []applied{a, other} {
		for name, mtu := range one.MTUs {
			union.MTUs[name] = mtu
		}
	}
	return union
}

// same says whether two have been told the same.
func (a applied) same(b applied) bool { return a.Networkd == b.Networkd && a.Resolved == b.Resolved }
