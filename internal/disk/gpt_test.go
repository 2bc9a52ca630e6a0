package disk

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/host/hosttest"
)

const mib = 1 << 20

func sample() GPT {
	return GPT{
		DiskGUID: "00112233-4455-6677-8899-aabbccddeeff",
		BootCode: append([]byte{0xeb, 0x63, 0x90}, bytes.Repeat([]byte{7}, bootCodeSize-3)...),
		Partitions: []Partition{
			{Number: 1, TypeGUID: TypeBIOSBoot, GUID: "11111111-2222-3333-4444-555555555501", Name: "bios", FirstLBA: 2048, LastLBA: 4095},
			{Number: 2, TypeGUID: TypeESP, GUID: "11111111-2222-3333-4444-555555555502", Name: "esp", FirstLBA: 4096, LastLBA: 20479, Attributes: 1},
			{Number: 3, TypeGUID: TypeSystem, GUID: "11111111-2222-3333-4444-555555555503", Name: NameSystem, FirstLBA: 20480, LastLBA: 65535},
		},
	}
}

// table is what of a GPT is the same after writing and reading it.
func table(g GPT) GPT {
	g.SectorSize, g.FromBackup = 0, false
	g.BootCode = bytes.TrimRight(g.BootCode, "\x00")
	return g
}

func TestGPTRoundTrip(t *testing.T) {
	for _, sector := range []int64{512, 4096} {
		g := sample()
		g.SectorSize = sector
		size := int64(64*mib) * sector / 512
		b := NewBuffer(size)
		if err := WriteGPT(b, size, g); err != nil {
			t.Fatal(err)
		}
		got, err := ReadGPT(b, size)
		if err != nil {
			t.Fatal(err)
		}
		if got.SectorSize != sector || got.FromBackup || !reflect.DeepEqual(table(got), table(g)) {
			t.Errorf("sector %d: read %+v, want %+v", sector, got, g)
		}

		parts, err := g.Parts(size)
		if err != nil {
			t.Fatal(err)
		}
		composed, err := Compose(size, parts...)
		if err != nil {
			t.Fatal(err)
		}
		ends := func(img Image) []byte { // between them lies nothing
			head, tail := make([]byte, mib), make([]byte, mib)
			img.ReadAt(head, 0)
			img.ReadAt(tail, size-mib)
			return append(head, tail...)
		}
		if !bytes.Equal(ends(composed), ends(b)) {
			t.Errorf("sector %d: Parts and WriteGPT make different disks", sector)
		}
	}
}

func TestGPTIndependentReaders(t *testing.T) {
	hosttest.Need(t, "sfdisk", "sgdisk")
	path := filepath.Join(t.TempDir(), "disk")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	grow := func(size int64) {
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
	}
	grow(64 * mib)
	if err := WriteGPT(f, 64*mib, sample()); err != nil {
		t.Fatal(err)
	}
	checkWithTools(t, path, sample())

	grow(100 * mib)
	g, err := ReadGPT(f, 100*mib)
	if err != nil {
		t.Fatal(err)
	}
	g, more := g.Grown(100 * mib)
	if !more || g.Partitions[2].LastLBA != 99*2048-1 {
		t.Fatalf("Grown = %v, last sector %d, want the last but one MiB's end", more, g.Partitions[2].LastLBA)
	}
	if err := WriteGPT(f, 100*mib, g); err != nil {
		t.Fatal(err)
	}
	checkWithTools(t, path, g)
}

