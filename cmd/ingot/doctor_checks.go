package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/host"
)

// machine is what the doctor looks at; tests hand in another.
type machine struct {
	root   fs.FS
	find   func(program string) (string, error)
	run    host.Runner
	uid    int
	user   string
	getenv func(string) string
	kvm    func(ctx context.Context) (usable bool, reason string)
	free   func(dir string) (int64, error)
}

// checkState is how one check ended.
type checkState string

const (
	stateOK      checkState = "ok"
	stateMissing checkState = "missing" // ingot cannot do its work
	stateWarning checkState = "warning" // it can, but slower, or not all of it
)

// finding is the outcome of one check.
type finding struct {
	Name   string     `json:"name"`
	State  checkState `json:"state"`
	Detail string     `json:"detail"`
	Hint   string     `json:"hint,omitempty"`
	// Package of Debian and Ubuntu that mends it, "" when none does.
	Package string `json:"package,omitempty"`
}

// examine makes all checks.
func examine(ctx context.Context, m machine) doctorReport {
	report := doctorReport{OK: true, Packages: []string{}}
	add := func(findings ...finding) { report.Checks = append(report.Checks, findings...) }
	add(checkPrograms(m)...)
	add(checkFiles(m)...)
	if m.uid != 0 {
		add(checkNamespaces(ctx, m), checkSubordinate(m))
	}
	add(checkKVM(ctx, m))
	add(checkSpace(m)...)

	for _, f := range report.Checks {
		if f.State == stateMissing {
			report.OK = false
		}
		if f.State != stateOK && f.Package != "" && !slices.Contains(report.Packages, f.Package) {
			report.Packages = append(report.Packages, f.Package)
		}
	}
	slices.Sort(report.Packages)
	if len(report.Packages) > 0 {
		command := "apt-get install --no-install-recommends " + strings.Join(report.Packages, " ")
		if m.uid != 0 {
			command = "sudo " + command
		}
		report.Command = command
	}
	return report
}

// hostProgram is a program that ingot runs.
type hostProgram struct {
	name, pkg, use string
	// userOnly: root does not need it.
	userOnly bool
}

// hostPrograms are all programs that ingot runs, by the packages of Debian 12
// and 13 and Ubuntu 24.04.
func hostPrograms() []hostProgram {
	return []hostProgram{
		{"mmdebstrap", "mmdebstrap", "makes the base of the appliance", false},
		{"gpg", "gpg", "finds the distribution's keys", false},
		{"mke2fs", "e2fsprogs", "makes the system's file system", false},
		{"debugfs", "e2fsprogs", "fills it", false},
		{"zstd", "zstd", "compresses what customers download", false},
		{"newuidmap", "uidmap", "lets an ordinary user build", true},
		{"newgidmap", "uidmap", "lets an ordinary user build", true},
		{"qemu-system-x86_64", "qemu-system-x86", "boots appliances (ingot run, ingot test)", false},
		{"qemu-img", "qemu-utils", "makes their disks", false},
	}
}

func checkPrograms(m machine) []finding {
	var findings []finding
	for _, p := range hostPrograms() {
		if p.userOnly && m.uid == 0 {
			continue
		}
		f := finding{Name: p.name, State: stateOK, Package: p.pkg}
		path, err := m.find(p.name)
		f.Detail = path
		if err != nil {
			f.State, f.Detail = stateMissing, "not installed: "+p.use+"; package "+p.pkg
		}
		findings = append(findings, f)
	}
	return findings
}

// checkFiles looks for files that packages bring.
func checkFiles(m machine) []finding {
	files := []struct {
		name, pkg, use string
		paths          []string // one of them will do
		state          checkState
	}{
		// Ubuntu does not install Debian's keys by itself.
		{"keys of Debian", "debian-archive-keyring", "without them no package can be trusted",
			[]string{"usr/share/keyrings/debian-archive-keyring.gpg", "usr/share/keyrings/debian-archive-keyring.pgp"}, stateMissing},
		{"certificates", "ca-certificates", "for package mirrors by https",
			[]string{"etc/ssl/certs/ca-certificates.crt"}, stateWarning},
		{"UEFI firmware", "ovmf", "for ingot run and ingot test with --firmware uefi",
			[]string{"usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_CODE.fd"}, stateMissing},
	}
	var findings []finding
	for _, want := range files {
		f := finding{Name: want.name, State: want.state, Package: want.pkg, Detail: "not found: " + want.use + "; package " + want.pkg}
		for _, path := range want.paths {
			if _, err := fs.Stat(m.root, path); err == nil {
				f.State, f.Detail = stateOK, "/"+path
				break
			}
		}
		findings = append(findings, f)
	}
	return findings
}

