package qemu

import (
	"bytes"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/hypervisor"
)

func TestArguments(t *testing.T) {
	spec := hypervisor.Spec{
		Name: "pocketbase", System: hypervisor.Disk{Path: "/a", Format: hypervisor.Raw}, Memory: 192<<20 + 1, Data: 1 << 30, CPUs: 2,
		Forwards: []hypervisor.Forward{{Guest: 80}, {Guest: 5480, Host: 5480}}, Offline: true,
	}
	f := files{dir: "/m,1", sockets: "/s"}
	for name, test := range map[string]struct {
		change  func(*hypervisor.Spec, *files)
		accel   Accel
		steady  bool
		want    []string
		notWant []string
	}{
		"defaults": {
			accel: TCG,
			want: []string{
				"-nodefaults", "-accel tcg,thread=multi -cpu max", "-machine q35 ", "-smp 2 -m 193M", "-display none", "-rtc base=utc",
				"file=/m,,1/system.qcow2,", "virtio-blk-pci,drive=system,serial=ingot-system,bootindex=0",
				"virtio-blk-pci,drive=data,serial=ingot-data",
				"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:80,hostfwd=tcp:127.0.0.1:5480-:5480",
				"virtio-net-pci,netdev=net,romfile=,mac=52:54:00:", "name=org.ingotvm.agent", "logfile=/m,,1/console.log,logappend=on",
			},
			notWant: []string{"pflash", "kvm"},
		},
		"steady":     {accel: TCG, steady: true, want: []string{"-accel tcg,thread=single -cpu max", "-smp 2"}, notWant: []string{"multi"}},
		"steady KVM": {accel: KVM, steady: true, want: []string{"-accel kvm -cpu host"}, notWant: []string{"tcg"}},
		"KVM":        {accel: KVM, want: []string{"-accel kvm -cpu host"}, notWant: []string{"tcg"}},
		"an OVA's hardware": {
			accel: TCG,
			change: func(s *hypervisor.Spec, _ *files) {
				s.Hardware = hypervisor.Hardware{Bus: hypervisor.PVSCSI, NIC: hypervisor.VMXNET3}
			},
			want: []string{"-device pvscsi,id=disks", "scsi-hd,bus=disks.0,drive=system", "scsi-hd,bus=disks.0,drive=data", "-device vmxnet3,"},
		},
		"SATA": {
			accel: TCG,
			change: func(s *hypervisor.Spec, _ *files) {
				s.Hardware = hypervisor.Hardware{Bus: hypervisor.AHCI, NIC: hypervisor.E1000}
			},
			want: []string{"ide-hd,bus=disks.0,drive=system", "ide-hd,bus=disks.1,drive=data", "-device e1000,"},
		},
		"Secure Boot": {
			accel:  TCG,
			change: func(s *hypervisor.Spec, f *files) { s.Firmware, f.code = hypervisor.UEFISecure, "/c" },
			want:   []string{"q35,smm=on", "readonly=on,file=/c", "file=/m,,1/uefi-vars.fd", "property=secure,value=on"},
		},
		"a clock of its own": {
			accel:  TCG,
			change: func(s *hypervisor.Spec, _ *files) { s.Clock = time.Unix(0, 0) },
			want:   []string{"-rtc base=1970-01-01T00:00:00"},
		},
		"served disks": {accel: TCG, change: func(s *hypervisor.Spec, _ *files) {
			s.Data, s.Served = 0, &hypervisor.Served{System: "nbd+unix:///a?socket=/x", Data: "nbd+unix:///b?socket=/x"}
		},
			want: []string{
				"id=system,if=none,format=raw,cache=writeback,file=nbd+unix:///a?socket=/x", "id=data,if=none,format=raw,cache=writeback,file=nbd+unix:///b?socket=/x",
				"virtio-blk-pci,drive=data,serial=ingot-data",
			},
			notWant: []string{"unsafe", "system.qcow2"}},
		"one disk": {accel: TCG, change: func(s *hypervisor.Spec, _ *files) { s.Data, s.Offline = 0, false }, notWant: []string{"data.raw", "restrict", "fw_cfg", "smbios", "cdrom"}},
		"another machine's data disk": {
			accel:  TCG,
			change: func(s *hypervisor.Spec, _ *files) { s.Data, s.DataFile = 0, "/d,1.raw" },
			want:   []string{"id=data,if=none,format=raw,file=/d,,1.raw,cache", "virtio-blk-pci,drive=data,serial=ingot-data"},
		},
		"no network": {
			accel:   TCG,
			change:  func(s *hypervisor.Spec, _ *files) { s.Hardware.NIC, s.Forwards = hypervisor.NoNIC, nil },
			notWant: []string{"netdev", "user,id=net", "mac="},
		},
		"a seed and media": {
			accel: TCG,
			change: func(s *hypervisor.Spec, _ *files) {
				s.Seed, s.SMBIOS = []byte("secret"), []string{"ingot.seed:a=b,c"}
				s.CDs, s.Disks = []string{"/one,.iso", "/two.iso"}, []string{"/three.raw"}
			},
			want: []string{
				"-fw_cfg name=opt/org.ingotvm.seed,file=/m,,1/seed ", "-smbios type=11,value=ingot.seed:a=b,,c ",
				"id=cd0,if=none,media=cdrom,readonly=on,format=raw,file=/one,,.iso", "ide-cd,drive=cd1,bus=ide.1",
				"id=disk0,if=none,readonly=on,format=raw,file=/three.raw", "virtio-blk-pci,drive=disk0",
			},
			notWant: []string{"secret"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			spec, f := spec, f
			if test.change != nil {
				test.change(&spec, &f)
			}
			spec, err := spec.WithDefaults()
			if err != nil {
				t.Fatal(err)
			}
			line := strings.Join(arguments(spec, f, test.accel.arguments(test.steady)), " ") + " "
			for _, want := range test.want {
				if !strings.Contains(line, want) {
					t.Errorf("the command line lacks %q: %s", want, line)
				}
			}
			for _, bad := range test.notWant {
				if strings.Contains(line, bad) {
					t.Errorf("the command line holds %q: %s", bad, line)
				}
			}
		})
	}
}

