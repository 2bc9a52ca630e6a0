package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/host"
)

// owner is what a data disk says of whose it is, in its file owner.json.
type owner struct {
	// Name, Version and Title are the appliance's that used it last.
	Name    string `json:"name"`
	Version string `json:"version"`
	Title   string `json:"title"`
	// System is the instance that it belongs to: [installed.Instance].
	System disk.GUID `json:"system"`
}

// The stamp, and the administrator's consent to take it over: the ID of the
// instance that may. The agent writes the second.
const (
	ownerFile = "owner.json"
	adoptFile = "adopt"
)

// claim is what a stamp means to this machine.
type claim struct {
	// adopt is the owner when it is another instance and nobody has consented yet.
	adopt *owner
	// refused is why the disk cannot be used; "" when it can.
	refused string
}

// closed says that services must not run, and that nothing may be written to
// the disk but the log.
func (c claim) closed() bool { return c.adopt != nil || c.refused != "" }

// judge compares us with the stamp of a disk; theirs is nil when it has none.
// consent is what the answer's file holds.
func judge(us owner, theirs *owner, consent string) claim {
	switch {
	case theirs == nil:
		return claim{} // new, or made before there were stamps
	case theirs.Name != us.Name:
		return claim{refused: fmt.Sprintf("it belongs to another appliance, %s", theirs.label())}
	case appliance.CompareVersions(theirs.Version, us.Version) > 0:
		return claim{refused: fmt.Sprintf("its data was written by version %s, and this is version %s", theirs.Version, us.Version)}
	case theirs.System == us.System, disk.GUID(consent) == us.System:
		return claim{}
	default:
		return claim{adopt: theirs}
	}
}

func (o owner) label() string {
	if o.Title == "" {
		return o.Name
	}
	return o.Title
}

// errStamp says that a stamp cannot be read.
var errStamp = errors.New("the file that says whose data it is, identity/owner.json, is damaged")

// parseOwner reads a stamp, which a stranger may have written, and which is
// shown on the console.
func parseOwner(data []byte) (*owner, error) {
	var o owner
	if json.Unmarshal(data, &o) != nil || o.Name == "" || !appliance.IsVersion(o.Version) {
		return nil, errStamp
	}
	if _, err := disk.ParseGUID(string(o.System)); err != nil {
		return nil, errStamp
	}
	for _, s := range []string{o.Name, o.Title} {
		if len(s) > maxLabel || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return nil, errStamp
		}
	}
	return &o, nil
}

const (
	maxLabel = 300  // bytes; a definition's title has fewer
	maxStamp = 4096 // bytes of a stamp
)

// readOwner reads a disk's stamp, nil when there is none, and the consent.
func readOwner(dir string) (*owner, string, error) {
	data, err := readSmall(filepath.Join(dir, ownerFile))
	if err != nil || data == nil {
		return nil, "", err
	}
	o, err := parseOwner(data)
	if err != nil {
		return nil, "", err
	}
	consent, err := readSmall(filepath.Join(dir, adoptFile))
	return o, strings.TrimSpace(string(consent)), err
}

// readSmall reads the beginning of a file; nil when there is none.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxStamp))
}

// examine decides whether the disk may be used whose identity folder is given.
// One that is known, because this installation has used it before, may have a
// damaged stamp.
func examine(dir string, us owner, known bool) (claim, error) {
	theirs, consent, err := readOwner(dir)
	switch {
	case errors.Is(err, errStamp) && known:
		return claim{}, nil
	case errors.Is(err, errStamp):
		return claim{refused: err.Error()}, nil
	case err != nil:
		return claim{}, err
	}
	return judge(us, theirs, consent), nil
}

// stampDisk makes us a disk's owner, and then takes away the consent, which
// has been made use of. Whatever happens in between, the next boot finds a
// stamp that is ours.
func stampDisk(dir string, us owner) error {
	if theirs, _, err := readOwner(dir); err != nil || theirs == nil || *theirs != us {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := host.SyncDir(filepath.Dir(dir)); err != nil {
			return err
		}
		data, err := json.Marshal(us)
		if err != nil {
			return err
		}
		if err := host.WriteFile(filepath.Join(dir, ownerFile), append(data, '\n'), 0o600); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(dir, adoptFile)); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, host.SyncDir(dir))
	}
	return nil
}

// us is the stamp of this machine.
func (m *machine) us() owner {
	d := m.what.Definition
	return owner{Name: d.Name, Version: d.Version, Title: d.Title, System: m.instance}
}

// checkOwner decides whether the data disk, just mounted, may be used.
func (m *machine) checkOwner() error {
	if m.what.Definition == nil || m.data.readOnly || m.trial != nil {
		return nil // of an update's two versions either may have written it, which was seen
	}
	var err error
	if m.data.claim, err = examine(identityDir, m.us(), m.data.guid == m.installed.Data); err != nil {
		return err
	}
	switch {
	case m.data.refused != "":
		m.data.held = true
		m.warn("The data disk cannot be used, so the services are not started: %s.", m.data.refused)
	case m.data.adopt != nil:
		m.data.held = true
		m.warn("The data disk belongs to another %s, version %s: the services are not started until somebody says that this appliance is to take it over.",
			m.data.adopt.label(), m.data.adopt.Version)
	}
	return nil
}

// ownData stamps the data disk. It comes after installed.json has been
// written: a stamp with an ID that is then forgotten would be a stranger's.
func (m *machine) ownData() error {
	if m.what.Definition == nil || m.data.place == "memory" || m.data.readOnly || m.data.closed() {
		return nil
	}
	if m.installed.Instance != m.instance {
		return nil // could not be remembered, which was said
	}
	if theirs, _, err := readOwner(identityDir); err == nil && theirs != nil {
		m.data.wrote = theirs.Version
	}
	if err := stampDisk(identityDir, m.us()); err != nil {
		m.warn("The data disk cannot be marked as this appliance's: %v.", err)
	}
	return nil
}

// newInstance draws the ID of an installation.
func newInstance() disk.GUID {
	var b [16]byte
	rand.Read(b[:]) // never fails: it would end the program
	return disk.MakeGUID(b)
}
