package vmdk

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zlib"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/host/hosttest"
)

const mib = 1 << 20

// sample is a disk with data that compresses and such that does not, short
// and long gaps, and data in the first and the last grain.
func sample(size int64) *disk.Buffer {
	b := disk.NewBuffer(size)
	random := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 300_000)
	random.Read(noise)
	write := func(p []byte, off int64) {
		if off >= 0 && off+int64(len(p)) <= size {
			if _, err := b.WriteAt(p, off); err != nil {
				panic(err)
			}
		}
	}
	write([]byte("boot"), 0)
	write(bytes.Repeat([]byte("text compresses. "), 30_000), 100_000)
	write(noise, 3*mib+17)
	write(make([]byte, 2*grainSize), 5*mib) // written, but zero
	write([]byte{1}, 40*mib)                // second table
	write(noise, 130*mib)                   // a table later, one left out
	write([]byte("end"), size-3)
	return b
}

func encode(t testing.TB, img disk.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	n, err := Write(context.Background(), &out, img, Options{ContentID: [16]byte{15: 0x2a}})
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(out.Len()) {
		t.Fatalf("Write says %d bytes, wrote %d", n, out.Len())
	}
	return out.Bytes()
}

func same(t *testing.T, got, want disk.Image) {
	t.Helper()
	if got.Size() != want.Size() {
		t.Fatalf("size %d, want %d", got.Size(), want.Size())
	}
	a, b := make([]byte, mib), make([]byte, mib)
	for off := int64(0); off < want.Size(); off += mib {
		n := min(mib, want.Size()-off)
		if _, err := got.ReadAt(a[:n], off); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if _, err := want.ReadAt(b[:n], off); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if !bytes.Equal(a[:n], b[:n]) {
			t.Fatalf("bytes differ in the MiB at %d", off)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, size := range []int64{grainSize, mib, 32 * mib, 33 * mib, 200*mib + grainSize} {
		want := sample(size)
		file := encode(t, want)
		got, err := Open(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)

		// The extents cover the data, and no more than whole grains of it.
		copied := disk.NewBuffer(size)
		if err := disk.WriteRaw(t.Context(), copied, got, disk.Options{}); err != nil {
			t.Fatal(err)
		}
		same(t, copied, want)
	}
}

func TestEmptyDisk(t *testing.T) {
	file := encode(t, disk.Zero(20<<30))
	if len(file) != 128*sector+sector+5*sector+3*sector { // 640 tables in 5 sectors
		t.Errorf("an empty disk takes %d bytes", len(file))
	}
	img, err := Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for e := range img.Extents() {
		t.Errorf("an empty disk has the extent %v", e)
	}
}

func TestDeterministic(t *testing.T) {
	img := sample(200 * mib)
	want := encode(t, img)
	for _, n := range []int{1, 3, 7} {
		old := runtime.GOMAXPROCS(n)
		got := encode(t, img)
		runtime.GOMAXPROCS(old)
		if !bytes.Equal(got, want) {
			t.Errorf("with %d processors other bytes come out", n)
		}
	}
}

// TestStream reads the file as an importer that cannot seek does, and checks
// that each table and directory says what the stream said.
func TestStream(t *testing.T) {
	want := sample(200 * mib)
	file := encode(t, want)
	if len(file)%sector != 0 {
		t.Fatalf("%d bytes are no whole sectors", len(file))
	}
	le := binary.LittleEndian
	head, err := decodeHeader(file[:sector])
	if err != nil {
		t.Fatal(err)
	}
	if head.version != 3 || head.flags != 0x30001 || head.directory != directoryAtEnd || head.grainSectors != 128 ||
		head.capacity != 200*mib/sector || head.overhead != 128 || head.compression != 1 {
		t.Errorf("header %+v", head)
	}
	got := disk.NewBuffer(200 * mib)
	table, directory := make([]uint32, tableEntries), make([]uint32, head.tables())
	seen := map[uint32]bool{}
	var lastGrain int64 = -1
	ended := false
	for at := int64(head.overhead) * sector; at < int64(len(file)); {
		if ended {
			t.Fatalf("%d bytes follow the end of the stream", int64(len(file))-at)
		}
		val, size, kind := le.Uint64(file[at:]), le.Uint32(file[at+8:]), le.Uint32(file[at+12:])
		body := file[at+sector:]
		if size > 0 {
			if int64(val) <= lastGrain || val%128 != 0 {
				t.Fatalf("grain for sector %d after %d", val, lastGrain)
			}
			lastGrain = int64(val)
			z, err := zlib.NewReader(bytes.NewReader(file[at+12:][:size]))
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(z)
			if err != nil || len(data) != grainSize || disk.IsZero(data) {
				t.Fatalf("grain for sector %d: %d bytes, %v", val, len(data), err)
			}
			got.WriteAt(data, int64(val)*sector)
			table[val/128%512] = uint32(at / sector)
			end := at + 12 + int64(size)
			next := (end + sector - 1) / sector * sector
			if !disk.IsZero(file[end:next]) {
				t.Error("padding is not zero")
			}
			at = next
			continue
		}
		at += sector
		seen[kind] = true
		switch kind {
		case markerTable:
			if val != 4 || !bytes.Equal(body[:4*sector], encode32(table)) {
				t.Errorf("table at %d does not name the grains before it", at)
			}
			directory[lastGrain/128/512] = uint32(at / sector)
			clear(table)
			at += 4 * sector
		case markerDirectory:
			if !bytes.Equal(body[:int64(val)*sector], encode32(directory)) {
				t.Error("directory does not name the tables before it")
			}
			head.directory = uint64(at / sector)
			at += int64(val) * sector
		case markerFooter:
			if foot, err := decodeHeader(body); err != nil || foot != head || val != 1 {
				t.Errorf("footer %+v, %v; want %+v", foot, err, head)
			}
			at += sector
		case markerEnd:
			ended = true
		default:
			t.Fatalf("marker %d at %d", kind, at-sector)
		}
	}
	if !ended || !seen[markerTable] || !seen[markerDirectory] || !seen[markerFooter] {
		t.Errorf("the stream has only the markers %v", seen)
	}
	same(t, got, want)
}

func TestDescriptor(t *testing.T) {
	file := encode(t, sample(200*mib))
	text := string(bytes.TrimRight(file[sector:21*sector], "\x00"))
	for _, line := range []string{
		"# Disk DescriptorFile", "version=1", "CID=0000002a", "parentCID=ffffffff", `createType="streamOptimized"`,
		`RW 409600 SPARSE "disk.vmdk"`, `ddb.adapterType = "lsilogic"`, `ddb.toolsVersion = "2147483647"`,
		`ddb.longContentID = "0000000000000000000000000000002a"`,
		`ddb.geometry.cylinders = "26"`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("the descriptor lacks %s", line)
		}
	}
	for _, cid := range []uint32{0, 0xfffffffe, 0xffffffff} {
		var id [16]byte
		binary.BigEndian.PutUint32(id[12:], cid)
		text, err := descriptor(1, Options{ContentID: id})
		if err != nil || bytes.Contains(text, []byte("\nCID=ffffffff")) || bytes.Contains(text, []byte("\nCID=00000000")) {
			t.Errorf("content ID %x: %s, %v", cid, text, err)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, size := range []int64{0, 1, sector, grainSize - sector, mib + sector, 63 << 40} {
		if _, err := Write(t.Context(), io.Discard, disk.Zero(size), Options{}); err == nil {
			t.Errorf("a disk of %d bytes is written", size)
		}
	}
	if _, err := Write(t.Context(), io.Discard, disk.Zero(mib), Options{Name: "a\"b"}); err == nil {
		t.Error("a name with a quote is written")
	}
}

func TestWriteFails(t *testing.T) {
	boom := errors.New("boom")
	if _, err := Write(t.Context(), failWriter{boom}, sample(200*mib), Options{}); !errors.Is(err, boom) {
		t.Errorf("error %v, want boom", err)
	}
	short := disk.Dense(strings.NewReader("short"), mib)
	if _, err := Write(t.Context(), io.Discard, short, Options{}); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		t.Errorf("error %v, want EOF", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	opts := Options{Options: disk.Options{Progress: func(done, _ int64) { cancel() }}}
	if _, err := Write(ctx, io.Discard, sample(2000*mib), opts); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
}

type failWriter struct{ err error }

func (w failWriter) Write(p []byte) (int, error) { return 0, w.err }

func TestQemuReadsOurs(t *testing.T) {
	hosttest.Need(t, "qemu-img")
	dir := t.TempDir()
	img := sample(200 * mib)
	ours, raw := filepath.Join(dir, "disk.vmdk"), filepath.Join(dir, "disk.raw")
	if err := os.WriteFile(ours, encode(t, img), 0o644); err != nil {
		t.Fatal(err)
	}
	writeRaw(t, raw, img)
	qemu(t, "check", "-f", "vmdk", ours)
	qemu(t, "compare", "-f", "vmdk", "-F", "raw", ours, raw)
	var info struct {
		VirtualSize    int64 `json:"virtual-size"`
		FormatSpecific struct {
			Data struct {
				CreateType string `json:"create-type"`
				CID        int64
				Extents    []struct {
					Compressed  bool
					ClusterSize int64 `json:"cluster-size"`
				}
			}
		} `json:"format-specific"`
	}
	if err := json.Unmarshal(qemu(t, "info", "--output=json", ours), &info); err != nil {
		t.Fatal(err)
	}
	if d := info.FormatSpecific.Data; info.VirtualSize != 200*mib || d.CreateType != "streamOptimized" || d.CID != 42 ||
		len(d.Extents) != 1 || !d.Extents[0].Compressed || d.Extents[0].ClusterSize != grainSize {
		t.Errorf("qemu-img info says %+v", info)
	}
}

func TestReadsQemus(t *testing.T) {
	hosttest.Need(t, "qemu-img")
	dir := t.TempDir()
	img := sample(200 * mib)
	raw := filepath.Join(dir, "disk.raw")
	writeRaw(t, raw, img)
	for _, format := range []string{"streamOptimized", "monolithicSparse"} {
		path := filepath.Join(dir, format+".vmdk")
		qemu(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat="+format, raw, path)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fi, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Open(f, fi.Size())
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, img)
		copied := disk.NewBuffer(img.Size())
		if err := disk.WriteRaw(t.Context(), copied, got, disk.Options{}); err != nil {
			t.Fatal(err)
		}
		same(t, copied, img)
	}
	flat := filepath.Join(dir, "flat.vmdk")
	qemu(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicFlat", raw, flat)
	b, err := os.ReadFile(flat)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(bytes.NewReader(b), int64(len(b))); err == nil {
		t.Error("a flat disk opens")
	}
}

func writeRaw(t *testing.T, path string, img disk.Image) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(img.Size()); err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteRaw(t.Context(), f, img, disk.Options{}); err != nil {
		t.Fatal(err)
	}
}

func qemu(t *testing.T, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("qemu-img", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("qemu-img %s: %v\n%s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return out
}

// TestOpenDamaged changes each byte of the parts that say where things are: a
// disk must never open as a larger one, nor read other bytes without an error.
func TestOpenDamaged(t *testing.T) {
	file := encode(t, sample(mib))
	for _, cut := range []int{0, 1, 511, 512, 21 * sector, 128 * sector, len(file) - 3*sector, len(file) - sector, len(file) - 1} {
		if _, err := Open(bytes.NewReader(file[:cut]), int64(cut)); err == nil {
			t.Errorf("a disk cut after %d bytes opens", cut)
		}
	}
	parts := map[string][]byte{
		"parent": bytes.Replace(file, []byte("parentCID=ffffffff"), []byte("parentCID=00000001"), 1),
		"type":   bytes.Replace(file, []byte(`"streamOptimized"`), []byte(`"twoGbMaxSparse" `), 1),
		"text":   bytes.Replace(file, []byte("\n \r\n"), []byte("\n \n\n"), 1),
		"grain":  append(bytes.Clone(file[:128*sector+20]), append([]byte{^file[128*sector+20]}, file[128*sector+21:]...)...),
	}
	for name, b := range parts {
		img, err := Open(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			_, err = io.Copy(io.Discard, io.NewSectionReader(img, 0, img.Size()))
		}
		if err == nil {
			t.Errorf("%s: a damaged disk reads", name)
		}
	}
}

// tiny is a streamOptimized disk with all that belongs to one, in few bytes.
func tiny(t testing.TB) []byte {
	h := header{version: 3, flags: flagNewlines | flagCompressed | flagMarkers, capacity: 256, grainSectors: 128,
		descriptorOffset: 1, descriptorSize: 1, tableEntries: tableEntries, directory: directoryAtEnd, overhead: 2, compression: 1}
	b := append(h.encode(), make([]byte, sector)...)
	copy(b[sector:], "parentCID=ffffffff\ncreateType=\"streamOptimized\"\n")
	j := &job{nr: 1, data: bytes.Repeat([]byte("text"), grainSize/4)}
	if err := (&compressor{}).compress(j); err != nil {
		t.Fatal(err)
	}
	table := make([]uint32, tableEntries)
	table[1] = uint32(len(b) / sector)
	b = append(append(b, j.out.Bytes()...), marker(markerTable, tableSectors)...)
	directory := encode32([]uint32{uint32(len(b) / sector)})
	b = append(append(b, encode32(table)...), marker(markerDirectory, 1)...)
	h.directory = uint64(len(b) / sector)
	for _, p := range [][]byte{directory, marker(markerFooter, 1), h.encode(), marker(markerEnd, 0)} {
		b = append(b, p...)
	}
	if img, err := Open(bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	} else if _, err := io.Copy(io.Discard, io.NewSectionReader(img, 0, img.Size())); err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzOpen(f *testing.F) {
	f.Add(encode(f, disk.Zero(64*mib)))
	f.Add(tiny(f))
	// The directory in front, not compressed: as monolithicSparse has it.
	plain := header{version: 1, flags: flagNewlines, capacity: 256, grainSectors: 8, descriptorOffset: 1, descriptorSize: 1,
		tableEntries: tableEntries, directory: 2, overhead: 8}
	b := append(plain.encode(), make([]byte, 20*sector)...)
	copy(b[sector:], "parentCID=ffffffff\ncreateType=\"monolithicSparse\"\n")
	binary.LittleEndian.PutUint32(b[2*sector:], 3)
	binary.LittleEndian.PutUint32(b[3*sector+8:], 8)
	copy(b[8*sector:], "data")
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		if img.Size() < 0 {
			t.Fatalf("size %d", img.Size())
		}
		last := int64(-1)
		n := 0
		for e, err := range img.Extents() {
			if err != nil {
				break
			}
			if e.Offset <= last || e.Length <= 0 || e.End() > img.Size() {
				t.Fatalf("extent %v of a disk of %d bytes, after %d", e, img.Size(), last)
			}
			last = e.End()
			buf := make([]byte, min(e.Length, 1<<17))
			img.ReadAt(buf, e.Offset)
			if n++; n > 64 {
				break
			}
		}
		buf := make([]byte, 4096)
		if n, err := img.ReadAt(buf, max(0, img.Size()-2048)); err == nil && img.Size() < 4096 && n != 4096 {
			t.Errorf("short read of %d bytes without an error", n)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	img := disk.NewBuffer(64 * mib)
	noise := make([]byte, 64*mib)
	random := rand.NewChaCha8([32]byte{2})
	random.Read(noise) // an Ingot disk holds what is compressed already
	img.WriteAt(noise, 0)
	b.SetBytes(64 * mib)
	for b.Loop() {
		if _, err := Write(b.Context(), io.Discard, img, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
