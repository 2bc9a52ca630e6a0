package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/verity"
)

const guid = "8e0a6f1c-5f0c-4c57-9b7a-6d1e2b3c4a99"

func TestParseCommandLine(t *testing.T) {
	for line, want := range map[string]request{
		"quiet ingot.system=" + guid + " ingot.slot=1.4.0 console=ttyS0\n": {guid, "1.4.0", false},
		"ingot.system=" + guid + " ingot.slot=1.4.0 ingot.trial":           {guid, "1.4.0", true},
		"ingot.slot=2 ingot.system=" + strings.ToUpper(guid):               {guid, "2", false},
		// The last one counts, as with the kernel's own.
		"ingot.slot=1 ingot.slot=2 ingot.system=" + guid: {guid, "2", false},
		"":                                                 {},
		"ingot.system=" + guid:                             {},
		"ingot.slot=1.0":                                   {},
		"ingot.slot=1.0 ingot.system=":                     {},
		"ingot.slot=1.0 ingot.system=sda3":                 {},
		"ingot.slot= ingot.system=" + guid:                 {},
		"ingot.slot=.. ingot.system=" + guid:               {},
		"ingot.slot=1/../../etc ingot.system=" + guid:      {},
		"ingot.slot=.hidden ingot.system=" + guid:          {},
		"noingot.slot=1 xingot.system=" + guid + " ingot.": {},
	} {
		got, err := parseCommandLine(line)
		if got != want || (err == nil) != (want.slot != "") {
			t.Errorf("parseCommandLine(%q) = %+v, %v; want %+v", line, got, err, want)
		}
	}
}

func TestParseDescription(t *testing.T) {
	const osImage = `{"name":"os","kind":"os","size":4096}`
	for text, ok := range map[string]bool{
		`{"format":1,"images":[` + osImage + `]}`:                                                      true,
		`{"format":1,"images":[` + osImage + `,{"name":"app-a","kind":"app","service":"a"}]}`:          true,
		`{"format":1,"images":[` + osImage + `,{"name":"app-a","kind":"layer"}],"later":"ignored"}`:    true,
		`{"format":2,"images":[` + osImage + `]}`:                                                      false,
		`{"format":1,"images":[]}`:                                                                     false,
		`{"format":1,"images":[{"name":"app-a","kind":"app","service":"a"},` + osImage + `]}`:          false,
		`{"format":1,"images":[{"name":"../os","kind":"os"}]}`:                                         false,
		`{"format":1,"images":[` + osImage + `,{"name":"app-a","kind":"app","service":"../../data"}]}`: false,
		`{"format":1,"images":[` + osImage + `,{"name":"a,upperdir=/data","kind":"layer"}]}`:           false,
		`{"format":1,"images":[` + osImage + `,{"name":"app-a","kind":"app"}]}`:                        false,
		`{"format":1`: false,
		``:            false,
	} {
		if b, err := parseDescription([]byte(text)); (err == nil) != ok {
			t.Errorf("parseDescription(%s) = %+v, %v; want ok %v", text, b, err, ok)
		}
	}
}

func TestMachineID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "machine-id")
	first, made, err := machineID(path, true)
	if err != nil || !made || !isMachineID(first) {
		t.Fatalf("machineID = %q, %v, %v", first, made, err)
	}
	if again, made, err := machineID(path, true); err != nil || made || again != first {
		t.Errorf("second machineID = %q, %v, %v; want %q", again, made, err, first)
	}
	for _, damaged := range []string{"", "\x00\x00", "uninitialized\n", strings.Repeat("0", 32), first[:31], strings.ToUpper(first) + "X"} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		id, made, err := machineID(path, true)
		if err != nil || !made || !isMachineID(id) || id == first {
			t.Errorf("machineID of a file with %q = %q, %v, %v", damaged, id, made, err)
		}
	}
	id, made, err := machineID(filepath.Join(t.TempDir(), "no", "folder"), true)
	if err == nil || !made || !isMachineID(id) {
		t.Errorf("machineID without a folder = %q, %v, %v; want an ID and an error", id, made, err)
	}
}

func TestNameMachine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hostname")
	for before, want := range map[string]string{"": "box", "localhost\n": "box", "host7\n": "host7", "\n": "box"} {
		if err := os.WriteFile(path, []byte(before), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := nameMachine(path, "box"); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); strings.TrimSpace(string(got)) != want {
			t.Errorf("from %q to %q; want %q", before, got, want)
		}
	}
	os.Remove(path)
	if err := nameMachine(path, "box"); err != nil {
		t.Errorf("without a file: %v", err)
	}
}

