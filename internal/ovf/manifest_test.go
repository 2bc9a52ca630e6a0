package ovf

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vapi/library"
)

const (
	sumA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	sumB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func TestManifest(t *testing.T) {
	m := Manifest{{"a.ovf", "SHA256", sumA}, {"a (copy)=1.vmdk", "SHA256", sumB}}
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if want := "SHA256(a.ovf)= " + sumA + "\nSHA256(a (copy)=1.vmdk)= " + sumB + "\n"; string(b) != want {
		t.Errorf("wrote %q, want %q", b, want)
	}
	got, err := ReadManifest(b)
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("read %+v, %v", got, err)
	}
	theirs, err := library.ReadManifest(bytes.NewReader(b))
	if err != nil || theirs["a.ovf"].Algorithm != "SHA256" || theirs["a.ovf"].Checksum != sumA {
		t.Errorf("govmomi reads %+v, %v", theirs, err)
	}
}

func TestReadManifestVariants(t *testing.T) {
	sha1 := sumA[:40]
	for _, line := range []string{
		"SHA1(a.ovf)= " + sha1, "SHA1 (a.ovf) = " + sha1, "sha1(a.ovf)=" + strings.ToUpper(sha1) + "\r", "\n\nSHA1(a.ovf)= " + sha1 + "\n\n",
	} {
		m, err := ReadManifest([]byte(line))
		if err != nil || !reflect.DeepEqual(m, Manifest{{"a.ovf", "SHA1", sha1}}) {
			t.Errorf("%q: read %+v, %v", line, m, err)
		}
	}
}

func TestReadManifestRefuses(t *testing.T) {
	ok := "SHA256(a.ovf)= " + sumA + "\n"
	for name, text := range map[string]string{
		"garbage":        "hello",
		"twice":          ok + ok,
		"short":          "SHA256(a.ovf)= " + sumA[1:],
		"long":           "SHA256(a.ovf)= a" + sumA,
		"not hex":        "SHA256(a.ovf)= g" + sumA[1:],
		"wrong length":   "SHA1(a.ovf)= " + sumA,
		"algorithm":      "MD5(a.ovf)= " + sumA[:32],
		"no name":        "SHA256()= " + sumA,
		"folder":         "SHA256(../a.ovf)= " + sumA,
		"backslash":      `SHA256(..\a.ovf)= ` + sumA,
		"absolute":       "SHA256(/etc/passwd)= " + sumA,
		"control":        "SHA256(a\x00.ovf)= " + sumA,
		"no parenthesis": "SHA256 a.ovf = " + sumA,
		"huge":           strings.Repeat("\n", maxManifest+1),
		"long line":      "SHA256(" + strings.Repeat("a", 70_000) + ")= " + sumA,
	} {
		if m, err := ReadManifest([]byte(text)); err == nil || m != nil {
			t.Errorf("%s: read %+v, %v", name, m, err)
		}
	}
	if _, err := (Manifest{{"a.ovf", "SHA256", strings.ToUpper(sumA)}}).Marshal(); err == nil {
		t.Error("a digest in upper case is written")
	}
}

func FuzzReadManifest(f *testing.F) {
	f.Add([]byte("SHA256(a.ovf)= " + sumA + "\nSHA256(a-disk1.vmdk)= " + sumB + "\n"))
	f.Add([]byte("SHA1 (a (b).ovf) = " + sumA[:40] + "\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ReadManifest(data)
		if err != nil {
			return
		}
		b, err := m.Marshal()
		if err != nil {
			t.Fatalf("%+v is read and cannot be written: %v", m, err)
		}
		again, err := ReadManifest(b)
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("read %+v, %v; want %+v", again, err, m)
		}
	})
}
