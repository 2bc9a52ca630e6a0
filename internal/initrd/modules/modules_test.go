package modules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"virtio:d00000002v*", "virtio:d00000002v00001AF4", true},
		{"virtio:d00000002v*", "virtio:d00000008v00001AF4", false},
		{"pci:v*d*sv*sd*bc01sc06i01*", "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01", true},
		{"pci:v*d*sv*sd*bc01sc06i01*", "pci:v00008086d00002922sv00001AF4sd00001100bc01sc08i02", false},
		{"cpu:type:x86,ven*fam*mod*:feature:*0099*", "cpu:type:x86,ven0002fam0019mod0001:feature:,0000,0099,00A0", true},
		{"scsi:t-0x00*", "scsi:t-0x00", true},
		{"acpi*:VMBUS:*", "acpi:VMBUS:VMBUS:", true},
		{"dmi*:svn[A-C]x:*", "dmi:bvn/x:svnBx:", true},
		{"dmi*:svn[!A-C]x:*", "dmi:bvn/x:svnBx:", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"abc", "abc", true},
		{"abc", "abcd", false},
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"a*b*c", "a1b2b3c", true},
		{"a*b*c", "a1b2b3", false},
		{"a[", "a[", true},
	} {
		if got := match(c.pattern, c.s); got != c.want {
			t.Errorf("match(%q, %q) = %v; want %v", c.pattern, c.s, got, c.want)
		}
		if c.want && !strings.HasPrefix(c.s, literal(c.pattern)) {
			t.Errorf("literal(%q) = %q is no prefix of %q", c.pattern, literal(c.pattern), c.s)
		}
	}
}

func index(t *testing.T) *Index {
	t.Helper()
	x, err := ReadIndex(fstest.MapFS{
		"modules.dep": {Data: []byte(`kernel/scsi/scsi_common.ko:
kernel/scsi/scsi_mod.ko: kernel/scsi/scsi_common.ko
kernel/scsi/sd_mod.ko: kernel/scsi/scsi_mod.ko kernel/scsi/scsi_common.ko
kernel/scsi/virtio_scsi.ko: kernel/scsi/scsi_mod.ko kernel/scsi/scsi_common.ko
kernel/md/dm-verity.ko:
`)},
		"modules.alias": {Data: []byte(`# Aliases extracted from modules themselves.
alias virtio:d00000008v* virtio_scsi
alias scsi:t-0x00* sd_mod
alias scsi:t-0x00* not_in_the_initrd
`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestIndexMatch(t *testing.T) {
	x := index(t)
	if got := x.Match("scsi:t-0x00"); !slices.Equal(got, []string{"sd_mod"}) {
		t.Errorf("Match(scsi disk) = %v; want sd_mod only", got)
	}
	if got := x.Match("pci:v00008086"); got != nil {
		t.Errorf("Match(unknown) = %v; want none", got)
	}
	if !x.Has("dm-verity") || !x.Has("dm_verity") || x.Has("loop") {
		t.Error("Has is wrong about dm_verity or loop")
	}
}

func TestIndexMissing(t *testing.T) {
	if _, err := ReadIndex(fstest.MapFS{}); err == nil {
		t.Error("ReadIndex of an empty folder succeeded")
	}
}

// recorder is a kernel that only writes down what it is given.
type recorder struct {
	mu    sync.Mutex
	order []string
	fail  map[string]error
}

func (r *recorder) insert(path string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order = append(r.order, nameOf(path))
	return r.fail[nameOf(path)]
}

func TestLoadInOrderAndOnce(t *testing.T) {
	for range 50 { // other interleavings
		kernel := &recorder{}
		l := NewLoader(index(t), kernel.insert, 4)
		if err := l.Load("sd_mod", "virtio_scsi", "dm-verity", "loop"); err != nil {
			t.Fatal(err)
		}
		if err := l.Load("sd_mod"); err != nil {
			t.Fatal(err)
		}
		at := func(name string) int { return slices.Index(kernel.order, name) }
		if len(kernel.order) != 5 {
			t.Fatalf("loaded %v; want each of five once", kernel.order)
		}
		if at("scsi_common") > at("scsi_mod") || at("scsi_mod") > at("sd_mod") || at("scsi_mod") > at("virtio_scsi") {
			t.Fatalf("loaded in the order %v", kernel.order)
		}
	}
}

func TestFilesAreWhatIsNotLoaded(t *testing.T) {
	l := NewLoader(index(t), (&recorder{}).insert, 1)
	want := []string{"kernel/scsi/scsi_common.ko", "kernel/scsi/scsi_mod.ko", "kernel/scsi/sd_mod.ko", "kernel/scsi/virtio_scsi.ko"}
	if got := l.Files("sd_mod", "virtio_scsi", "sd_mod", "loop"); !slices.Equal(got, want) {
		t.Errorf("Files before = %v; want %v", got, want)
	}
	if err := l.Load("virtio_scsi"); err != nil {
		t.Fatal(err)
	}
	l.End()
	if err := l.Load("sd_mod"); err != nil { // asked for too late
		t.Fatal(err)
	}
	if got := l.Files("sd_mod", "virtio_scsi"); !slices.Equal(got, want[2:3]) {
		t.Errorf("Files after = %v; want %v", got, want[2:3])
	}
}

func TestLoadErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{syscall.EEXIST, false},
		{syscall.ENODEV, false},
		{fmt.Errorf("wrapped: %w", syscall.EEXIST), false},
		{syscall.ENOEXEC, true},
		{syscall.EKEYREJECTED, true},
	} {
		kernel := &recorder{fail: map[string]error{"scsi_mod": c.err}}
		err := NewLoader(index(t), kernel.insert, 1).Load("sd_mod")
		if got := err != nil; got != c.want {
			t.Errorf("Load with %v = %v", c.err, err)
		}
		if c.want && !errors.Is(err, c.err) {
			t.Errorf("Load = %v; want it to wrap %v", err, c.err)
		}
		if c.want && slices.Contains(kernel.order, "sd_mod") {
			t.Errorf("sd_mod was loaded without what it needs")
		}
	}
}

func TestLoadAfterEnd(t *testing.T) {
	kernel := &recorder{}
	l := NewLoader(index(t), kernel.insert, 1)
	l.End()
	if err := l.Load("sd_mod"); err != nil || kernel.order != nil {
		t.Errorf("Load = %v and inserted %v; want nothing", err, kernel.order)
	}
}
