package build

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// checkRoot checks that the keys of a repository's root have signed it, by the
// code that the appliance trusts.
func checkRoot(data []byte) error {
	root, err := metadata.Root().FromBytes(data)
	if err != nil {
		return fmt.Errorf("it is not a root.json: %w", err)
	}
	if err := root.VerifyDelegate(metadata.ROOT, root); err != nil {
		return errors.New("its own keys have not signed it; was it edited?")
	}
	return nil
}

// The mirror's state is a digest, and the time of its newest index: a version
// made of its packages is not older, however wrong an appliance's clock goes.
// The time is part of the state, and not the time of the build, so that the
// same inputs give the same bytes.
const stateSeparator = " "

func mirrorState(digest string, newest time.Time) string {
	if newest.Before(epoch) {
		return digest
	}
	return digest + stateSeparator + newest.UTC().Format(time.RFC3339)
}

// stateTime is the time in a mirror's state, and [epoch] for one without.
func stateTime(state string) time.Time {
	_, text, _ := strings.Cut(state, stateSeparator)
	if t, err := time.Parse(time.RFC3339, text); err == nil && t.After(epoch) {
		return t
	}
	return epoch
}

// indexTime is the date in an index, InRelease. It is not proven yet, so one
// that lies ahead of now counts as now: nobody else is to make appliances take
// no updates until then.
func indexTime(index []byte, now time.Time) time.Time {
	lines := bufio.NewScanner(bytes.NewReader(index))
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "Date: "); ok {
			t, err := time.Parse(time.RFC1123, strings.TrimSpace(text))
			switch {
			case err != nil:
				return time.Time{}
			case t.After(now):
				return now.UTC().Truncate(time.Second)
			}
			return t.UTC()
		}
	}
	return time.Time{}
}
