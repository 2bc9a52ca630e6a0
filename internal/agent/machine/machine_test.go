package machine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// fake makes a root with files; a content that starts with "-> " is a link.
func fake(t *testing.T, files map[string]string) *Machine {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if len(content) > 3 && content[:3] == "-> " {
			err = os.Symlink(content[3:], path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return New(root)
}

func TestMemoryAndUptime(t *testing.T) {
	m := fake(t, map[string]string{
		"proc/meminfo":     "MemTotal:         245760 kB\nMemFree:           10000 kB\nMemAvailable:     163840 kB\n",
		"proc/uptime":      "125.50 200.00\n",
		"proc/self/stat":   "300 (a) b (c) S 1 300 300 0 -1 4194560 900 0 0 0 5 2 0 0 20 0 9 0 2618 1270923264 3000\n",
		"proc/self/status": "Name:\tingotd\nVmPeak:\t  20000 kB\nVmRSS:\t   11448 kB\n",
	})
	if got, err := m.Memory(); err != nil || got != (Memory{Total: 240 << 20, Available: 160 << 20}) {
		t.Errorf("Memory() = %+v, %v", got, err)
	}
	if got, err := m.Uptime(); err != nil || got != 125500*time.Millisecond {
		t.Errorf("Uptime() = %v, %v", got, err)
	}
	if got, err := m.Started("self"); err != nil || got != 26180*time.Millisecond {
		t.Errorf("Started(self) = %v, %v", got, err)
	}
	if got, err := m.Resident("self"); err != nil || got != 11448<<10 {
		t.Errorf("Resident(self) = %v, %v", got, err)
	}
}

func TestUnreadableFacts(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"nothing there": {},
		"empty uptime":  {"proc/self/stat": "", "proc/uptime": "", "proc/1/net/tcp": "x\n 0: zz:1 0:0 0A 0 0 0 0 0 5\n", "proc/1/mountinfo": "short\n"},
		"wrong uptime":  {"proc/self/stat": "1 (x) S 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 x 0", "proc/uptime": "soon\n", "proc/1/net/tcp": "x\n 0: 0100007F 0:0 0A 0 0 0 0 0 5\n", "proc/1/mountinfo": "1 2 3 4 5 6 7 - \n"},
	} {
		t.Run(name, func(t *testing.T) {
			m := fake(t, files)
			if got, err := m.Started("self"); err == nil {
				t.Errorf("Started() = %v; want an error", got)
			}
			if got, err := m.Uptime(); err == nil {
				t.Errorf("Uptime() = %v; want an error", got)
			}
			if got, err := m.Sockets(); err == nil {
				t.Errorf("Sockets() = %v; want an error", got)
			}
			if got, err := m.Writable(); err == nil {
				t.Errorf("Writable() = %v; want an error", got)
			}
		})
	}
}

const socketHead = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

func socketLine(local, remote, state string, inode int) string {
	return fmt.Sprintf("   0: %s %s %s 00000000:00000000 00:00000000 00000000     0        0 %d 1 0000000000000000 100 0 0 10 0\n",
		local, remote, state, inode)
}

func TestSockets(t *testing.T) {
	m := fake(t, map[string]string{
		"proc/1/net/tcp": socketHead +
			socketLine("0100007F:0CEA", "00000000:0000", "0A", 101) + // 127.0.0.1:3306
			socketLine("00000000:0050", "00000000:0000", "0A", 102) + // 0.0.0.0:80
			socketLine("0200007F:0050", "0100007F:9999", "01", 103), // an established connection
		"proc/1/net/tcp6": socketHead +
			socketLine("00000000000000000000000000000000:1568", "00000000000000000000000000000000:0000", "0A", 104) + // [::]:5480
			socketLine("B80D0120000000000000000001000000:01BB", "00000000000000000000000000000000:0000", "0A", 105) + // [2001:db8::1]:443
			socketLine("0000000000000000FFFF00000100007F:1F90", "00000000000000000000000000000000:0000", "0A", 999), // ::ffff:127.0.0.1, nobody's
		"proc/1/net/udp": socketHead +
			socketLine("0F02000A:0044", "00000000:0000", "07", 106) + // 10.0.2.15:68
			socketLine("0100007F:ABCD", "3500007F:0035", "01", 107), // a resolver's question under way
		"proc/77/comm":    "mariadbd\n",
		"proc/77/fd/3":    "-> socket:[101]",
		"proc/80/comm":    "apache2\n",
		"proc/80/fd/4":    "-> socket:[102]",
		"proc/9/comm":     "systemd-network\n",
		"proc/9/fd/5":     "-> socket:[106]",
		"proc/9/fd/6":     "-> /dev/null",
		"proc/81/comm":    "apache2\n", // a child with the same socket
		"proc/81/fd/4":    "-> socket:[102]",
		"proc/600/comm":   "ingotd\n",
		"proc/600/fd/10":  "-> socket:[104]",
		"proc/600/fd/11":  "-> socket:[105]",
		"proc/version":    "not a process\n",
		"proc/12/comm":    "gone\n", // no fd folder
		"proc/1/net/junk": "",
	})
	got, err := m.Sockets()
	if err != nil {
		t.Fatal(err)
	}
	want := []Socket{
		{"tcp", netip.MustParseAddrPort("127.0.0.1:3306"), 77, "mariadbd"},
		{"tcp", netip.MustParseAddrPort("0.0.0.0:80"), 80, "apache2"},
		{"tcp", netip.MustParseAddrPort("[::]:5480"), 600, "ingotd"},
		{"tcp", netip.MustParseAddrPort("[2001:db8::1]:443"), 600, "ingotd"},
		{"tcp", netip.MustParseAddrPort("127.0.0.1:8080"), 0, ""},
		{"udp", netip.MustParseAddrPort("10.0.2.15:68"), 9, "systemd-network"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Sockets() =\n%v; want\n%v", got, want)
	}
}

func TestWritable(t *testing.T) {
	m := fake(t, map[string]string{"proc/1/mountinfo": `20 1 254:0 / / ro,relatime shared:1 - erofs /dev/dm-0 ro
21 20 0:20 / /proc rw,nosuid - proc proc rw
22 20 0:21 / /sys rw,nosuid - sysfs sysfs rw
23 20 0:22 / /dev rw,nosuid - devtmpfs devtmpfs rw,size=4096k
24 20 0:23 / /run rw,nosuid - tmpfs tmpfs rw
25 20 0:24 / /etc rw,relatime - overlay overlay rw,lowerdir=/etc,upperdir=/run/ingot/upper/etc,workdir=/run/ingot/work/etc
26 20 8:17 / /data rw,nosuid - ext4 /dev/sdb1 rw
27 20 8:17 /log/journal /var/log/journal rw - ext4 /dev/sdb1 rw
28 20 8:3 / /run/ingot/system ro - ext4 /dev/sda3 rw
29 20 8:3 / /mnt/with\040space rw - ext4 /dev/sda3 rw
30 20 0:30 / /opt rw - overlay overlay rw,lowerdir=/a:/b
31 20 0:31 / /srv rw - overlay overlay rw,lowerdir=/a,upperdir=/data/upper,workdir=/data/work
32 20 0:32 / /tmp rw - tmpfs tmpfs rw
33 20 0:33 / /tmp ro - tmpfs tmpfs ro
34 20 8:33 / /media ro - iso9660 /dev/sr0 rw
`})
	got, err := m.Writable()
	if err != nil {
		t.Fatal(err)
	}
	want := []Mount{
		{"/dev", "devtmpfs", "devtmpfs", "0:22", true},
		{"/run", "tmpfs", "tmpfs", "0:23", true},
		{"/etc", "overlay", "overlay", "0:24", true},
		{"/data", "/dev/sdb1", "ext4", "8:17", false},
		{"/var/log/journal", "/dev/sdb1", "ext4", "8:17", false},
		{"/mnt/with space", "/dev/sda3", "ext4", "8:3", false},
		{"/srv", "overlay", "overlay", "0:31", false},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Writable() =\n%v; want\n%v", got, want)
	}
	for path, want := range map[string]string{"/data": "8:17", "/nowhere": ""} {
		if got, err := m.DeviceOf(path); err != nil || got != want {
			t.Errorf("DeviceOf(%s) = %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestProcesses(t *testing.T) {
	m := fake(t, map[string]string{
		"proc/1/status":   "Name:\tsystemd\nVmRSS:\t  9000 kB\n",
		"proc/1/comm":     "systemd\n",
		"proc/2/status":   "Name:\tkthreadd\n", // a kernel thread has no memory
		"proc/2/comm":     "kthreadd\n",
		"proc/300/status": "Name:\tingotd\nVmRSS:\t 11000 kB\n",
		"proc/300/comm":   "ingotd\n",
	})
	got, err := m.Processes()
	want := []Process{{1, "systemd", 9000 << 10}, {300, "ingotd", 11000 << 10}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Processes() = %v, %v; want %v", got, err, want)
	}
}

func TestLinkAddresses(t *testing.T) {
	var l Link
	for _, a := range []string{"fe80::1/64", "2001:db8::5/64", "169.254.7.7/16", "10.0.2.15/24", "nonsense", "::1/128"} {
		l.add(a)
	}
	want := []netip.Prefix{netip.MustParsePrefix("2001:db8::5/64"), netip.MustParsePrefix("10.0.2.15/24")}
	if !reflect.DeepEqual(l.Addresses, want) || !l.LinkLocal {
		t.Errorf("link = %+v; want %v and a link-local one", l, want)
	}
	if _, err := Links(); err != nil {
		t.Errorf("Links() = %v", err)
	}
}

func TestSpace(t *testing.T) {
	m := New("/")
	free, total, err := m.Space(t.TempDir())
	if err != nil || free > total || total == 0 {
		t.Errorf("%d free of %d, %v", free, total, err)
	}
	if _, _, err := m.Space("/nowhere/at/all"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of no folder: %v", err)
	}
}

func TestWatchLinksEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- WatchLinks(ctx, func() {}) }()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("WatchLinks() = %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("WatchLinks() does not end")
	}
}
