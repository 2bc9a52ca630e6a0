package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/host/hosttest"
)

// fakeKVM is a prober whose device opens and whose QEMU is a shell script.
func fakeKVM(t *testing.T, script string) (p Prober, runs func() int) {
	t.Helper()
	dir := t.TempDir()
	device := filepath.Join(dir, "kvm")
	log := filepath.Join(dir, "runs")
	qemu := filepath.Join(dir, "qemu")
	text := fmt.Sprintf("#!/bin/sh\necho run >> %s\n%s\n", log, script)
	if err := errors.Join(os.WriteFile(device, nil, 0o600), os.WriteFile(qemu, []byte(text), 0o700)); err != nil {
		t.Fatal(err)
	}
	p = Prober{Program: qemu, Device: device, Cache: filepath.Join(dir, "cache"), Limit: 10 * time.Second}
	return p, func() int {
		data, err := os.ReadFile(log)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.Count(string(data), "run")
	}
}

func TestProbe(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		usable bool
		reason string
	}{
		"a guest that runs":  {script: "printf INGOT-KVM-OK; exit 85", usable: true},
		"the wrong words":    {script: "printf INGOT-KVM; exit 85", reason: "the test guest ended with status 85"},
		"the wrong status":   {script: "printf INGOT-KVM-OK; exit 1", reason: "the test guest ended with status 1"},
		"success of QEMU's":  {script: "printf INGOT-KVM-OK; exit 0", reason: "the test guest ended in an unexpected way"},
		"QEMU's own words":   {script: "echo 'failed to set MSR' >&2; exit 1", reason: "failed to set MSR"},
		"QEMU dies":          {script: "kill -9 $$", reason: "the test guest ended with status -1"},
		"more than the word": {script: "printf INGOT-KVM-OKOK; exit 85", reason: "the test guest ended with status 85"},
	} {
		t.Run(name, func(t *testing.T) {
			p, runs := fakeKVM(t, test.script)
			for _, remembered := range []bool{false, true} {
				v, err := p.Probe(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if want := (Verdict{test.usable, test.reason, remembered}); v != want {
					t.Errorf("Probe() = %+v; want %+v", v, want)
				}
			}
			if n := runs(); n != 1 {
				t.Errorf("the guest ran %d times; want once", n)
			}
		})
	}
}

func TestProbeGuestThatHangs(t *testing.T) {
	p, _ := fakeKVM(t, "exec sleep 1000")
	p.Limit = 100 * time.Millisecond
	v, err := p.Probe(t.Context())
	if err != nil || v.Usable || !strings.Contains(v.Reason, "did not run within") {
		t.Errorf("Probe() = %+v, %v; want that a guest did not run in time", v, err)
	}
}

// TestProbeNotRemembered: an answer that does not come from a guest is not kept.
func TestProbeNotRemembered(t *testing.T) {
	p, _ := fakeKVM(t, "exec sleep 1000")
	kvm := p.Device
	p.Device += ".absent"
	if v, err := p.Probe(t.Context()); err != nil || v.Usable {
		t.Errorf("Probe() without a device = %+v, %v; want no", v, err)
	}
	p.Device = kvm
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if v, err := p.Probe(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Probe() cancelled = %+v, %v; want %v", v, err, context.DeadlineExceeded)
	}
	p.Program = filepath.Join(t.TempDir(), "absent")
	if v, err := p.Probe(t.Context()); err == nil {
		t.Errorf("Probe() without QEMU = %+v; want an error", v)
	}
	if list, err := os.ReadDir(p.Cache); err == nil {
		t.Errorf("remembered %v", list)
	}
}

// TestProbeForgets: an answer of another boot, or a torn one, is not believed.
func TestProbeForgets(t *testing.T) {
	p, runs := fakeKVM(t, "printf INGOT-KVM-OK; exit 85")
	if err := os.MkdirAll(p.Cache, 0o700); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(p.Cache, "kvm-another-boot")
	for path, text := range map[string]string{stale: "no: stale\n", p.memory(): "ye"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := p.Probe(t.Context()); err != nil || !v.Usable || v.Remembered || runs() != 1 {
		t.Errorf("Probe() = %+v, %v after %d runs; want a fresh yes", v, err, runs())
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the answer of another boot is still there: %v", err)
	}
}

// TestProbeGuest runs the real guest in translation, where it works everywhere.
func TestProbeGuest(t *testing.T) {
	hosttest.Need(t, program)
	p := Prober{Device: os.DevNull, Cache: "-", Limit: 30 * time.Second, accel: TCG}
	if v, err := p.Probe(t.Context()); err != nil || !v.Usable {
		t.Errorf("Probe() = %+v, %v; want yes", v, err)
	}
}

func TestProbeHere(t *testing.T) {
	hosttest.Need(t, program)
	v, err := Prober{Cache: "-"}.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("KVM on this machine: %+v", v)
}

func TestAccelOverride(t *testing.T) {
	for _, test := range []struct {
		option, variable, want Accel
	}{
		{"", KVM, KVM},
		{"", TCG, TCG},
		{TCG, KVM, TCG},
		{"", "xen", ""},
	} {
		t.Setenv(AccelVariable, string(test.variable))
		d, err := New(t.Context(), Options{Accel: test.option, Prober: Prober{Device: "/absent"}})
		if test.want == "" {
			if err == nil {
				t.Errorf("New() took accelerator %q", test.variable)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if accel, _ := d.Accel(); accel != test.want || d.Emulates() != (test.want == TCG) {
			t.Errorf("options %q and variable %q: %q; want %q", test.option, test.variable, accel, test.want)
		}
	}
	t.Setenv(AccelVariable, "")
	d, err := New(t.Context(), Options{Prober: Prober{Device: "/absent"}})
	if err != nil {
		t.Fatal(err)
	}
	if accel, reason := d.Accel(); accel != TCG || !strings.Contains(reason, "/absent") {
		t.Errorf("Accel() = %q, %q; want tcg and why", accel, reason)
	}
}
