package vm

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/disk/fat"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/slot"
	"github.com/ingotvm/ingot/internal/slot/grubmodel"
	"github.com/ingotvm/ingot/test/powercut"
)

// bootState is one state of a system disk that GRUB has to make something of.
type bootState struct {
	a, b  []byte // the copies of the boot state; nil for a file that is not there
	slots string // the versions that are there, with spaces between
}

// bootStates are all states of the boot variables, with each copy whole, torn or
// missing, and with versions missing.
func bootStates(t *testing.T, random *rand.Rand) (list []bootState) {
	t.Helper()
	for _, slots := range []string{"1.0.0 1.1.0", "1.0.0", "1.1.0", ""} {
		for copies := range 6 {
			for _, good := range []string{"1.0.0", "1.1.0"} {
				for _, trial := range []string{"", "1.0.0", "1.1.0", "9.9.9"} {
					for tries := range release.MaxTries + 1 {
						block, err := release.BootState{Good: good, Trial: trial, Tries: tries}.Block()
						must(t, err)
						torn := bytes.Clone(block)
						for i := random.IntN(60); i < len(torn); i++ { // the last of what it says is after 60 bytes
							torn[i] = 0xff
						}
						ab := [][2][]byte{{block, block}, {torn, block}, {block, torn}, {torn, torn}, {nil, block}, {nil, nil}}[copies]
						list = append(list, bootState{ab[0], ab[1], slots})
					}
				}
			}
		}
	}
	return list
}

// statesTried is how many states TestGrub boots of each firmware unless
// INGOT_TORTURE is set, which is all, or INGOT_STATES=256:512, which is that
// part of them: all take two hours, on one processor.
const statesTried = 6

// toTry are those of all states that are booted.
func toTry(t *testing.T, list []bootState, random *rand.Rand) []bootState {
	t.Helper()
	part := os.Getenv("INGOT_STATES")
	switch {
	case part != "":
		var from, to int
		_, err := fmt.Sscanf(part, "%d:%d", &from, &to)
		must(t, err)
		return list[from:to]
	case os.Getenv("INGOT_TORTURE") == "":
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		return list[:statesTried]
	}
	return list
}

// TestGrub lets real GRUB boot states of the system disk, under BIOS and UEFI:
// it loads the version, and writes the boot state, as the model of it says,
// by which all other tests go.
func TestGrub(t *testing.T) {
	needAll(t)
	if os.Getuid() != 0 {
		t.Skip("mounts file systems: only root may")
	}
	file := built(t, "hello", "raw")
	for _, firmware := range []hypervisor.Firmware{hypervisor.BIOS, hypervisor.UEFI} {
		t.Run(string(firmware), func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			random := rand.New(rand.NewPCG(seed, 0))
			list := bootStates(t, random)
			all := len(list)
			list = toTry(t, list, random)
			g := newGrub(t, file, firmware)
			for i, s := range list {
				if i%32 == 31 {
					t.Logf("%d of %d states so far", i, len(list))
				}
				want, wantA, wantB := grubmodel.Boot(s.a, s.b, strings.Fields(s.slots))
				same := func(version string, a, b []byte) bool {
					return version == want && bytes.Equal(a, wantA) && bytes.Equal(b, wantB)
				}
				limit := patience
				if want == "" {
					limit = quiet
				}
				version, a, b := g.boots(s, limit)
				if !same(version, a, b) && limit == quiet { // on a busy host GRUB may have been as quiet before it was done
					version, a, b = g.boots(s, patience)
				}
				if !same(version, a, b) {
					t.Errorf("versions %q, state %.60q and %.60q: GRUB boots %q and leaves %.60q and %.60q; the model boots %q and leaves %.60q and %.60q",
						s.slots, s.a, s.b, version, a, b, want, wantA, wantB)
				}
			}
			t.Logf("%d of %d states, seed %d", len(list), all, seed)
		})
	}
}

// grub is a machine whose system disk is in one state after the other. It
// implements [powercut.Content].
type grub struct {
	t       *testing.T
	machine hypervisor.Machine
	offset  int64            // of the EFI system partition
	places  map[string]int64 // of the boot state's copies on the disk
	kernels map[string][]span
	// disks are system disks with some of the versions, and without some of the
	// copies, by both.
	disks map[string]*os.File

	mu     sync.Mutex
	disk   *os.File
	copies map[string][]byte
	loaded string    // the version whose kernel was read
	last   time.Time // when anything was read
	looked bool      // the boot state was read
}

// span is a part of the disk.
type span struct{ from, to int64 }

