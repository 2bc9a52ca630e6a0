package grubmodel

import (
	"bytes"
	"slices"
	"testing"

	"github.com/ingotvm/ingot/internal/release"
)

func block(t *testing.T, s release.BootState) []byte {
	t.Helper()
	b, err := s.Block()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEveryState goes through all states of the boot variables, with each copy
// whole, torn, or of another time, and with versions missing.
func TestEveryState(t *testing.T) {
	versions := []string{"1.0.0", "1.1.0"}
	torn := bytes.Repeat([]byte{0xff}, release.BootStateSize)
	states := 0
	for _, good := range versions {
		for _, trial := range []string{"", "1.0.0", "1.1.0", "9.9.9"} {
			for tries := range release.MaxTries + 1 {
				s := release.BootState{Good: good, Trial: trial, Tries: tries}
				whole := block(t, s)
				for _, copies := range [][2][]byte{{whole, whole}, {torn, whole}, {whole, torn}, {torn, torn}, {nil, whole}, {nil, nil}} {
					for _, slots := range [][]string{versions, versions[:1], versions[1:], nil} {
						states++
						got, a, b := Boot(copies[0], copies[1], slots)
						readable := bytes.Equal(copies[0], whole) || bytes.Equal(copies[1], whole)
						checkState(t, s, readable, slots, got)
						for i, after := range [][]byte{a, b} {
							checkWritten(t, s, readable, copies[i], after)
						}
					}
				}
			}
		}
	}
	t.Logf("%d states", states)
	if states != 2*4*4*6*4 {
		t.Errorf("%d states were tried", states)
	}
}

func checkState(t *testing.T, s release.BootState, readable bool, slots []string, got string) {
	t.Helper()
	has := func(v string) bool { return slices.Contains(slots, v) }
	onTrial := readable && s.Trial != "" && s.Tries > 0
	want := ""
	switch {
	case onTrial && has(s.Trial):
		want = s.Trial
	case readable && has(s.Good):
		want = s.Good
	case !readable && len(slots) > 0:
		want = slots[len(slots)-1]
	}
	if got != want {
		t.Fatalf("%+v, readable %v, slots %v: it boots %q, want %q", s, readable, slots, got, want)
	}
}

// checkWritten: a trial is counted before it is booted, whatever becomes of it,
// in every copy that is whole.
func checkWritten(t *testing.T, s release.BootState, readable bool, before, after []byte) {
	t.Helper()
	old, err := release.ParseBootState(before)
	if err != nil || !readable || s.Trial == "" || s.Tries == 0 {
		if !bytes.Equal(before, after) && s.Trial != s.Good {
			t.Fatalf("%+v: it writes %q over %q", s, after, before)
		}
		return
	}
	now, err := release.ParseBootState(after)
	if err != nil || now.Tries != old.Tries-1 || now.Good != s.Good || now.Trial != s.Trial {
		t.Fatalf("%+v: it writes %+v, %v", s, now, err)
	}
}

// TestTrialEnds boots a trial that never proves itself until it is given up.
func TestTrialEnds(t *testing.T) {
	state := block(t, release.BootState{Good: "1.0.0", Trial: "1.1.0", Tries: release.MaxTries})
	for boot := range release.MaxTries + 2 {
		got, written, _ := Boot(state, state, []string{"1.0.0", "1.1.0"})
		want := "1.1.0"
		if boot >= release.MaxTries {
			want = "1.0.0"
		}
		if got != want {
			t.Fatalf("boot %d is of %s, want %s", boot+1, got, want)
		}
		state = written
	}
}

// TestTornWrites tears GRUB's own writing of the counted state at every byte,
// in either copy: a version boots, and a trial is not tried more often.
func TestTornWrites(t *testing.T) {
	before := block(t, release.BootState{Good: "1.0.0", Trial: "1.1.0", Tries: 3})
	after := block(t, release.BootState{Good: "1.0.0", Trial: "1.1.0", Tries: 2})
	for n := range len(after) + 1 {
		half := append(bytes.Clone(after[:n]), before[n:]...)
		for _, copies := range [][2][]byte{{half, before}, {after, half}} {
			got, a, b := Boot(copies[0], copies[1], []string{"1.0.0", "1.1.0"})
			s, err := release.ParseBootState(a)
			if err != nil {
				s, err = release.ParseBootState(b)
			}
			if got != "1.1.0" || err != nil || s.Tries > 2 {
				t.Fatalf("torn after %d bytes it boots %q and leaves %+v, %v", n, got, s, err)
			}
		}
	}
}
