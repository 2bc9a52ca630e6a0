package vm

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/internal/update/record"
	"github.com/ingotvm/ingot/internal/update/snapshot"
)

// commandsForData is what the smallest example is given besides: the commands
// by which an update treats its data.
const commandsForData = `package main

import "os"

func init() {
	if len(os.Args) < 3 {
		return
	}
	file, text := "", ""
	switch os.Args[1] {
	case "save":
		file, text = os.Args[2]+"/dump", "what was saved"
	case "migrate":
		file, text = os.Args[2]+"/migrated", os.Getenv("INGOT_FROM")+" "+os.Getenv("INGOT_TO")
	case "restore":
		kept, err := os.ReadFile(os.Args[2] + "/dump")
		if err != nil {
			panic(err)
		}
		file, text = os.Args[3]+"/restored", string(kept)
	default:
		return
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		panic(err)
	}
	os.Exit(0)
}
`

const dataOfHello = `    binary: ./bin/hello
    data:
      snapshot: hook
      save: [hello, save, "${snapshot}"]
      restore: [hello, restore, "${snapshot}", "${data}"]
      migrate: {command: [hello, migrate, "${data}"], timeout: 1m}`

// TestTrialInTheInitrd holds what the initrd does by the record of an update,
// which is put on the disk from outside: for the version of before it puts the
// data back, and its restore command runs; for the version on trial, the
// migrate command runs. Each runs once.
func TestTrialInTheInitrd(t *testing.T) {
	needAll(t)
	data := dataDisk(t)
	file := editedWith(t, map[string]string{"commands.go": commandsForData, "root.json": rootOfUpdates(t)},
		"    binary: ./bin/hello", dataOfHello,
		"services:", "updates: {root: root.json, trial: {healthy: 10s, within: 70s}}\nservices:")
	m := machine(t, file, hypervisor.Spec{DataFile: data, Seed: []byte(seedHello)})
	boots(t, m)
	turnOff(t, m)
	kept := t.TempDir()
	out(t, data, kept, "config", "identity", "updates", "app")
	if v := record.ReadVersion(kept, "hello"); v != "1.0.0" {
		t.Errorf("the data of a fresh appliance is of %q", v)
	}
	if _, err := os.Stat(filepath.Join(kept, "app", "hello", "migrated")); err == nil {
		t.Error("a fresh appliance has migrated")
	}

	boots(t, m)
	change(t, admin(t, m), map[string]string{"application.greeting": "Changed"})
	turnOff(t, m)
	keep(t, kept)
	must(t, record.Write(kept, &record.Trial{From: "1.0.0", To: "1.1.0", Snapshot: "kept", Stage: record.Armed, Boots: []record.Boot{{ID: "a"}}}))
	in(t, data, kept, "updates")
	boots(t, m)
	consoleSays(t, m, time.Second, "Putting the data of version 1.0.0 back")
	if err := pageSays(t.Context(), address(t, m), "Good day"); err != nil {
		t.Error(err)
	}
	turnOff(t, m)
	back := t.TempDir()
	out(t, data, back, "updates", "app")
	if r, err := record.Read(back); !errors.Is(err, record.ErrNone) {
		t.Errorf("the agent has not closed the record: %+v, %v", r, err)
	}
	if text, err := os.ReadFile(filepath.Join(back, "app", "hello", "restored")); string(text) != "what was saved" {
		t.Errorf("restored %q, %v", text, err)
	}
	if _, err := os.Stat(snapshot.RestoreDir(back, "hello")); err == nil {
		t.Error("it would restore again")
	}

	must(t, record.WriteVersion(back, "hello", "0.9.0"))
	must(t, record.Write(back, &record.Trial{From: "0.9.0", To: "1.0.0", Stage: record.Armed}))
	in(t, data, back, "updates/trial.json", "updates/services/hello.json")
	boots(t, m)
	turnOff(t, m)
	tried := t.TempDir()
	out(t, data, tried, "updates", "app")
	if text, err := os.ReadFile(filepath.Join(tried, "app", "hello", "migrated")); string(text) != "0.9.0 1.0.0" {
		t.Errorf("migrated %q, %v", text, err)
	}
	if v := record.ReadVersion(tried, "hello"); v != "1.0.0" {
		t.Errorf("the data is of %q", v)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keep makes of a copy of a data disk's folders a snapshot beside them.
func keep(t *testing.T, dir string) {
	t.Helper()
	hello := appliance.Service{Name: "hello", Data: appliance.Data{Enabled: true, Snapshot: appliance.SnapshotHook}}
	must(t, snapshot.Take(t.Context(), snapshot.Options{
		DataDir: dir, ID: "kept", Version: "1.0.0", Services: []appliance.Service{hello}, Hook: saves{dir},
	}))
}

type saves struct{ dir string }

func (s saves) Save(_ context.Context, service string) error {
	return os.WriteFile(filepath.Join(snapshot.SaveDir(s.dir, service), "dump"), []byte("what was saved"), 0o644)
}

// dataPartition is what debugfs calls the file system of a data disk: the only
// partition begins at 1 MiB.
func dataPartition(disk string) string { return disk + "?offset=1048576" }

// out copies files and folders of a data disk that no machine uses.
func out(t *testing.T, disk, dir string, paths ...string) {
	t.Helper()
	for _, p := range paths {
		target := filepath.Join(dir, filepath.Dir(p))
		must(t, os.MkdirAll(target, 0o755))
		debugfs(t, dataPartition(disk), fmt.Sprintf("rdump /%s %s\n", p, target))
	}
}

// in copies files and folders to it, over what is there.
func in(t *testing.T, disk, dir string, paths ...string) {
	t.Helper()
	var commands strings.Builder
	for _, p := range paths {
		must(t, filepath.WalkDir(filepath.Join(dir, p), func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(dir, path)
			if e.IsDir() {
				fmt.Fprintf(&commands, "mkdir /%s\n", rel)
			} else {
				fmt.Fprintf(&commands, "rm /%s\nwrite %s /%[1]s\n", rel, path)
			}
			var st unix.Stat_t
			err = unix.Lstat(path, &st)
			fmt.Fprintf(&commands, "sif /%s uid %d\nsif /%[1]s gid %[3]d\nsif /%[1]s mode 0%[4]o\n", rel, st.Uid, st.Gid, st.Mode)
			return err
		}))
	}
	debugfs(t, dataPartition(disk), commands.String())
}

func debugfs(t *testing.T, disk, commands string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "commands")
	must(t, os.WriteFile(file, []byte(commands), 0o600))
	var said bytes.Buffer
	err := host.Local{}.Run(t.Context(), host.Command{Name: "debugfs", Args: []string{"-w", "-f", file, disk}, Stdout: &said, Stderr: &said})
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	if t.Failed() {
		t.Logf("%s", said.String())
	}
}

// rootOfUpdates is the root of a repository with one key for all roles.
func rootOfUpdates(t *testing.T) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	must(t, err)
	key, err := metadata.KeyFromPublicKey(private.Public())
	must(t, err)
	root := metadata.Root(time.Now().AddDate(1, 0, 0))
	for _, role := range []string{"root", "timestamp", "snapshot", "targets"} {
		must(t, root.Signed.AddKey(key, role))
	}
	signer, err := signature.LoadSigner(private, 0)
	must(t, err)
	_, err = root.Sign(signer)
	must(t, err)
	data, err := root.ToBytes(false)
	must(t, err)
	return string(data)
}