func newGrub(t *testing.T, file string, firmware hypervisor.Firmware) *grub {
	t.Helper()
	g := &grub{t: t, places: map[string]int64{}, kernels: map[string][]span{}, disks: map[string]*os.File{}}
	dir := memory(t)
	image := filepath.Join(dir, "image")
	tool(t, "cp", "--sparse=always", file, image)
	info, err := os.Stat(image)
	must(t, err)
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	table, err := disk.ReadGPT(f, info.Size())
	must(t, err)
	esp, system := table.Partitions[1], table.Partitions[2]
	g.offset = esp.FirstLBA * 512
	for _, name := range []string{release.BootStateA, release.BootStateB} {
		at, _, err := fat.Locate(io.NewSectionReader(f, g.offset, esp.Sectors()*512), name)
		must(t, err)
		g.places[name] = g.offset + at
	}
	start := system.FirstLBA * 512
	onSystem(t, image, start, func(slots string) {
		tool(t, "cp", "-r", filepath.Join(slots, "1.0.0"), filepath.Join(slots, "1.1.0"))
	})
	for _, version := range []string{"1.0.0", "1.1.0"} {
		g.kernels[version] = blocksOf(t, image, start, slot.Folder+"/"+version+"/vmlinuz")
	}
	for _, have := range []string{"1.0.0 1.1.0", "1.0.0", "1.1.0", ""} {
		for _, missing := range []string{"", "a", "ab"} {
			path := filepath.Join(dir, have+"-"+missing)
			tool(t, "cp", "--sparse=always", image, path)
			onSystem(t, path, start, func(slots string) {
				for version := range g.kernels {
					if !slices.Contains(strings.Fields(have), version) {
						must(t, os.RemoveAll(filepath.Join(slots, version)))
					}
				}
			})
			for _, c := range missing {
				tool(t, "mdel", "-i", fmt.Sprintf("%s@@%d", path, g.offset), "::/ingot/state."+string(c))
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			must(t, err)
			t.Cleanup(func() { f.Close() })
			g.disks[have+"-"+missing] = f
		}
	}
	sockets, err := os.MkdirTemp("", "nbd") // a socket's path is short
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(sockets) })
	s, err := powercut.Serve(filepath.Join(sockets, "s"), powercut.Disk{Name: "system", Content: g, Size: info.Size()})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	g.machine = machine(t, file, hypervisor.Spec{Firmware: firmware, Served: &hypervisor.Served{System: s.URL("system")}, Hardware: hypervisor.Hardware{NIC: hypervisor.NoNIC}})
	return g
}

// onSystem does something with the folder of versions of an image.
func onSystem(t *testing.T, image string, offset int64, do func(slots string)) {
	t.Helper()
	dir := t.TempDir()
	tool(t, "mount", "-o", fmt.Sprintf("loop,offset=%d", offset), image, dir)
	do(filepath.Join(dir, slot.Folder))
	tool(t, "umount", dir)
}

// blocksOf is where the middle of a file lies on the disk.
func blocksOf(t *testing.T, image string, offset int64, name string) (list []span) {
	t.Helper()
	var said strings.Builder
	must(t, host.Local{}.Run(t.Context(), host.Command{
		Name: "debugfs", Args: []string{"-R", "blocks /" + name, fmt.Sprintf("%s?offset=%d", image, offset)}, Stdout: &said,
	}))
	for _, word := range strings.Fields(said.String()) {
		block, err := strconv.ParseInt(word, 10, 64)
		must(t, err)
		list = append(list, span{offset + block*4096, offset + (block+1)*4096})
	}
	if len(list) == 0 {
		t.Fatalf("%s has no blocks: %s", name, &said)
	}
	// GRUB reads more than it is asked for: what lies in the middle it reads only
	// when it reads the file.
	return list[len(list)/2 : len(list)/2+1]
}

// quiet is for how long nothing is read by a GRUB that has nothing to boot; it
// has read the boot state before. One that is to boot something may take its time.
const quiet, patience = 4 * time.Second, time.Minute

// boots is one boot as far as the kernel, or until nothing was read for limit,
// and what it leaves of the boot state.
func (g *grub) boots(s bootState, limit time.Duration) (version string, a, b []byte) {
	g.t.Helper()
	missing := ""
	if s.a == nil {
		missing = "a"
	}
	if s.b == nil {
		missing += "b"
	}
	g.mu.Lock()
	g.disk = g.disks[s.slots+"-"+missing]
	g.copies = map[string][]byte{release.BootStateA: bytes.Clone(s.a), release.BootStateB: bytes.Clone(s.b)}
	g.loaded, g.looked, g.last = "", false, time.Now()
	g.mu.Unlock()
	must(g.t, g.machine.Start(g.t.Context()))
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		g.mu.Lock()
		loaded, none := g.loaded, g.looked && time.Since(g.last) > limit
		g.mu.Unlock()
		if loaded != "" || none {
			break
		}
		if time.Now().After(end) {
			g.t.Fatal("GRUB does not come as far as the boot state")
		}
	}
	must(g.t, g.machine.Stop(g.t.Context()))
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.loaded, g.copies[release.BootStateA], g.copies[release.BootStateB]
}

// ReadAt implements [powercut.Content].
func (g *grub) ReadAt(p []byte, at int64) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, err := g.disk.ReadAt(p, at)
	g.last = time.Now()
	here := span{at, at + int64(len(p))}
	for name, block := range g.copies {
		if place := g.places[name]; block != nil && here.meets(span{place, place + int64(len(block))}) {
			copy(p[max(0, place-at):], block[max(0, at-place):])
			g.looked = true
		}
	}
	g.looked = g.looked || len(g.copies[release.BootStateA]) == 0 && here.meets(span{g.offset, g.offset + 1})
	for version, kernel := range g.kernels {
		if slices.ContainsFunc(kernel, here.meets) && g.loaded == "" {
			g.loaded = version
		}
	}
	return n, err
}

func (s span) meets(o span) bool { return s.from < o.to && o.from < s.to }

// WriteAt implements [powercut.Content].
func (g *grub) WriteAt(p []byte, at int64) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, block := range g.copies {
		if block != nil && at == g.places[name] && len(p) == len(block) {
			copy(block, p)
			return len(p), nil
		}
	}
	g.t.Errorf("GRUB writes %d bytes at %d", len(p), at)
	return len(p), nil
}
