package main

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/update/attend"
	"github.com/ingotvm/ingot/internal/update/record"
)

// attend does what the record of an update asks of this boot: it puts data
// back or in place, and notes that the version on trial has come this far.
// Power may go at any instant; the next boot goes on from there.
//
// It comes before anything else that reads the disk, and before the disk is
// asked which version wrote it. A disk that is not this appliance's, or that
// nobody has given to it, it does not touch. An error means that the data
// must not be used.
func (m *machine) attend() error {
	if m.what.Definition == nil || m.data.readOnly {
		return nil
	}
	t, err := record.Read(dataDir)
	if errors.Is(err, record.ErrNone) {
		return nil
	}
	if errors.Is(err, record.ErrDamaged) {
		m.warn("An update was under way, and what was written down of it cannot be read: the data stays as it is (%v).", err)
		return nil
	}
	if err != nil {
		return err
	}
	if may, err := mayAttend(identityDir, m.us(), t, m.data.guid == m.installed.Data); err != nil || !may {
		return err
	}
	m.trial, err = attend.Attend(dataDir, t, m.us().Version, bootID(), time.Now(), m.log.say)
	return err
}

// mayAttend says whether the disk is this machine's, in the version that runs
// or the other one of the update.
func mayAttend(dir string, us owner, t *record.Trial, known bool) (bool, error) {
	for _, version := range []string{t.From, t.To} {
		if appliance.CompareVersions(version, us.Version) > 0 {
			us.Version = version
		}
	}
	c, err := examine(dir, us, known)
	return err == nil && !c.closed(), err
}

// bootID is the kernel's ID of this boot.
func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(data))
}
