package ovf

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/host/hosttest"
)

// packed is a package whose disk holds the text.
func packed(text string) Package {
	d := sample()
	d.Disks[0].FileSize = int64(len(text))
	return Package{Descriptor: d, Disks: []DiskFile{diskFile(d.Disks[0].File, text)}, Time: time.Unix(1_767_225_600, 0)}
}

func diskFile(name, text string) DiskFile {
	return DiskFile{Name: name, Size: int64(len(text)), SHA256: sha256.Sum256([]byte(text)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

func pack(t testing.TB, p Package) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteOVA(context.Background(), &b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOVARoundTrip(t *testing.T) {
	text := strings.Repeat("disk", 10_000)
	b := pack(t, packed(text))
	if !bytes.Equal(b, pack(t, packed(text))) {
		t.Error("the same package gives different bytes")
	}
	var visited []string
	o, err := ReadOVA(bytes.NewReader(b), func(f File, r io.Reader) error {
		got, err := io.ReadAll(r)
		if err != nil || string(got) != text || f.Size != int64(len(text)) {
			t.Errorf("%s: read %d bytes, %v", f.Name, len(got), err)
		}
		visited = append(visited, f.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(o.Descriptor, packed(text).Descriptor) || len(o.Manifest) != 2 || o.Name != "pocketbase-1.4.0.ovf" ||
		!reflect.DeepEqual(visited, []string{"pocketbase-1.4.0-disk1.vmdk"}) || len(o.Files) != 3 {
		t.Errorf("read %+v, visited %v", o, visited)
	}
	// Nobody reads the disk: it is compared all the same.
	if _, err := ReadOVA(bytes.NewReader(b), nil); err != nil {
		t.Error(err)
	}
	damaged := bytes.Replace(b, []byte("diskdisk"), []byte("diskdusk"), 1)
	if _, err := ReadOVA(bytes.NewReader(damaged), nil); err == nil {
		t.Error("a damaged disk is read")
	}
}

func TestTar(t *testing.T) {
	hosttest.Need(t, "tar", "sha256sum")
	dir := t.TempDir()
	path := filepath.Join(dir, "a.ova")
	b := pack(t, packed("disk"))
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if string(b[257:265]) != "ustar\x0000" {
		t.Errorf("the header is no ustar header: %q", b[257:265])
	}
	cmd := exec.Command("tar", "--numeric-owner", "--full-time", "--utc", "-tvf", path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if f[0] != "-rw-r--r--" || f[1] != "0/0" || f[3] != "2026-01-01" || f[4] != "00:00:00" {
			t.Errorf("tar lists %s", line)
		}
		names = append(names, f[5])
	}
	if want := []string{"pocketbase-1.4.0.ovf", "pocketbase-1.4.0.mf", "pocketbase-1.4.0-disk1.vmdk"}; !reflect.DeepEqual(names, want) {
		t.Errorf("tar lists %v, want %v", names, want)
	}
	if out, err := exec.Command("tar", "-C", dir, "-xf", path).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	// The manifest with sha256sum's eyes.
	mf, err := os.ReadFile(filepath.Join(dir, "pocketbase-1.4.0.mf"))
	if err != nil {
		t.Fatal(err)
	}
	var sums strings.Builder
	for line := range strings.Lines(string(mf)) {
		fmt.Fprint(&sums, strings.NewReplacer("SHA256(", "SHA256 (", ")= ", ") = ").Replace(line))
	}
	cmd = exec.Command("sha256sum", "--check", "--strict")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(sums.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
}

func TestLargeDisk(t *testing.T) {
	// A header for 9 GiB: GNU tar's form, never PAX.
	for _, size := range []int64{maxUSTAR, maxUSTAR + 1} {
		var b bytes.Buffer
		a := &archive{ctx: t.Context(), tar: tar.NewWriter(&b)}
		if err := a.add("disk.vmdk", size, strings.NewReader("")); err == nil {
			t.Error("a file without its content is stored")
		}
		h, err := tar.NewReader(&b).Next()
		if err != nil || h.Size != size || h.Format == tar.FormatPAX || h.PAXRecords != nil {
			t.Errorf("size %d: header %+v, %v", size, h, err)
		}
	}
}

func TestWriteOVARefuses(t *testing.T) {
	tests := map[string]func(*Package){
		"bad descriptor": func(p *Package) { p.Descriptor.CPUs = 0 },
		"no disk":        func(p *Package) { p.Disks = nil },
		"other name":     func(p *Package) { p.Disks[0].Name = "other.vmdk" },
		"other size":     func(p *Package) { p.Disks[0].Size = 5 },
		"name of manifest": func(p *Package) {
			p.Disks[0].Name, p.Descriptor.Disks[0].File = "pocketbase-1.4.0.mf", "pocketbase-1.4.0.mf"
		},
		"shorter": func(p *Package) { p.Disks[0].Open = diskFile("", "dis").Open },
		"longer":  func(p *Package) { p.Disks[0].Open = diskFile("", "disk2").Open },
		"changed": func(p *Package) { p.Disks[0].Open = diskFile("", "dusk").Open },
		"gone": func(p *Package) {
			p.Disks[0].Open = func() (io.ReadCloser, error) { return nil, os.ErrNotExist }
		},
	}
	for name, change := range tests {
		p := packed("disk")
		change(&p)
		if err := WriteOVA(t.Context(), io.Discard, p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := WriteOVA(ctx, io.Discard, packed("disk")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
}

// entry is one member of a tar made by someone else.
type entry struct {
	tar.Header
	body string
}

func archiveOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if e.Typeflag == 0 {
			e.Typeflag = tar.TypeReg
		}
		e.Size = int64(len(e.body))
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name, body string) entry { return entry{tar.Header{Name: name, Mode: 0o644}, body} }

func TestReadOVAAttacks(t *testing.T) {
	p := packed("disk")
	xml, disk := string(marshal(t, p.Descriptor)), p.Descriptor.Disks[0].File
	sum := func(s string) string { b := sha256.Sum256([]byte(s)); return hex.EncodeToString(b[:]) }
	mf := "SHA256(a.ovf)= " + sum(xml) + "\nSHA256(" + disk + ")= " + sum("disk") + "\n"
	good := []entry{file("a.ovf", xml), file("a.mf", mf), file(disk, "disk")}
	tests := []struct {
		name    string
		entries []entry
		ok      bool
	}{
		{"good", good, true},
		{"no manifest", []entry{good[0], good[2]}, true},
		{"manifest last", []entry{good[0], good[2], good[1]}, true},
		{"certificate", append(good[:3:3], file("a.cert", "x")), true},
		{"empty", nil, false},
		{"manifest first", []entry{good[1], good[0], good[2]}, false},
		{"disk missing", good[:2], false},
		{"disk missing, no manifest", good[:1], false},
		{"two descriptors", append(good[:3:3], file("b.ovf", xml)), false},
		{"two manifests", append(good[:3:3], file("b.mf", mf)), false},
		{"file twice", append(good[:3:3], file(disk, "disk")), false},
		{"unlisted file", append(good[:3:3], file("extra", "x")), false},
		{"other disk", []entry{good[0], good[1], file(disk, "dusk")}, false},
		{"longer disk", []entry{good[0], good[1], file(disk, "disks")}, false},
		{"longer disk, no manifest", []entry{good[0], file(disk, "disks")}, false},
		{"other descriptor", []entry{file("a.ovf", strings.Replace(xml, "192", "193", 1)), good[1], good[2]}, false},
		{"empty manifest", []entry{good[0], file("a.mf", ""), good[2]}, false},
		{"manifest names more", []entry{good[0], file("a.mf", mf+"SHA256(b)= "+sumA), good[2]}, false},
		{"upwards", append(good[:3:3], file("../evil", "x")), false},
		{"absolute", append(good[:3:3], file("/evil", "x")), false},
		{"folder", append(good[:3:3], entry{tar.Header{Name: "d/", Typeflag: tar.TypeDir}, ""}), false},
		{"link", append(good[:3:3], entry{tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""}), false},
		{"device", append(good[:3:3], entry{tar.Header{Name: "l", Typeflag: tar.TypeBlock}, ""}), false},
		{"large descriptor", []entry{file("a.ovf", xml+strings.Repeat(" ", maxDescriptor))}, false},
		{"large manifest", []entry{good[0], file("a.mf", strings.Repeat("\n", maxManifest+1))}, false},
	}
	for _, tt := range tests {
		b := archiveOf(t, tt.entries...)
		o, err := ReadOVA(bytes.NewReader(b), nil)
		if tt.ok != (err == nil) || tt.ok != (o != nil) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	whole := archiveOf(t, good...)
	for cut := 512; cut < len(whole)-1024-512; cut += 256 {
		if _, err := ReadOVA(bytes.NewReader(whole[:cut]), nil); err == nil {
			t.Errorf("cut after %d of %d bytes: no error", cut, len(whole))
		}
	}
	many := good[:1:1]
	for i := range maxFiles + 1 {
		many = append(many, file(fmt.Sprint(i), ""))
	}
	if _, err := ReadOVA(bytes.NewReader(archiveOf(t, many...)), nil); err == nil {
		t.Error("too many files are read")
	}
}

// TestReadOVASparse: an archive of 3 KiB whose disk claims 1 EiB of holes must
// not be read as such.
func TestReadOVASparse(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	xml := string(marshal(t, packed("disk").Descriptor))
	if err := w.WriteHeader(&tar.Header{Name: "a.ovf", Size: int64(len(xml)), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, xml)
	// archive/tar does not write such records: put them in by hand.
	record := func(key, value string) string {
		n := len(key) + len(value) + 3
		for len(fmt.Sprint(n))+len(key)+len(value)+3 != n {
			n++
		}
		return fmt.Sprintf("%d %s=%s\n", n, key, value)
	}
	pax := record("GNU.sparse.major", "0") + record("GNU.sparse.minor", "1") + record("GNU.sparse.name", "x.vmdk") +
		record("GNU.sparse.size", "1152921504606846976") + record("GNU.sparse.numblocks", "0") + record("GNU.sparse.map", "")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	raw := append(b.Bytes(), archiveOf(t, entry{tar.Header{Name: "P", Format: tar.FormatUSTAR}, pax}, entry{tar.Header{Name: "x.vmdk"}, ""})...)
	at := bytes.LastIndex(raw, []byte("P\x00")) // turn the first file into a PAX header
	for i := len(b.Bytes()); i < len(raw); i += 512 {
		if raw[i] == 'P' {
			at = i
			break
		}
	}
	raw[at+156] = 'x'
	sum := 0
	copy(raw[at+148:], "        ")
	for _, c := range raw[at : at+512] {
		sum += int(c)
	}
	copy(raw[at+148:], fmt.Sprintf("%06o\x00 ", sum))
	if h, err := func() (*tar.Header, error) {
		r := tar.NewReader(bytes.NewReader(raw))
		if _, err := r.Next(); err != nil {
			return nil, err
		}
		return r.Next()
	}(); err != nil || h.Size != 1<<60 {
		t.Fatalf("the attack is not what it claims: %+v, %v", h, err)
	}
	if _, err := ReadOVA(bytes.NewReader(raw), nil); err == nil || !strings.Contains(err.Error(), "plain file") {
		t.Errorf("error %v", err)
	}
}

func FuzzReadOVA(f *testing.F) {
	f.Add(pack(f, packed("disk")))
	p := packed("disk")
	f.Add(archiveOf(f, file("a.ovf", string(marshal(f, p.Descriptor))), file(p.Descriptor.Disks[0].File, "disk")))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkReadOVA(t, data)
		checkReadOVA(t, withChecksums(data)) // behind them lie the other checks
	})
}

// withChecksums is the archive with the checksums of its headers put right.
func withChecksums(data []byte) []byte {
	data = bytes.Clone(data)
	for at := 0; at+512 <= len(data); {
		h := data[at : at+512]
		copy(h[148:156], "        ")
		sum := 0
		for _, c := range h {
			sum += int(c)
		}
		copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
		size, err := strconv.ParseInt(strings.Trim(string(h[124:136]), " \x00"), 8, 32)
		if err != nil || size < 0 {
			break
		}
		at += 512 + int(size+511)/512*512
	}
	return data
}

func checkReadOVA(t *testing.T, data []byte) {
	var total int64
	o, err := ReadOVA(bytes.NewReader(data), func(file File, r io.Reader) error {
		if checkFileName(file.Name) != nil {
			t.Errorf("visit is given the name %q", file.Name)
		}
		n, err := io.Copy(io.Discard, r)
		total += n
		return err
	})
	if total > int64(len(data)) {
		t.Errorf("%d bytes came out of %d", total, len(data))
	}
	if err == nil && (len(o.Files) == 0 || !strings.HasSuffix(strings.ToLower(o.Name), ".ovf")) {
		t.Errorf("read %+v", o)
	}
}
