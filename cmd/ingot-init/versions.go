package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/update/record"
)

// migration is what a service's data needs before the service starts.
type migration struct {
	// from is the version that the data is of; "" when it is to be left alone.
	from string
	// note says that the data counts as this version's from now on.
	note bool
}

// planMigration decides it: known is the version written down for the data, wrote the
// one that used the disk last, existed whether there was data at all.
//
// On the way up the service's own command runs. On the way down it does not:
// an older version knows nothing of a newer one's data, and is only started
// with data that it can read.
func planMigration(s appliance.Service, running, known, wrote string, existed bool) migration {
	if known == "" && existed {
		known = wrote // from before versions were written down for each service
	}
	switch {
	case known == "":
		return migration{note: true}
	case s.Data.Migrate != nil && appliance.CompareVersions(known, running) < 0:
		return migration{from: known}
	default:
		return migration{note: known != running}
	}
}

// migrate lets a service's migrate command run, or notes that the data is this
// version's. Being unable to note it keeps nothing from starting: the next
// boot tries again.
func (m *machine) migrate(s appliance.Service, existed bool) error {
	running := m.us().Version
	p := planMigration(s, running, record.ReadVersion(dataDir, s.Name), m.data.wrote, existed)
	if p.note && !m.data.readOnly && m.data.place != "memory" {
		if err := record.WriteVersion(dataDir, s.Name, running); err != nil {
			m.log.error("%v", err)
		}
	}
	if p.from == "" {
		return nil
	}
	m.log.info("the data of %s is to be brought from version %s to %s", s.Name, p.from, running)
	return writeMigration(s.MigrateFile(), p.from, running)
}

// writeMigration makes the file by which the command's unit goes.
func writeMigration(path, from, to string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, fmt.Appendf(nil, "INGOT_FROM=%s\nINGOT_TO=%s\n", from, to), 0o644)
}

// hasData says whether a service has been on this disk before.
func hasData(folder string) bool {
	_, err := os.Lstat(folder)
	return !errors.Is(err, fs.ErrNotExist)
}
