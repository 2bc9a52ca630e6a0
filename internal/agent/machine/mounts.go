package machine

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// Mount is a mounted file system that can be written to.
type Mount struct {
	MountPoint, Source, FSType string
	// Device is "major:minor".
	Device string
	// Memory says that what is written there is gone with the power.
	Memory bool
}

// kernelFileSystems are windows into the kernel: they hold no files of
// anyone's, though most can be written to.
var kernelFileSystems = []string{
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs",
	"devpts", "efivarfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc",
	"pstore", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs",
}

// memoryFileSystems keep their files in RAM.
var memoryFileSystems = []string{"tmpfs", "ramfs", "devtmpfs"}

// mount is one line of mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	Mount
	readOnly bool
	upper    string // of an overlay: where writes go
}

// Writable are the mounts that PID 1 sees and that can be written to,
// windows into the kernel left out. Of mounts on top of one another, only the
// last, which is the visible one, counts.
func (m *Machine) Writable() ([]Mount, error) {
	data, err := os.ReadFile(m.path("proc/1/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("cannot list mounts: %w", err)
	}
	var all []mount
	for line := range strings.Lines(string(data)) {
		one, ok := parseMount(line)
		if !ok {
			return nil, fmt.Errorf("cannot list mounts: cannot read line %q", strings.TrimSpace(line))
		}
		all = slices.DeleteFunc(all, func(b mount) bool { return b.MountPoint == one.MountPoint })
		all = append(all, one)
	}
	var list []Mount
	for _, one := range all {
		if one.readOnly || slices.Contains(kernelFileSystems, one.FSType) {
			continue
		}
		one.Memory = inMemory(all, one)
		list = append(list, one.Mount)
	}
	return list, nil
}

// DeviceOf is the "major:minor" of the file system mounted at a path, "" when
// nothing is mounted there.
func (m *Machine) DeviceOf(mountPoint string) (string, error) {
	data, err := os.ReadFile(m.path("proc/1/mountinfo"))
	if err != nil {
		return "", fmt.Errorf("cannot list mounts: %w", err)
	}
	device := ""
	for line := range strings.Lines(string(data)) {
		if one, ok := parseMount(line); ok && one.MountPoint == mountPoint {
			device = one.Device
		}
	}
	return device, nil
}

func inMemory(all []mount, one mount) bool {
	if slices.Contains(memoryFileSystems, one.FSType) {
		return true
	}
	if one.FSType != "overlay" || one.upper == "" {
		return false
	}
	// The upper folder is on the mount with the longest path above it.
	var under *mount
	for i, b := range all {
		if contains(b.MountPoint, one.upper) && b.FSType != "overlay" &&
			(under == nil || len(b.MountPoint) >= len(under.MountPoint)) {
			under = &all[i]
		}
	}
	return under != nil && slices.Contains(memoryFileSystems, under.FSType)
}

func contains(dir, file string) bool {
	return dir == "/" || file == dir || strings.HasPrefix(file, dir+"/")
}

func parseMount(line string) (mount, bool) {
	// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
	left, right, ok := strings.Cut(strings.TrimSpace(line), " - ")
	l, r := strings.Fields(left), strings.Fields(right)
	if !ok || len(l) < 6 || len(r) < 3 {
		return mount{}, false
	}
	one := mount{Mount: Mount{
		MountPoint: unescape(l[4]), Source: unescape(r[1]), FSType: r[0], Device: l[2],
	}}
	super := strings.Split(r[2], ",")
	one.readOnly = slices.Contains(strings.Split(l[5], ","), "ro") || slices.Contains(super, "ro")
	for _, o := range super {
		if dir, ok := strings.CutPrefix(o, "upperdir="); ok {
			one.upper = path.Clean(unescape(dir))
		}
	}
	// An overlay without an upper folder cannot be written to, whatever it says.
	if one.FSType == "overlay" && one.upper == "" {
		one.readOnly = true
	}
	return one, true
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
