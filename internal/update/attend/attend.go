package attend

import (
	"time"

	"github.com/ingotvm/ingot/internal/update/record"
	"github.com/ingotvm/ingot/internal/update/snapshot"
)

// Facts are what the agent is told of an update that is being tried.
type Facts struct {
	From string `json:"from"`
	To   string `json:"to"`
	// OnTrial says that this is the version on trial, and that it has yet to
	// prove itself; the machine restarts by itself if it does not in time.
	OnTrial bool `json:"trial"`
	// Returned says that this is the version of before, with its data.
	Returned bool `json:"returned,omitempty"`
	// Untouched says that the version on trial never came as far as the data.
	Untouched bool `json:"untouched,omitempty"`
}

// Attend does what a record asks of the version that runs. The facts are
// nil when it is none of the two.
func Attend(dir string, t *record.Trial, version, boot string, now time.Time, say func(string)) (*Facts, error) {
	facts := &Facts{From: t.From, To: t.To}
	var err error
	switch version {
	case t.To:
		if facts.OnTrial = t.Open(); facts.OnTrial {
			err = startTrial(dir, t, boot, now, say)
		}
	case t.From:
		facts.Untouched = len(t.Boots) == 0 && !t.Loaded
		if t.Open() {
			err = endTrial(dir, t, say)
		}
		facts.Returned = t.Stage == record.Returned
	default:
		return nil, nil // an administrator has chosen a third one in the boot menu
	}
	return facts, err
}

// startTrial is for the version on trial. The note of the boot comes before
// anything is touched: without one there is nothing to give back.
func startTrial(dir string, t *record.Trial, boot string, now time.Time, say func(string)) error {
	t.Boots = append(t.Boots, record.Boot{ID: boot, Time: now.UTC()})
	if err := record.Write(dir, t); err != nil {
		return err
	}
	if t.Load == "" || t.Loaded {
		return nil
	}
	say("Putting the data of version " + t.To + " in place ...")
	if err := snapshot.Restore(dir, t.Load, nil); err != nil {
		return err
	}
	t.Loaded = true
	return record.Write(dir, t)
}

// endTrial is for the version of before: it gets its data back, unless the one
// on trial never came as far as the data.
func endTrial(dir string, t *record.Trial, say func(string)) error {
	if t.Snapshot != "" && len(t.Boots) > 0 {
		say("Putting the data of version " + t.From + " back ...")
		if err := snapshot.Restore(dir, t.Snapshot, t.Services); err != nil {
			return err
		}
	}
	t.Stage = record.Returned
	err := record.Write(dir, t)
	if err != nil {
		// The other version may have filled the disk; what it wrote is not
		// needed any more.
		if err := snapshot.Clean(dir); err != nil {
			return err
		}
		err = record.Write(dir, t)
	}
	return err
}
