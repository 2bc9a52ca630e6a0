package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/host/hosttest"
)

// goodMachine has all that ingot needs, for an ordinary user.
func goodMachine() (machine, *hosttest.Runner, fstest.MapFS) {
	run := &hosttest.Runner{Programs: map[string]hosttest.Program{"apt-get": hosttest.Says(""), "sudo": hosttest.Says(""), "env": hosttest.Says("")}}
	for _, p := range hostPrograms() {
		run.Programs[p.name] = hosttest.Says("")
	}
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	root := fstest.MapFS{
		"usr/share/keyrings/debian-archive-keyring.gpg":         file(""),
		"usr/share/OVMF/OVMF_CODE_4M.fd":                        file(""),
		"etc/ssl/certs/ca-certificates.crt":                     file(""),
		"etc/subuid":                                            file("other:1:65536\nbuilder:100000:65536\n"),
		"etc/subgid":                                            file("1000:100000:65536\n"),
		"proc/sys/user/max_user_namespaces":                     file("90000\n"),
		"proc/sys/kernel/apparmor_restrict_unprivileged_userns": file("0\n"),
	}
	return machine{
		root: root, find: run.Find, run: run, uid: 1000, user: "builder",
		getenv: func(name string) string { return map[string]string{"HOME": "/home/builder"}[name] },
		kvm:    func(context.Context) (bool, string) { return true, "" },
		free:   func(string) (int64, error) { return 100 << 30, nil },
	}, run, root
}

func TestDoctor(t *testing.T) {
	cases := []struct {
		name   string
		change func(m *machine, run *hosttest.Runner, root fstest.MapFS)
		ok     bool
		// The check that is not ok, part of its line and of its hint.
		check, detail, hint string
		state               checkState
		packages            string
	}{
		{name: "all is there", ok: true, change: func(*machine, *hosttest.Runner, fstest.MapFS) {}},
		{name: "no mmdebstrap", check: "mmdebstrap", detail: "not installed", state: stateMissing, packages: "mmdebstrap",
			change: func(_ *machine, run *hosttest.Runner, _ fstest.MapFS) { delete(run.Programs, "mmdebstrap") }},
		{name: "two programs of one package", check: "debugfs", detail: "package e2fsprogs", state: stateMissing, packages: "e2fsprogs",
			change: func(_ *machine, run *hosttest.Runner, _ fstest.MapFS) {
				delete(run.Programs, "mke2fs")
				delete(run.Programs, "debugfs")
			}},
		{name: "Ubuntu without Debian's keys", check: "keys of Debian", detail: "not found", state: stateMissing, packages: "debian-archive-keyring",
			change: func(_ *machine, _ *hosttest.Runner, root fstest.MapFS) {
				delete(root, "usr/share/keyrings/debian-archive-keyring.gpg")
			}},
		{name: "no firmware", check: "UEFI firmware", detail: "not found", state: stateMissing, packages: "ovmf",
			change: func(_ *machine, _ *hosttest.Runner, root fstest.MapFS) {
				delete(root, "usr/share/OVMF/OVMF_CODE_4M.fd")
			}},
		{name: "AppArmor of Ubuntu 24.04", check: "user namespaces", detail: "AppArmor", hint: "apparmor_restrict_unprivileged_userns=0", state: stateMissing,
			change: func(_ *machine, run *hosttest.Runner, root fstest.MapFS) {
				run.Programs["mmdebstrap"] = hosttest.Fails(1, "unshare: Permission denied")
				root["proc/sys/kernel/apparmor_restrict_unprivileged_userns"].Data = []byte("1\n")
			}},
		{name: "namespaces switched off", check: "user namespaces", detail: "switched off", hint: "max_user_namespaces", state: stateMissing,
			change: func(_ *machine, run *hosttest.Runner, root fstest.MapFS) {
				run.Programs["mmdebstrap"] = hosttest.Fails(1, "")
				root["proc/sys/user/max_user_namespaces"].Data = []byte("0\n")
			}},
		{name: "namespaces fail for another reason", check: "user namespaces", detail: "cannot make one: mmdebstrap: exit status 1: because", state: stateMissing,
			change: func(_ *machine, run *hosttest.Runner, _ fstest.MapFS) {
				run.Programs["mmdebstrap"] = hosttest.Fails(1, "because\n")
			}},
		{name: "no subordinate IDs", check: "subordinate IDs", detail: "/etc/subuid gives builder fewer", hint: "usermod --add-subuids", state: stateMissing,
			change: func(_ *machine, _ *hosttest.Runner, root fstest.MapFS) { delete(root, "etc/subuid") }},
		{name: "too few subordinate IDs", check: "subordinate IDs", detail: "/etc/subgid", state: stateMissing,
			change: func(_ *machine, _ *hosttest.Runner, root fstest.MapFS) {
				root["etc/subgid"].Data = []byte("builder:100000:1000\n")
			}},
		{name: "root needs neither", ok: true,
			change: func(m *machine, run *hosttest.Runner, root fstest.MapFS) {
				m.uid = 0
				delete(root, "etc/subuid")
				delete(run.Programs, "newuidmap")
			}},
		{name: "KVM hangs", ok: true, check: "KVM", detail: "slower: a guest did not run", state: stateWarning,
			change: func(m *machine, _ *hosttest.Runner, _ fstest.MapFS) {
				m.kvm = func(context.Context) (bool, string) { return false, "a guest did not run within 3s" }
			}},
		{name: "not in the group kvm", ok: true, check: "KVM", detail: "permission denied", hint: "--groups kvm builder", state: stateWarning,
			change: func(m *machine, _ *hosttest.Runner, _ fstest.MapFS) {
				m.kvm = func(context.Context) (bool, string) { return false, "open /dev/kvm: permission denied" }
			}},
		{name: "little space", ok: true, check: "space, temporary", detail: "1.0 GiB free in /tmp", state: stateWarning,
			change: func(m *machine, _ *hosttest.Runner, _ fstest.MapFS) {
				m.free = func(string) (int64, error) { return 1 << 30, nil }
			}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			m, run, root := goodMachine()
			tc.change(&m, run, root)
			report := examine(t.Context(), m)
			if report.OK != tc.ok {
				t.Errorf("ok is %v", report.OK)
			}
			if got := strings.Join(report.Packages, " "); got != tc.packages {
				t.Errorf("packages %q, want %q", got, tc.packages)
			}
			if tc.packages != "" && report.Command != "sudo apt-get install --no-install-recommends "+tc.packages {
				t.Errorf("command %q", report.Command)
			}
			found := tc.check == ""
			for _, f := range report.Checks {
				if f.Name == tc.check {
					found = true
					if f.State != tc.state || !strings.Contains(f.Detail, tc.detail) || !strings.Contains(f.Hint, tc.hint) {
						t.Errorf("%+v", f)
					}
				} else if tc.check == "" && f.State != stateOK {
					t.Errorf("%+v", f)
				}
			}
			if !found {
				t.Errorf("no check %q", tc.check)
			}
		})
	}
}