func checkWithTools(t *testing.T, path string, want GPT) {
	t.Helper()
	if out, err := exec.Command("sgdisk", "-v", path).CombinedOutput(); err != nil || !strings.Contains(string(out), "No problems found") {
		t.Errorf("sgdisk -v: %v\n%s", err, out)
	}
	out, err := exec.Command("sfdisk", "-J", path).Output()
	if err != nil {
		t.Fatalf("sfdisk -J: %v", err)
	}
	var got struct {
		PartitionTable struct {
			ID         string
			Partitions []struct {
				Start, Size      int64
				Type, UUID, Name string
			}
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if !strings.EqualFold(got.PartitionTable.ID, string(want.DiskGUID)) || len(got.PartitionTable.Partitions) != len(want.Partitions) {
		t.Fatalf("sfdisk sees %+v", got)
	}
	for i, p := range got.PartitionTable.Partitions {
		w := want.Partitions[i]
		if p.Start != w.FirstLBA || p.Size != w.Sectors() || p.Name != w.Name ||
			!strings.EqualFold(p.Type, string(w.TypeGUID)) || !strings.EqualFold(p.UUID, string(w.GUID)) {
			t.Errorf("sfdisk sees partition %+v, want %+v", p, w)
		}
	}
}

func TestReadGPTDamaged(t *testing.T) {
	const size = 64 * mib
	last := int64(size - 512)
	tests := []struct {
		name       string
		smash      []int64 // offsets of a byte to be inverted
		ok, backup bool
	}{
		{"nothing", nil, true, false},
		{"primary header", []int64{512 + 40}, true, true},
		{"primary signature", []int64{512}, true, true},
		{"primary entries", []int64{1024 + 60}, true, true},
		{"backup header", []int64{last + 40}, true, false},
		{"backup entries", []int64{last - 100}, true, false},
		{"both headers", []int64{512 + 40, last + 40}, false, false},
		{"primary header, backup entries", []int64{512 + 40, last - 32*512}, false, false},
	}
	for _, tt := range tests {
		b := NewBuffer(size)
		if err := WriteGPT(b, size, sample()); err != nil {
			t.Fatal(err)
		}
		for _, off := range tt.smash {
			var c [1]byte
			b.ReadAt(c[:], off)
			c[0] = ^c[0]
			b.WriteAt(c[:], off)
		}
		g, err := ReadGPT(b, size)
		if tt.ok != (err == nil) || g.FromBackup != tt.backup {
			t.Errorf("%s: error %v, from backup %v", tt.name, err, g.FromBackup)
		}
		if errors.Is(err, ErrNoGPT) {
			t.Errorf("%s: a damaged table is told to be none", tt.name)
		}
		if tt.ok && !reflect.DeepEqual(table(g), table(sample())) {
			t.Errorf("%s: read %+v", tt.name, g)
		}
	}
}

func TestReadGPTNone(t *testing.T) {
	for _, size := range []int64{0, 1, 512, 4096, mib} {
		if _, err := ReadGPT(Zero(size), size); !errors.Is(err, ErrNoGPT) {
			t.Errorf("size %d: error %v, want ErrNoGPT", size, err)
		}
	}
}

func TestWriteGPTRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*GPT)
	}{
		{"overlap", func(g *GPT) { g.Partitions[1].FirstLBA = 4000 }},
		{"inverted", func(g *GPT) { g.Partitions[1].LastLBA = 4000 }},
		{"in the table", func(g *GPT) { g.Partitions[0].FirstLBA = 33 }},
		{"in the backup", func(g *GPT) { g.Partitions[2].LastLBA = 64*2048 - 33 }},
		{"number 0", func(g *GPT) { g.Partitions[0].Number = 0 }},
		{"number twice", func(g *GPT) { g.Partitions[0].Number = 2 }},
		{"number 129", func(g *GPT) { g.Partitions[2].Number = 129 }},
		{"bad type", func(g *GPT) { g.Partitions[0].TypeGUID = "esp" }},
		{"bad id", func(g *GPT) { g.Partitions[0].GUID = "" }},
		{"bad disk id", func(g *GPT) { g.DiskGUID = "00112233-4455-6677-8899-aabbccddeefg" }},
		{"long name", func(g *GPT) { g.Partitions[0].Name = strings.Repeat("n", 37) }},
		{"long boot code", func(g *GPT) { g.BootCode = make([]byte, 441) }},
		{"odd sectors", func(g *GPT) { g.SectorSize = 1024 }},
	}
	for _, tt := range tests {
		g := sample()
		tt.change(&g)
		b := NewBuffer(64 * mib)
		if err := WriteGPT(b, 64*mib, g); err == nil {
			t.Errorf("%s: no error", tt.name)
		}
		if len(b.pages) != 0 {
			t.Errorf("%s: something was written", tt.name)
		}
	}
	if err := WriteGPT(NewBuffer(34*512), 34*512, GPT{DiskGUID: sample().DiskGUID}); err == nil {
		t.Error("a disk that is too small gets a table")
	}
}

