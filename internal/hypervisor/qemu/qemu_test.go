package qemu_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/host/hosttest"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/internal/hypervisor/hypervisortest"
	"github.com/ingotvm/ingot/internal/hypervisor/qemu"
)

func newDriver(t *testing.T) hypervisor.Driver {
	t.Helper()
	d, err := qemu.New(t.Context(), qemu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSuite(t *testing.T) {
	hosttest.Need(t, "qemu-system-x86_64", "qemu-img")
	hypervisortest.Run(t, newDriver)
}

// boot starts a machine and waits for a text on its console.
func boot(t *testing.T, spec hypervisor.Spec, text string, limit time.Duration) {
	t.Helper()
	m, err := newDriver(t).Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Remove()
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		data, err := os.ReadFile(m.ConsoleLog())
		if strings.Contains(string(data), text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the console log does not hold %q: %q, %v", text, data, err)
		}
	}
}

func echoImage(t *testing.T) hypervisor.Disk {
	t.Helper()
	path := filepath.Join(t.TempDir(), "echo.raw")
	if err := os.WriteFile(path, hypervisortest.EchoImage(), 0o600); err != nil {
		t.Fatal(err)
	}
	return hypervisor.Disk{Path: path, Format: hypervisor.Raw}
}

// TestHardware boots from each bus, beside each network adapter.
func TestHardware(t *testing.T) {
	hosttest.Need(t, "qemu-system-x86_64", "qemu-img")
	for _, hw := range []hypervisor.Hardware{
		{Bus: hypervisor.VirtioSCSI, NIC: hypervisor.VirtioNet},
		{Bus: hypervisor.PVSCSI, NIC: hypervisor.VMXNET3},
		{Bus: hypervisor.AHCI, NIC: hypervisor.E1000},
	} {
		t.Run(string(hw.Bus), func(t *testing.T) {
			spec := hypervisor.Spec{System: echoImage(t), Memory: 16 << 20, Data: 1 << 20, Hardware: hw, Offline: true}
			boot(t, spec, "ready 1\n", 30*time.Second)
		})
	}
}

// TestImageInsideFile boots an image in the middle of a larger file, as in an OVA.
func TestImageInsideFile(t *testing.T) {
	hosttest.Need(t, "qemu-system-x86_64", "qemu-img")
	disk := echoImage(t)
	disk.Offset, disk.Length = 1536, 1<<20
	file := append(append(make([]byte, 1536), hypervisortest.EchoImage()...), "what follows"...)
	if err := os.WriteFile(disk.Path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	boot(t, hypervisor.Spec{System: disk, Memory: 16 << 20}, "ready 1\n", 30*time.Second)
}

// TestUEFI runs the firmwares. The echo guest is no UEFI program, and OVMF's
// boot manager says so on the serial port.
func TestUEFI(t *testing.T) {
	hosttest.Need(t, "qemu-system-x86_64", "qemu-img")
	if testing.Short() {
		t.Skip("takes seconds")
	}
	if _, err := os.Stat("/usr/share/OVMF"); err != nil {
		t.Skip("the package ovmf is not installed")
	}
	for _, fw := range []hypervisor.Firmware{hypervisor.UEFI, hypervisor.UEFISecure} {
		t.Run(string(fw), func(t *testing.T) {
			spec := hypervisor.Spec{System: echoImage(t), Memory: 256 << 20, Firmware: fw}
			boot(t, spec, "BdsDxe: ", 2*time.Minute)
		})
	}
}