// checkNamespaces finds out whether mmdebstrap can be root in a namespace of
// its own: by trying, and, when that fails, by what usually forbids it.
func checkNamespaces(ctx context.Context, m machine) finding {
	f := finding{Name: "user namespaces", State: stateOK, Detail: "usable"}
	err := m.run.Run(ctx, host.Command{Name: "mmdebstrap", Args: []string{"--unshare-helper", "true"}})
	if err == nil {
		return f
	}
	if _, findErr := m.find("mmdebstrap"); findErr != nil {
		f.State, f.Detail = stateWarning, "not tried: mmdebstrap is not installed"
	} else {
		f.State, f.Detail = stateMissing, "mmdebstrap cannot make one: "+oneLine(err.Error())
	}
	setting := func(path string) string {
		text, err := fs.ReadFile(m.root, path)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	}
	switch {
	case setting("proc/sys/user/max_user_namespaces") == "0":
		f.State, f.Detail = stateMissing, "switched off on this machine"
		f.Hint = "run: sudo sysctl -w user.max_user_namespaces=15000"
	case setting("proc/sys/kernel/unprivileged_userns_clone") == "0":
		f.State, f.Detail = stateMissing, "only root may make them on this machine"
		f.Hint = "run: sudo sysctl -w kernel.unprivileged_userns_clone=1"
	case setting("proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
		// Ubuntu 24.04 restricts them to programs that have a profile;
		// mmdebstrap's is in the package apparmor.
		if _, err := fs.Stat(m.root, "etc/apparmor.d/mmdebstrap"); err == nil && f.State == stateWarning {
			break
		}
		f.State, f.Detail = stateMissing, "AppArmor keeps mmdebstrap from making one"
		f.Hint = "run: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
	}
	return f
}

// checkSubordinate looks for the user IDs that a namespace maps: a Debian
// system uses 65536 of them.
func checkSubordinate(m machine) finding {
	f := finding{Name: "subordinate IDs", State: stateOK, Detail: "in /etc/subuid and /etc/subgid"}
	for _, name := range []string{"etc/subuid", "etc/subgid"} {
		if !hasSubordinate(m, name) {
			f.State, f.Detail = stateMissing, fmt.Sprintf("/%s gives %s fewer than 65536", name, m.user)
			f.Hint = fmt.Sprintf("run: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", m.user)
			return f
		}
	}
	return f
}

// hasSubordinate reads subuid(5): user or number, first ID, count.
func hasSubordinate(m machine, name string) bool {
	text, err := fs.ReadFile(m.root, name)
	if err != nil {
		return false
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		parts := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(parts) != 3 || parts[0] != m.user && parts[0] != strconv.Itoa(m.uid) {
			continue
		}
		if n, err := strconv.Atoi(parts[2]); err == nil && n >= 65536 {
			return true
		}
	}
	return false
}

func checkKVM(ctx context.Context, m machine) finding {
	f := finding{Name: "KVM", State: stateOK, Detail: "a test guest ran with it"}
	if _, err := m.find("qemu-system-x86_64"); err != nil {
		f.State, f.Detail = stateWarning, "not tried: QEMU is not installed"
		return f
	}
	usable, reason := m.kvm(ctx)
	if !usable {
		f.State, f.Detail = stateWarning, "not usable, guests run some ten times slower: "+oneLine(reason)
		if strings.Contains(reason, "permission denied") {
			f.Hint = "run: sudo usermod --append --groups kvm " + m.user + ", and log in again"
		}
	}
	return f
}

// checkSpace wants room for a build: the base of a large appliance, unpacked
// in the folder for temporary files, and its images in the cache.
func checkSpace(m machine) []finding {
	const enough = 4 << 30
	temp := m.getenv("TMPDIR")
	if temp == "" {
		temp = "/tmp"
	}
	cache := m.getenv("INGOT_CACHE")
	if cache == "" {
		cache = m.getenv("HOME")
	}
	var findings []finding
	for _, place := range []struct{ name, dir string }{{"space, temporary", temp}, {"space, cache", cache}} {
		f := finding{Name: place.name, State: stateOK}
		n, err := m.free(place.dir)
		switch {
		case err != nil:
			f.State, f.Detail = stateWarning, err.Error()
		case n < enough:
			f.State, f.Detail = stateWarning, fmt.Sprintf("%s free in %s, a build may need %s", size(n), place.dir, size(enough))
		default:
			f.Detail = fmt.Sprintf("%s free in %s", size(n), place.dir)
		}
		findings = append(findings, f)
	}
	return findings
}

// freeBytes is what an ordinary user may still write at dir, or at the nearest
// folder above that exists.
func freeBytes(dir string) (int64, error) {
	for {
		var st unix.Statfs_t
		err := unix.Statfs(dir, &st)
		if err == nil {
			return int64(st.Bavail) * st.Bsize, nil
		}
		parent := filepath.Dir(dir)
		if !os.IsNotExist(err) || parent == dir {
			return 0, fmt.Errorf("cannot find out the free space in %s: %w", dir, err)
		}
		dir = parent
	}
}
