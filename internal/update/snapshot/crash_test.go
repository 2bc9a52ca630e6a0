package snapshot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cutter is a disk whose power goes at one step: before it, after it, or, of
// those that take several, in the middle.
type cutter struct {
	realDisk
	steps, at int
	where     string
}

// outage is what a cut panics with.
type outage struct{}

func (c *cutter) step(what string, do, half func() error) error {
	cut := func(when string) {
		if c.steps++; c.steps == c.at {
			c.where = when + " " + what
			panic(outage{})
		}
	}
	cut("before")
	if half != nil {
		if c.steps+1 == c.at {
			_ = half()
		}
		cut("within")
	}
	if err := do(); err != nil {
		return err
	}
	cut("after")
	return nil
}

func (c *cutter) Write(path string, data []byte) error {
	return c.step("write "+path, func() error { return c.realDisk.Write(path, data) }, func() error {
		return os.WriteFile(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".1"), data[:len(data)/2], 0o600)
	})
}

func (c *cutter) Rename(from, to string) error {
	return c.step("rename "+from+" to "+to, func() error { return c.realDisk.Rename(from, to) }, nil)
}

func (c *cutter) Mkdir(path string, perm os.FileMode) error {
	return c.step("mkdir "+path, func() error { return c.realDisk.Mkdir(path, perm) }, nil)
}

func (c *cutter) MkdirAll(path string, perm os.FileMode) error {
	return c.step("mkdir -p "+path, func() error { return c.realDisk.MkdirAll(path, perm) }, func() error {
		return c.realDisk.MkdirAll(filepath.Dir(path), perm)
	})
}

func (c *cutter) RemoveAll(path string) error {
	return c.step("rm -r "+path, func() error { return c.realDisk.RemoveAll(path) }, func() error {
		entries, _ := os.ReadDir(path)
		for i := 0; i < len(entries)/2; i++ {
			_ = os.RemoveAll(filepath.Join(path, entries[i].Name()))
		}
		return nil
	})
}

func (c *cutter) Flush(path string) error {
	return c.step("flush "+path, func() error { return nil }, nil)
}

// cut runs something with the power going at one step; it is false when that
// has fewer steps.
func cut(t *testing.T, c *cutter, do func(disk) error) (cut bool) {
	t.Helper()
	defer func() {
		switch r := recover(); r {
		case nil:
		case any(outage{}):
			cut = true
		default:
			panic(r)
		}
	}()
	if err := do(c); err != nil {
		t.Fatal(err)
	}
	return false
}

// TestRestoreCutAnywhere cuts the power at every step of going back, then at
// every step of the second attempt, and holds that the third ends with exactly
// the data of before.
func TestRestoreCutAnywhere(t *testing.T) {
	cuts := 0
	for first := 1; ; first++ {
		more := false
		for second := 0; ; second++ { // 0: not again
			if second > 0 && first%5 != 0 {
				break // each second step of every fifth first one
			}
			dir := dataDisk(t)
			o := options(t, dir)
			if err := Take(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			before := describe(t, dir)
			ruin(t, dir)
			again := func(d disk) error { return restore(d, dir, o.ID, nil) }
			c := &cutter{at: first}
			if !cut(t, c, again) {
				break
			}
			more = true
			cuts++
			where := c.where
			if second > 0 {
				c2 := &cutter{at: second}
				if !cut(t, c2, again) {
					break
				}
				where += ", then " + c2.where
			}
			if err := Restore(dir, o.ID, nil); err != nil {
				t.Fatalf("cut %s: %v", where, err)
			}
			if got, want := without(describe(t, dir), elsewhere...), without(before, elsewhere...); got != want {
				t.Fatalf("cut %s:\n%s\nwant\n%s", where, got, want)
			}
			if dump, err := os.ReadFile(filepath.Join(RestoreDir(dir, "queue"), "dump")); string(dump) != "dump of many" {
				t.Fatalf("cut %s: %q, %v", where, dump, err)
			}
		}
		if !more {
			break
		}
	}
	t.Logf("%d cuts", cuts)
	if cuts < 100 {
		t.Errorf("only %d cuts: the power does not go where it matters", cuts)
	}
}

// TestTakeCutAnywhere: after a cut there is a whole snapshot or none, the data
// is as it was, and the next attempt succeeds and leaves no draft.
func TestTakeCutAnywhere(t *testing.T) {
	cuts := 0
	for at := 1; ; at++ {
		dir := dataDisk(t)
		o, before := options(t, dir), describe(t, dir)
		c := &cutter{at: at}
		if !cut(t, c, func(d disk) error { return take(t.Context(), d, o) }) {
			break
		}
		cuts++
		if got := describe(t, dir); got != before {
			t.Fatalf("cut %s: the data is\n%s\nbefore\n%s", c.where, got, before)
		}
		list, err := List(dir)
		if err != nil || len(list) > 1 {
			t.Fatalf("cut %s: %v, %v", c.where, list, err)
		}
		if len(list) == 1 {
			if err := checkWhole(dir, o.ID); err != nil {
				t.Fatalf("cut %s: %v", c.where, err)
			}
		} else if err := Restore(dir, o.ID, nil); !errors.Is(err, ErrNone) {
			t.Fatalf("cut %s: %v", c.where, err)
		}
		if err := Take(t.Context(), o); err != nil {
			t.Fatalf("cut %s: %v", c.where, err)
		}
		entries, err := os.ReadDir(snapshots(dir))
		if err != nil || len(entries) != 1 {
			t.Fatalf("cut %s: %v, %v", c.where, entries, err)
		}
	}
	if cuts < 20 {
		t.Errorf("only %d cuts: the power does not go where it matters", cuts)
	}
}

// checkWhole says what a snapshot lacks that its marker names.
func checkWhole(dir, id string) error {
	m, err := readMarker(dir, id)
	if err != nil {
		return err
	}
	var missing []string
	for _, i := range m.Items {
		if _, err := os.Lstat(filepath.Join(snapshots(dir), id, dataPart, i.Path)); (err != nil) != i.Absent {
			missing = append(missing, i.Path)
		}
	}
	if missing != nil || len(m.Items) < 8 {
		return fmt.Errorf("of %d items missing: %s", len(m.Items), strings.Join(missing, ", "))
	}
	return nil
}
