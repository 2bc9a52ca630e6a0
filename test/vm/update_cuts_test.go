package vm

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/test/powercut"
)

// recording is what an appliance wrote to its disks while it was updated and
// went back.
type recording struct {
	Dir     string // holds what was on the disks before
	Entries []powercut.Entry
	// Install, Installed and Back are how many entries there were when the
	// update began, when it was done, and when the appliance had gone back.
	Install, Installed, Back int
}

// base is the file that holds what a disk did before.
func (r *recording) base(disk string) string { return filepath.Join(r.Dir, disk+".base") }

// records makes an appliance, and records its update to 1.1.0 and its way back.
func records(t *testing.T, v *vendor, dir string) *recording {
	t.Helper()
	r := &recording{Dir: dir}
	file := build(t, v.project("1.0.0", withData(1)...), "raw")
	disks := []powercut.Disk{served(t, filepath.Join(dir, "system"), file, 0), served(t, filepath.Join(dir, "data"), "", 1<<30)}
	socket, err := os.MkdirTemp("", "nbd") // a socket's path is short
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(socket) })
	s, err := powercut.Serve(filepath.Join(socket, "s"), disks...)
	must(t, err)
	defer s.Close()
	m := machine(t, file, hypervisor.Spec{Seed: []byte(seedHello), Served: &hypervisor.Served{System: s.URL("system"), Data: s.URL("data")}})
	boots(t, m)
	change(t, admin(t, m), map[string]string{"updates.url": v.url})
	turnOff(t, m)
	for _, d := range disks {
		tool(t, "cp", "--sparse=always", filepath.Join(dir, d.Name), r.base(d.Name))
	}
	from := s.Log.Len()
	boots(t, m)
	r.Install = s.Log.Len() - from
	c := admin(t, m)
	must(t, c.CheckUpdates(t.Context()))
	must(t, c.InstallUpdate(t.Context(), wire.InstallUpdate{Version: "1.1.0"}))
	becomes(t, m, "1.1.0", wire.OutcomeInstalled)
	r.Installed = s.Log.Len() - from
	must(t, admin(t, m).BackUpdate(t.Context(), wire.BackUpdate{Version: "1.0.0", Data: "restore"}))
	becomes(t, m, "1.0.0", wire.OutcomeWentBack)
	r.Back = s.Log.Len() - from
	r.Entries = s.Log.Entries()[from : from+r.Back]
	turnOff(t, m)
	return r
}

// withData gives the example data, and a command that brings it to a version.
func withData(schema int) []string {
	return []string{"    binary: ./bin/hello", fmt.Sprintf(`    binary: ./bin/hello
    data:
      snapshot: copy
      schema: %d
      migrate: {command: [hello, migrate, "${data}"], timeout: 1m}`, schema)}
}

// served is a disk that holds what a file does, or nothing.
func served(t *testing.T, path, file string, size int64) powercut.Disk {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	if file != "" {
		from, err := os.Open(file)
		must(t, err)
		defer from.Close()
		size, err = io.Copy(f, from)
		must(t, err)
	}
	must(t, f.Truncate(size))
	return powercut.Disk{Name: filepath.Base(path), Content: f, Size: size}
}

// cutsChecked is after about how many of the writes and flushes TestUpdateCuts
// cuts the power unless INGOT_TORTURE is set, which is after each.
const cutsChecked = 40

// TestUpdateCuts records every write and flush of an update and of the way back
// from it, and looks at what a cut after each would leave: with all writes
// there, and with those that were not flushed torn at random. It boots one of
// both versions, verified, with its configuration and data, and can be updated.
func TestUpdateCuts(t *testing.T) {
	needAll(t)
	if os.Getuid() != 0 {
		t.Skip("mounts file systems: only root may")
	}
	v := newVendor(t)
	v.files["commands.go"] = commandsForData
	v.release("1.0.0", withData(1)...)
	v.release("1.1.0", withData(2)...)
	r := records(t, v, t.TempDir())
	v.release("1.2.0", withData(2)...)
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d writes and flushes of the update, %d of the way back; seed %d", r.Installed-r.Install, r.Back-r.Installed, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var cuts []cut
	for n := r.Install; n <= r.Back; n++ {
		if os.Getenv("INGOT_TORTURE") != "" || random.IntN(r.Back-r.Install) < cutsChecked {
			cuts = append(cuts, cut{n, false, random.IntN(2) == 0}, cut{n, true, random.IntN(2) == 0})
		}
	}
	stories := checkCuts(t, v, r, cuts, random)
	t.Logf("%d cuts; then there were booted: %v", len(cuts), stories)
	for _, story := range []string{"1.0.0 1.2.0", "1.1.0 1.2.0", "1.1.0 1.0.0 1.2.0"} {
		if stories[story] == 0 {
			t.Errorf("it never went on as %s", story)
		}
	}
}

// cut is one after the first n entries, with open writes torn or there; a
// version that is on trial after it is well, or is not.
type cut struct {
	n    int
	torn bool
	well bool
}

// checkCuts makes the disks of one cut after the other, and lets them go on.
func checkCuts(t *testing.T, v *vendor, r *recording, cuts []cut, random *rand.Rand) (stories map[string]int) {
	t.Helper()
	dir, parts := memory(t), partitions(t, r)
	stable, work := newDisks(t, filepath.Join(dir, "stable"), parts), newDisks(t, filepath.Join(dir, "work"), parts)
	must(t, stable.load(r))
	must(t, work.become(stable))
	j := newJudge(t, v, work)
	replay := powercut.NewReplay(r.Entries)
	stories = map[string]int{}
	for _, c := range cuts {
		open, err := replay.Settle(stable.writers(), c.n)
		must(t, err)
		must(t, work.become(stable))
		if c.torn {
			must(t, powercut.Tear(work.writers(), open, random))
		} else {
			must(t, powercut.Write(work.writers(), open))
		}
		story, err := j.goesOn(work, c.well)
		if err != nil {
			t.Errorf("%+v of %d, then %s: %v", c, r.Back, story, err)
		}
		stories[story]++
	}
	return stories
}
