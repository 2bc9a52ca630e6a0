package seed

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/host/hosttest"
)

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if err := (host.Local{}).Run(t.Context(), host.Command{Name: name, Args: args}); err != nil {
		t.Fatal(err)
	}
}

// TestIdentify reads what the usual programs write.
func TestIdentify(t *testing.T) {
	hosttest.Need(t, "mkfs.vfat", "mlabel", "genisoimage")
	dir := t.TempDir()
	fat := func(name, bits, size, label string) string {
		path := filepath.Join(dir, name)
		run(t, "truncate", "-s", size, path)
		run(t, "mkfs.vfat", "-F", bits, "-n", label, path)
		return path
	}
	relabelled := fat("relabelled", "16", "32M", "OLD")
	run(t, "mlabel", "-i", relabelled, "::INGOT-SEED")
	iso := filepath.Join(dir, "iso")
	run(t, "genisoimage", "-quiet", "-J", "-r", "-V", "cidata", "-o", iso, filepath.Join("..", "seed"))
	for path, want := range map[string]string{
		fat("fat12", "12", "2M", "INGOT-SEED"):  "vfat INGOT-SEED",
		fat("fat16", "16", "32M", "cidata"):     "vfat cidata",
		fat("fat32", "32", "64M", "INGOT-SEED"): "vfat INGOT-SEED",
		fat("unnamed", "32", "64M", "NO NAME"):  "vfat ",
		relabelled:                              "vfat INGOT-SEED",
		iso:                                     "iso9660 cidata",
	} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		kind, label := identify(f)
		f.Close()
		if got := kind + " " + label; got != want {
			t.Errorf("%s is %q; want %q", filepath.Base(path), got, want)
		}
	}
}

func TestIdentifyOthers(t *testing.T) {
	mbr := make([]byte, 40<<10)
	mbr[510], mbr[511], mbr[0] = 0x55, 0xaa, 0xeb // a boot loader's first sector
	for name, head := range map[string]string{
		"empty": "", "zeros": strings.Repeat("\x00", 40<<10), "a boot loader": string(mbr),
		"a disc without a primary descriptor": strings.Replace(isoHead("cidata"), "\x01CD001", "\x02CD001", 1),
	} {
		if kind, label := identify(strings.NewReader(head)); kind != "" || label != "" {
			t.Errorf("%s is %q %q", name, kind, label)
		}
	}
}

// FuzzLabels: a label is never longer than its field, and none is found where
// no kind is.
func FuzzLabels(f *testing.F) {
	f.Add([]byte(isoHead("cidata"))[32<<10:], true)
	boot := make([]byte, 2048)
	copy(boot, "\xeb\x3c\x90mkfs.fat\x00\x02\x04\x01\x00\x02\x10\x00\x00\x10\xf8\x02\x00")
	copy(boot[38:], "\x29\x00\x00\x00\x00INGOT-SEED ")
	boot[510], boot[511] = 0x55, 0xaa
	f.Add(boot, false)
	f.Fuzz(func(t *testing.T, data []byte, disc bool) {
		if disc { // the first 32 KiB of a disc mean nothing
			data = append(make([]byte, 32<<10), data...)
		}
		kind, label := identify(bytes.NewReader(data))
		if most := map[string]int{"": 0, vfat: 11, iso9660: 32}[kind]; len(label) > most {
			t.Errorf("%s has the label %q", kind, label)
		}
	})
}

// FuzzSMBIOS: strings hold no zero bytes and come from the table; a good
// structure before the rest is always read.
func FuzzSMBIOS(f *testing.F) {
	f.Add([]byte(structure(1, "QEMU")+structure(2)+structure(11, "ingot.seed:a=b")+structure(127)), "x")
	f.Add([]byte{11, 4, 0, 0}, "")
	f.Add([]byte{11, 255, 0, 0, 1}, "y")
	f.Fuzz(func(t *testing.T, table []byte, first string) {
		for _, s := range oemStrings(table) {
			if s == "" || strings.Contains(s, "\x00") || !bytes.Contains(table, []byte(s)) {
				t.Errorf("%q is no string of the table", s)
			}
		}
		if first == "" || strings.Contains(first, "\x00") {
			return
		}
		got := oemStrings(append([]byte(structure(11, first)), table...))
		if len(got) == 0 || got[0] != first {
			t.Errorf("strings = %q; want %q first", got, first)
		}
	})
}

// FuzzEnvironment: values or an error that says where, and what is written
// into a document comes out of it.
func FuzzEnvironment(f *testing.F) {
	f.Add([]byte(environment))
	f.Add([]byte(`<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1"><PropertySection/></Environment>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		values, err := parseEnvironment(data)
		if err != nil {
			if values != nil || !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("parseEnvironment() = %v, %v", values, err)
			}
			return
		}
		var text strings.Builder
		for key, value := range values {
			fmt.Fprintf(&text, "<Property key=%q value=%q/>", quoteXML(key), quoteXML(value))
		}
		again, err := parseEnvironment([]byte(`<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1"><PropertySection>` + text.String() + `</PropertySection></Environment>`))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(values) {
			t.Errorf("%q was read as %q, and that again as %q, %v", data, values, again, err)
		}
	})
}

// quoteXML makes a text of references to characters, which %q leaves alone.
func quoteXML(text string) string {
	var out strings.Builder
	for _, r := range text {
		fmt.Fprintf(&out, "&#%d;", r)
	}
	return out.String()
}