func TestWriteUnits(t *testing.T) {
	dir := t.TempDir()
	err := writeUnits(dir, map[string]string{"app-a.service": "[Unit]\n", "mariadb.service.d/50-ingot.conf": "[Service]\n"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(dir + "/mariadb.service.d/50-ingot.conf"); err != nil || string(got) != "[Service]\n" {
		t.Errorf("drop-in: %q, %v", got, err)
	}
	for _, bad := range []string{"../passwd", "/etc/passwd", "a/../../b", ""} {
		if err := writeUnits(dir, map[string]string{bad: "x"}); err == nil {
			t.Errorf("unit %q was written", bad)
		}
	}
}

func TestLowers(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"os/etc", "os/var", "app-a/etc", "app-b/usr", "app-c/etc", "app-c/var"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	images := []release.Image{
		{Name: "os", Kind: release.ImageOS}, {Name: "app-a", Kind: release.ImageLayer},
		{Name: "app-b", Kind: release.ImageLayer}, {Name: "app-c", Kind: release.ImageApp},
	}
	if got, want := lowers(images, dir, "/etc"), []string{dir + "/app-a/etc", dir + "/os/etc"}; !slices.Equal(got, want) {
		t.Errorf("lowers of /etc = %v; want %v", got, want)
	}
	if got, want := lowers(images, dir, "/var"), []string{dir + "/os/var"}; !slices.Equal(got, want) {
		t.Errorf("lowers of /var = %v; want %v", got, want)
	}
}

func TestInstalled(t *testing.T) {
	dir := t.TempDir()
	if got := readInstalled(dir); got != (installed{}) {
		t.Errorf("first boot: %+v", got)
	}
	want := installed{Data: guid, Renewed: true, Instance: newInstance()}
	if err := want.write(dir); err != nil {
		t.Fatal(err)
	}
	if got := readInstalled(dir); got != want {
		t.Errorf("read %+v; want %+v", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, installedFile), []byte(`{"data":"8e`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := readInstalled(dir); got != (installed{}) {
		t.Errorf("of a torn file: %+v", got)
	}
}

func TestOwnFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a")
	if err := os.MkdirAll(filepath.Join(folder+".tmp", "rest"), 0o755); err != nil {
		t.Fatal(err)
	}
	user := os.Getuid()
	if user == 0 {
		user = 61000
	}
	if err := ownFolder(folder, user); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(folder)
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Fatalf("folder: %v, %v", st, err)
	}
	if id, err := folderOwner(folder); err != nil || id != user {
		t.Errorf("owner = %d, %v; want %d", id, err, user)
	}
	if err := os.Chmod(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := ownFolder(folder, user); err != nil {
		t.Fatal(err)
	}
	if st, _ := os.Stat(folder); st.Mode().Perm() != 0o750 {
		t.Error("a folder that exists was changed")
	}
	if err := ownFolder(filepath.Join(t.TempDir(), "b"), 0); err == nil {
		t.Error("a service without a user got root's folder")
	}
}

func TestRun(t *testing.T) {
	out, code, err := run("/bin/sh", "-c", "echo said; echo also >&2; exit 4")
	if err != nil || code != 4 || out != "said\nalso" {
		t.Errorf("run = %q, %d, %v", out, code, err)
	}
	// More than is kept must not block the program.
	if out, code, err := run("/bin/sh", "-c", "yes | head -c 200000"); err != nil || code != 0 || len(out) < 60<<10 {
		t.Errorf("run with much output: %d bytes, %d, %v", len(out), code, err)
	}
	if _, _, err := run("/no/such/program"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("run of nothing: %v; want ErrNotExist", err)
	}
}

func TestRunFor(t *testing.T) {
	if out, code, err := runFor(time.Minute, "/bin/sh", "-c", "echo said; exit 3"); err != nil || code != 3 || out != "said" {
		t.Errorf("runFor = %q, %d, %v", out, code, err)
	}
	// Also when what it has started keeps its output open.
	for _, script := range []string{"exec sleep 20", "sleep 20 & wait", "exec >/dev/null 2>&1; sleep 20"} {
		begin := time.Now()
		_, _, err := runFor(50*time.Millisecond, "/bin/sh", "-c", script)
		if took := time.Since(begin); err == nil || took > 10*time.Second {
			t.Errorf("%s: %v after %v", script, err, took)
		}
	}
}

func TestAdvice(t *testing.T) {
	other := advice(errors.New("something"))
	for _, err := range []error{verity.ErrMismatch, errNoSystem, unix.EIO, unix.ENOSPC, unix.ENOMEM} {
		if got := advice(fmt.Errorf("cannot do it: %w", err)); got == other || got == "" {
			t.Errorf("advice about %v is nothing special", err)
		}
	}
}

// The agent reads these names: see docs/design.md.
func TestFactsNames(t *testing.T) {
	data, err := json.Marshal(facts{Warnings: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"first_boot":false`, `"kernel_to_init_ms":0`, `"init_ms":0`, `"data":""`, `"warnings":[]`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s lacks %s", data, want)
		}
	}
}

func TestMakeFolders(t *testing.T) {
	root := t.TempDir()
	for range 2 {
		if err := makeFolders(root); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range folders() {
		if st, err := os.Stat(filepath.Join(root, name)); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want mode %o", name, st, err, mode)
		}
	}
}
