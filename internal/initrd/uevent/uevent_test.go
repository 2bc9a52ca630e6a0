package uevent

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		msg  string
		want Event
		ok   bool
	}{
		{"add@/devices/pci0/virtio1\x00ACTION=add\x00SUBSYSTEM=virtio\x00MODALIAS=virtio:d2v1AF4\x00SEQNUM=9\x00", Event{"virtio", "virtio:d2v1AF4"}, true},
		{"add@/block/vda\x00ACTION=add\x00SUBSYSTEM=block\x00", Event{"block", ""}, true},
		{"change@/block/vda\x00SUBSYSTEM=block\x00", Event{"block", ""}, true},
		{"remove@/block/vda\x00SUBSYSTEM=block\x00", Event{}, false},
		{"", Event{}, false},
		{"add", Event{}, true},
	} {
		if e, ok := parse([]byte(c.msg)); e != c.want || ok != c.ok {
			t.Errorf("parse(%q) = %v, %v; want %v, %v", c.msg, e, ok, c.want, c.ok)
		}
	}
}

func TestPresent(t *testing.T) {
	sys := t.TempDir()
	for device, modalias := range map[string]string{
		"bus/pci/devices/0000:00:01.0": "pci:v1\n",
		"bus/pci/devices/0000:00:02.0": "pci:v2\n",
		"bus/pci/devices/0000:00:03.0": "pci:v1\n",
		"bus/acpi/devices/PNP0A03:00":  "\n",
		"bus/scsi/devices/0:0:0:0":     "scsi:t-0x00\n",
	} {
		if err := os.MkdirAll(filepath.Join(sys, device), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sys, device, "modalias"), []byte(modalias), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := Present(sys)
	slices.Sort(got)
	if want := []string{"pci:v1", "pci:v2", "scsi:t-0x00"}; !slices.Equal(got, want) {
		t.Errorf("Present = %v; want %v", got, want)
	}
}