func TestParseForwards(t *testing.T) {
	text := "Hub -1 (net0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n" +
		"  TCP[HOST_FORWARD]   8       127.0.0.1 44569       10.0.2.15    80     0     0\r\n" +
		"  TCP[ESTABLISHED]   12       127.0.0.1 44569       10.0.2.2  80     0     0\r\n" +
		"  TCP[HOST_FORWARD]   3       127.0.0.1 43471       10.0.2.15  5480     0     0\r\n"
	got := parseForwards(text)
	if len(got) != 2 || got[80] != "127.0.0.1:44569" || got[5480] != "127.0.0.1:43471" {
		t.Errorf("parseForwards() = %v", got)
	}
	if got := parseForwards("no such thing"); len(got) != 0 {
		t.Errorf("parseForwards() of nothing = %v", got)
	}
}

func TestFindFirmware(t *testing.T) {
	dir := t.TempDir()
	touch := func(names ...string) {
		for _, n := range names {
			if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	find := func(f hypervisor.Firmware) string {
		p, err := findFirmware(dir, f)
		if err != nil {
			return err.Error()
		}
		return filepath.Base(p.code) + " " + filepath.Base(p.vars)
	}
	if got := find(hypervisor.UEFI); !strings.Contains(got, "install the package ovmf") {
		t.Errorf("without firmware: %s", got)
	}
	touch("OVMF_CODE_4M.fd", "OVMF_CODE.fd", "OVMF_VARS.fd") // half of the better pair is none
	if got, want := find(hypervisor.UEFI), "OVMF_CODE.fd OVMF_VARS.fd"; got != want {
		t.Errorf("firmware = %s; want %s", got, want)
	}
	touch("OVMF_VARS_4M.fd", "OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd")
	if got, want := find(hypervisor.UEFI), "OVMF_CODE_4M.fd OVMF_VARS_4M.fd"; got != want {
		t.Errorf("firmware = %s; want %s", got, want)
	}
	if got, want := find(hypervisor.UEFISecure), "OVMF_CODE_4M.secboot.fd OVMF_VARS_4M.ms.fd"; got != want {
		t.Errorf("firmware = %s; want %s", got, want)
	}
}

func TestDecodePPM(t *testing.T) {
	img, err := decodePPM(bytes.NewReader([]byte("P6\n2 1\n255\n\x01\x02\x03\xff\xfe\xfd")))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := img.At(1, 0), (color.RGBA{0xff, 0xfe, 0xfd, 0xff}); got != want {
		t.Errorf("pixel = %v; want %v", got, want)
	}
	for _, bad := range []string{"", "P5\n1 1\n255\nx", "P6\n2 1\n255\nabc", "P6\n99999 99999\n255\n", "P6\n0 1\n255\n", "P6\n1 1\n65535\nabcabc"} {
		if _, err := decodePPM(strings.NewReader(bad)); err == nil {
			t.Errorf("decodePPM(%q) succeeded", bad)
		}
	}
}
