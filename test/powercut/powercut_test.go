package powercut

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/host/hosttest"
)

// memory is a disk for replays.
type memory []byte

func (m memory) WriteAt(p []byte, at int64) (int, error) { return copy(m[at:], p), nil }

func serve(t *testing.T, size int64) *Server {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "nbd") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := Serve(filepath.Join(dir, "s"), Disk{"disk", f, size})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestPeer lets QEMU's own client write, and reads it back.
func TestPeer(t *testing.T) {
	hosttest.Need(t, "qemu-io")
	const size = 1 << 20
	s := serve(t, size)
	var out bytes.Buffer
	err := host.Local{}.Run(t.Context(), host.Command{Name: "qemu-io", Stdout: &out, Stderr: &out, Args: []string{
		"-f", "raw", "-t", "writeback", "-c", "write -P 1 0 4k", "-c", "flush", "-c", "write -P 2 4k 1k", "-c", "write -f -P 3 64k 512",
		"-c", "read -P 1 0 4k", "-c", "read -P 2 4k 1k", "-c", "read -P 0 8k 4k", "-c", "write -z 0 512", "-c", "read -P 0 0 512",
		s.URL("disk"),
	}})
	if err != nil || bytes.Contains(out.Bytes(), []byte("failed")) {
		t.Fatalf("%v\n%s", err, &out)
	}
	var writes, flushes, fua int
	for _, e := range s.Log.Entries() {
		switch {
		case e.Flush:
			flushes++
		case e.Forced:
			fua++
		default:
			writes++
		}
	}
	if writes < 3 || flushes < 1 || fua != 1 {
		t.Errorf("the log has %d writes, %d flushes, %d forced writes", writes, flushes, fua)
	}
	// The log is what the disk holds.
	replayed := make(memory, size)
	disks := map[string]io.WriterAt{"disk": replayed}
	open, err := NewReplay(s.Log.Entries()).Settle(disks, s.Log.Len())
	if err == nil {
		err = Write(disks, open)
	}
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(s.disks["disk"].Content.(*os.File).Name())
	if err != nil || !bytes.Equal(have, replayed) {
		t.Errorf("the log makes another disk: %v", err)
	}
}

// TestTear keeps what was flushed or forced, and loses the rest in every way.
func TestTear(t *testing.T) {
	var l Log
	fill := func(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }
	l.add(Entry{Disk: "d", Offset: 0, Data: fill(1, 2048)})
	l.add(Entry{Disk: "d", Flush: true})
	l.add(Entry{Disk: "d", Offset: 0, Data: fill(2, 2048)})
	l.add(Entry{Disk: "d", Offset: 4096, Data: fill(3, 512), Forced: true})
	l.add(Entry{Disk: "other", Flush: true}) // makes nothing of d sure
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for range 500 {
		d, other := make(memory, 8192), make(memory, 8192)
		disks := map[string]io.WriterAt{"d": d, "other": other}
		open, err := NewReplay(l.Entries()).Settle(disks, l.Len())
		if err == nil {
			err = Tear(disks, open, random)
		}
		if err != nil {
			t.Fatal(err)
		}
		if d[4096] != 3 {
			t.Fatal("a forced write is missing")
		}
		pattern := ""
		for at := 0; at < 2048; at += sectorSize {
			sector := d[at : at+sectorSize]
			if !bytes.Equal(sector, fill(sector[0], sectorSize)) || sector[0] != 1 && sector[0] != 2 {
				t.Fatalf("sector %d is torn, or lost what was flushed", at/sectorSize)
			}
			pattern += string('0' + sector[0])
		}
		seen[pattern]++
	}
	if len(seen) != 16 || seen["1111"] < 50 || seen["2222"] < 50 {
		t.Errorf("the ways in which it tears: %v", seen)
	}
}

// TestReplay goes on from instant to instant, and is each time as if it had
// gone there at once.
func TestReplay(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var l Log
	for range 300 {
		disk := []string{"a", "b"}[random.IntN(2)]
		if random.IntN(8) == 0 {
			l.add(Entry{Disk: disk, Flush: true})
			continue
		}
		l.add(Entry{Disk: disk, Offset: int64(random.IntN(8)) * 512, Data: bytes.Repeat([]byte{byte(random.IntN(256))}, 512*(1+random.IntN(3)))})
	}
	fresh := func() map[string]io.WriterAt {
		return map[string]io.WriterAt{"a": make(memory, 8192), "b": make(memory, 8192)}
	}
	going, r := fresh(), NewReplay(l.Entries())
	for n := range l.Len() + 1 {
		open, err := r.Settle(going, n)
		if err != nil {
			t.Fatal(err)
		}
		have, want := fresh(), fresh()
		for name, d := range going {
			copy(have[name].(memory), d.(memory))
		}
		if err := Write(have, open); err != nil {
			t.Fatal(err)
		}
		for _, e := range l.Entries()[:n] {
			if !e.Flush {
				_, _ = want[e.Disk].WriteAt(e.Data, e.Offset) // memory takes it
			}
		}
		for name := range want {
			if !bytes.Equal(have[name].(memory), want[name].(memory)) {
				t.Fatalf("after %d entries disk %s is another", n, name)
			}
		}
	}
}