func TestAppend(t *testing.T) {
	g, p, err := sample().Append(100*mib, Partition{TypeGUID: TypeData, GUID: MakeGUID([16]byte{1}), Name: NameData})
	if err != nil {
		t.Fatal(err)
	}
	if p.Number != 4 || p.FirstLBA != 65536 || p.LastLBA != 99*2048-1 || len(g.Partitions) != 4 || g.Partitions[3] != p {
		t.Errorf("added %+v", p)
	}
	if _, more := g.Grown(100 * mib); more {
		t.Error("a table that fills its disk says it has grown")
	}
	if _, _, err := g.Append(100*mib, Partition{TypeGUID: TypeData, GUID: MakeGUID([16]byte{2})}); err == nil {
		t.Error("a full disk takes one more partition")
	}
	empty := GPT{DiskGUID: sample().DiskGUID}
	if _, p, err := empty.Append(20<<30, Partition{TypeGUID: TypeData, GUID: MakeGUID([16]byte{1})}); err != nil || p.Number != 1 || p.FirstLBA != 2048 {
		t.Errorf("first partition of an empty disk: %+v, %v", p, err)
	}
	if found, ok := g.Partition(TypeData); !ok || found != p4(g) {
		t.Errorf("Partition(TypeData) = %+v, %v", found, ok)
	}
	if _, ok := sample().Partition(TypeData); ok {
		t.Error("a partition is found that is not there")
	}
}

func p4(g GPT) Partition { return g.Partitions[3] }

// cutWriter loses power after so many sectors; a sector is written whole or
// not at all, as disks promise.
type cutWriter struct {
	*Buffer
	left int
}

var errPower = errors.New("power cut")