func TestInstall(t *testing.T) {
	packages := []string{"ovmf", "uidmap"}
	a := &app{ui: &ui{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}}}
	m, run, _ := goodMachine()
	if err := install(t.Context(), a, m, packages); err != nil {
		t.Fatal(err)
	}
	run.Expect(t,
		"sudo env DEBIAN_FRONTEND=noninteractive apt-get update",
		"sudo env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ovmf uidmap")

	m, run, _ = goodMachine()
	m.uid = 0
	if err := install(t.Context(), a, m, packages); err != nil {
		t.Fatal(err)
	}
	if got := run.Ran()[0]; got != "env DEBIAN_FRONTEND=noninteractive apt-get update" {
		t.Errorf("root ran %q", got)
	}

	var lack *lackError
	m, run, _ = goodMachine()
	run.Programs["sudo"] = hosttest.Fails(100, "E: no")
	if err := install(t.Context(), a, m, packages); !errors.As(err, &lack) {
		t.Errorf("a failed install: %v", err)
	}
	delete(run.Programs, "apt-get")
	if err := install(t.Context(), a, m, packages); !errors.As(err, &lack) || !strings.Contains(lack.Hint(), "ovmf uidmap") {
		t.Errorf("no apt-get: %v", err)
	}
}

// TestDoctorKnowsPrograms: a program that ingot runs and the doctor does not
// look for would be missed on the first fresh machine.
func TestDoctorKnowsPrograms(t *testing.T) {
	known := map[string]bool{"sh": true, "env": true, "sudo": true} // of every Debian; sudo only when not root
	for _, p := range hostPrograms() {
		known[p.name] = true
	}
	for _, dir := range []string{"../../internal/build", "../../internal/hypervisor/qemu", "."} {
		for name := range maps.Keys(programsRunIn(t, dir)) {
			if !known[name] {
				t.Errorf("%s runs %q, which the doctor does not look for", dir, name)
			}
		}
	}
}

// programsRunIn finds the literal names in host.Command{Name: "…"}.
func programsRunIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(dir + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "host.Command{")[1:] {
			part = strings.TrimLeft(part, " \t\n")
			if name, ok := strings.CutPrefix(part, `Name: "`); ok {
				found[name[:strings.IndexByte(name, '"')]] = true
			}
		}
	}
	return found
}

var _ host.Runner = (*hosttest.Runner)(nil)
