package config

import (
	"encoding/json"
	"fmt"
	"time"
)

// DowngradeFolder brings the configuration in a folder, a copy that no engine
// has open, to a format that an older version of the appliance knows: what is
// in force becomes a new revision in that format. It does nothing, and says
// so, when the format is not newer. A change that waits to be confirmed counts
// as undone, as after every restart.
//
// The revisions of before stay as they are; the older version lists them, and
// says of each that it cannot be read. On an error the folder is as it was, or
// has one revision more that is not in force.
func DowngradeFolder(dir string, to int, now time.Time) (changed bool, err error) {
	return downgradeFolder(dir, to, now, migrations())
}

func downgradeFolder(dir string, to int, now time.Time, list []Migration) (bool, error) {
	s, err := openStore(dir, realDisk{}, func(string, ...any) {})
	if err != nil {
		return false, err
	}
	h, err := s.readHead()
	if err != nil {
		return false, fmt.Errorf("cannot bring the configuration to format %d: %w", to, err)
	}
	number := h.Current
	if h.Pending != nil {
		number = h.Pending.RevertTo
	}
	s.adopt(h)
	r, err := s.read(number)
	if err != nil {
		return false, fmt.Errorf("cannot bring the configuration to format %d: %w", to, err)
	}
	document, err := decodeObject(r.Document)
	if err != nil {
		return false, fmt.Errorf("cannot bring the configuration to format %d: %w", to, err)
	}
	if format, err := formatOf(document); err != nil || format <= to {
		return false, err
	}
	if err := downgrade(document, to, list); err != nil {
		return false, err
	}
	return true, s.keepOlder(r, document, now)
}

// keepOlder commits a document of an older format over the revision that it
// was made of.
func (s *store) keepOlder(of record, document map[string]any, now time.Time) error {
	raw, err := json.Marshal(document)
	if err != nil {
		return err
	}
	next := Revision{Number: s.next(s.head.Current), Time: now, Who: "system", Why: "for an older version of the appliance", Previous: of.Hash}
	data, _, err := seal(record{Revision: next, Document: raw})
	if err != nil {
		return err
	}
	if err := s.disk.Write(s.file(next.Number), data, 0o600, -1, -1); err != nil {
		return fmt.Errorf("cannot keep revision %d: %w", next.Number, err)
	}
	return s.setHead(head{Current: next.Number})
}
