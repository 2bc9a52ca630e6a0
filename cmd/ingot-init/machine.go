package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/initrd/disks"
	"github.com/ingotvm/ingot/internal/initrd/uevent"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/update/attend"
)

// Where things are, in the initrd and in the running system alike.
const (
	sysfs     = "/sys"
	dev       = "/dev"
	newRoot   = "/sysroot"
	runDir    = "/run/ingot"
	systemDir = runDir + "/system"
	imagesDir = runDir + "/images"
)

// machine is what the steps find out, each for those after it.
type machine struct {
	log     console
	kernel  time.Duration // how long the machine ran before this program
	started time.Time

	description []byte // boot.json as it is
	what        release.Boot
	wanted      request

	events  *uevent.Listener
	drivers *drivers

	system disks.Partition
	slot   string // its folder

	data      dataState
	trial     *attend.Facts // nil when no update is under way
	installed installed
	instance  disk.GUID // of this installation; in installed once that is written
	warnings  []string
}

// request is what the boot loader asks for.
type request struct {
	system disk.GUID
	slot   string
	// trial says that the version is one on trial, which the boot loader counts.
	trial bool
}

// parseCommandLine reads the kernel's command line.
func parseCommandLine(line string) (request, error) {
	var r request
	for word := range strings.FieldsSeq(line) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "ingot.system":
			guid, err := disk.ParseGUID(value)
			if err != nil {
				return request{}, fmt.Errorf("the boot loader says %s: %w", word, err)
			}
			r.system = guid
		case "ingot.slot":
			r.slot = value
		case "ingot.trial":
			r.trial = true
		}
	}
	if r.system == "" {
		return request{}, fmt.Errorf("the boot loader does not say which partition is the system's (ingot.system=)")
	}
	if r.slot == "" || r.slot[0] == '.' || strings.Contains(r.slot, "/") {
		return request{}, fmt.Errorf("the boot loader asks for the version %q (ingot.slot=), which cannot be", r.slot)
	}
	return r, nil
}

// readDescription reads the command line and boot.json.
func (m *machine) readDescription() error {
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	if m.wanted, err = parseCommandLine(string(line)); err != nil {
		return err
	}
	if m.description, err = os.ReadFile("/ingot/boot.json"); err != nil {
		return err
	}
	if m.what, err = parseDescription(m.description); err == nil && m.wanted.trial {
		m.hurry(time.AfterFunc)
	}
	return err
}

func parseDescription(data []byte) (release.Boot, error) {
	var b release.Boot
	if err := json.Unmarshal(data, &b); err != nil {
		return b, fmt.Errorf("boot.json is damaged: %w", err)
	}
	if b.Format != 1 {
		return b, fmt.Errorf("boot.json has format %d; this program knows 1", b.Format)
	}
	if len(b.Images) == 0 || b.Images[0].Kind != release.ImageOS {
		return b, fmt.Errorf("boot.json does not begin with the image of an operating system")
	}
	for _, i := range b.Images {
		if !plainName(i.Name) || i.Kind == release.ImageApp && !plainName(i.Service) {
			return b, fmt.Errorf("boot.json names an image %q of service %q", i.Name, i.Service)
		}
	}
	return b, nil
}

// plainName says that a name is one component of a path.
func plainName(s string) bool {
	return s != "" && s[0] != '.' && !strings.ContainsAny(s, "/:,\\")
}

// warn remembers what the administrator is to be told by the agent.
func (m *machine) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	m.warnings = append(m.warnings, text)
	m.log.error("%s", text)
}

// sinceBoot is how long ago the kernel started.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