func (c *cutWriter) WriteAt(p []byte, off int64) (int, error) {
	for i := 0; i < len(p); i += 512 {
		if c.left == 0 {
			return i, errPower
		}
		c.left--
		if _, err := c.Buffer.WriteAt(p[i:min(i+512, len(p))], off+int64(i)); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// TestGrowPowerCut cuts the power after every sector of growing a disk: what
// is found afterwards is the old table or the new one, and growing it again
// gives the new one.
func TestGrowPowerCut(t *testing.T) {
	const small, large = 64 * mib, 100 * mib
	want, _ := sample().Grown(large)
	seen := map[string]int{}
	for cut := 0; ; cut++ {
		b := NewBuffer(large)
		if err := WriteGPT(b, small, sample()); err != nil {
			t.Fatal(err)
		}
		err := WriteGPT(&cutWriter{b, cut}, large, want)
		if err != nil && !errors.Is(err, errPower) {
			t.Fatal(err)
		}
		g, readErr := ReadGPT(b, large)
		if readErr != nil {
			t.Fatalf("cut after %d sectors: %v", cut, readErr)
		}
		switch {
		case reflect.DeepEqual(table(g), table(sample())):
			seen["old"]++
		case reflect.DeepEqual(table(g), table(want)) && g.FromBackup:
			seen["new from backup"]++
		case reflect.DeepEqual(table(g), table(want)):
			seen["new"]++
		default:
			t.Fatalf("cut after %d sectors: read %+v", cut, g)
		}
		again, _ := g.Grown(large)
		if err := WriteGPT(b, large, again); err != nil {
			t.Fatal(err)
		}
		if g, err := ReadGPT(b, large); err != nil || g.FromBackup || !reflect.DeepEqual(table(g), table(want)) {
			t.Fatalf("cut after %d sectors: repaired to %+v, %v", cut, g, err)
		}
		if err == nil {
			break
		}
	}
	if seen["old"] < 30 || seen["new from backup"] < 1 || seen["new"] < 30 {
		t.Errorf("outcomes %v do not cover all cases", seen)
	}
}

func TestGUID(t *testing.T) {
	g, err := ParseGUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")
	if err != nil || g != TypeESP {
		t.Errorf("ParseGUID = %q, %v", g, err)
	}
	b, _ := TypeESP.encode()
	if want := [16]byte{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b}; b != want {
		t.Errorf("encoded as % x", b)
	}
	if g := MakeGUID([16]byte{}); g != "00000000-0000-8000-8000-000000000000" {
		t.Errorf("MakeGUID = %s", g)
	}
	for _, bad := range []string{"", "c12a7328f81f11d2ba4b00a0c93ec93b", "c12a7328-f81f-11d2-ba4b-00a0c93ec93", "c12a7328-f81f-11d2-ba4b-00a0c93ec93z", "c12a7328-f81f-11d2-ba4b_00a0c93ec93b", "c12a732--f81f-11d2-ba4b-00a0c93ec93b"} {
		if _, err := ParseGUID(bad); err == nil {
			t.Errorf("ParseGUID(%q) succeeds", bad)
		}
	}
}

func FuzzReadGPT(f *testing.F) {
	const size = 64 << 10
	for _, sector := range []int64{512, 4096} {
		g := GPT{DiskGUID: sample().DiskGUID, SectorSize: sector, Partitions: []Partition{
			{Number: 1, TypeGUID: TypeData, GUID: TypeESP, Name: "x", FirstLBA: 40 * 512 / sector * 2, LastLBA: 40 * 512 / sector * 2},
		}}
		if sector == 4096 {
			g.Partitions = nil
		}
		b := NewBuffer(size)
		if err := WriteGPT(b, size, g); err != nil {
			f.Fatal(err)
		}
		disk := make([]byte, size)
		b.ReadAt(disk, 0)
		f.Add(disk)
		disk = bytes.Clone(disk)
		clear(disk[:sector*2])
		f.Add(disk)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkReadGPT(t, data)
		checkReadGPT(t, withChecksums(data)) // behind them lie the other checks
	})
}

// withChecksums is the disk with the checksums of its primary copy put right.
func withChecksums(data []byte) []byte {
	data = bytes.Clone(data)
	if len(data) < 1024 {
		return data
	}
	h := data[512:1024]
	le := binary.LittleEndian
	at, n := le.Uint64(h[72:])*512, uint64(le.Uint32(h[80:]))*uint64(le.Uint32(h[84:]))
	if at < uint64(len(data)) && n <= uint64(len(data))-at {
		le.PutUint32(h[88:], crc32.ChecksumIEEE(data[at:][:n]))
	}
	clear(h[16:20])
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:min(le.Uint32(h[12:]), 512)]))
	return data
}

func checkReadGPT(t *testing.T, data []byte) {
	g, err := ReadGPT(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		if g.Partitions != nil {
			t.Error("an error and partitions")
		}
		return
	}
	for _, p := range g.Partitions {
		if p.FirstLBA < 1 || p.LastLBA < p.FirstLBA || (p.LastLBA+1)*g.SectorSize > int64(len(data)) {
			t.Errorf("partition %+v is not on the disk of %d bytes", p, len(data))
		}
	}
	// What can be written at all is read back as it was.
	size := int64(len(data)) / g.SectorSize * g.SectorSize
	b := NewBuffer(size)
	if WriteGPT(b, size, g) != nil {
		return
	}
	again, err := ReadGPT(b, size)
	if err != nil || !reflect.DeepEqual(table(again), table(g)) {
		t.Errorf("read %+v, %v; want %+v", again, err, g)
	}
}
