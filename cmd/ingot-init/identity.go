package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/host"
)

const identityDir = dataDir + "/identity"

// folders of the data disk, which exist on every machine.
func folders() map[string]fs.FileMode {
	return map[string]fs.FileMode{
		"app": 0o755, "cache": 0o755, "config": 0o700, "identity": 0o700, "log": 0o755, "log/journal": 0o755,
	}
}

// identify gives the machine its ID, its name and randomness: all of them kept
// on the data disk, so that they outlive every update of the system.
func (m *machine) identify() error {
	writable := !m.data.readOnly && !m.data.closed()
	if writable {
		if err := makeFolders(dataDir); err != nil {
			return err
		}
		m.seedRandom(identityDir + "/random-seed")
	}
	id, made, err := machineID(identityDir+"/machine-id", writable)
	if err != nil && writable {
		return err
	}
	m.data.firstBoot = made && !m.data.held // without its disk, the machine only seems new
	if err := os.WriteFile("/etc/machine-id", []byte(id+"\n"), 0o444); err != nil {
		return err
	}
	if m.what.Definition != nil {
		return nameMachine("/etc/hostname", m.what.Definition.Name)
	}
	return nil
}

func makeFolders(root string) error {
	for name, mode := range folders() {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(path, mode); err != nil {
			return err
		}
	}
	return nil
}

// machineID reads the ID, or makes it, and keeps it if it may; the ID is good
// even when it cannot be kept.
func machineID(path string, keep bool) (id string, made bool, err error) {
	data, err := os.ReadFile(path)
	if id := strings.TrimSpace(string(data)); err == nil && isMachineID(id) {
		return id, false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return newMachineID(), false, err
	}
	id = newMachineID()
	if !keep {
		return id, true, nil
	}
	return id, true, host.WriteFile(path, []byte(id+"\n"), 0o444)
}

// isMachineID by machine-id(5): 32 lower-case hex digits, not all zero.
func isMachineID(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 16 && s == strings.ToLower(s) && s != strings.Repeat("0", 32)
}

// newMachineID is a random UUID of version 4 without dashes, as systemd makes.
func newMachineID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: it would end the program
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return hex.EncodeToString(b[:])
}

// nameMachine gives a machine whose image has no name that of the appliance.
func nameMachine(path, name string) error {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if has := strings.TrimSpace(string(data)); has != "" && has != "localhost" {
		return nil
	}
	return os.WriteFile(path, []byte(name+"\n"), 0o644)
}

// seedRandom stirs what the last boot has left into the kernel's pool, and
// leaves something for the next at once: no shutdown needs to be clean. It is
// not counted as entropy, because a clone has the same seed; for that reason
// a seed that is used twice, or torn, does no harm, and is not waited for.
// None of this may keep a machine from starting.
func (m *machine) seedRandom(path string) {
	if seed, err := os.ReadFile(path); err == nil {
		if f, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0); err == nil {
			_, _ = f.Write(seed)
			f.Close()
		}
	}
	next := make([]byte, 512) // the kernel's pool is no larger
	rand.Read(next)
	if err := os.WriteFile(path, next, 0o600); err != nil {
		m.log.error("cannot keep a random seed: %v", err)
	}
}

// memory of the machine in bytes.
func memory() int64 {
	var i unix.Sysinfo_t
	if err := unix.Sysinfo(&i); err != nil {
		return 0
	}
	return int64(i.Totalram) * int64(i.Unit)
}

// folderOwner says who owns a folder.
func folderOwner(path string) (uid int, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return 0, fmt.Errorf("cannot see who owns %s: %w", path, err)
	}
	return int(st.Uid), nil
}
