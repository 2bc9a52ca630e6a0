package qemu

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ingotvm/ingot/internal/hypervisor"
)

// files are where a machine's things lie. Sockets have a folder of their own
// because their paths may be no longer than 107 bytes.
type files struct {
	dir, sockets string
	code         string // the firmware's code, "" for BIOS
}

func (f files) overlay() string { return filepath.Join(f.dir, "system.qcow2") }
func (f files) data() string    { return filepath.Join(f.dir, "data.raw") }
func (f files) vars() string    { return filepath.Join(f.dir, "uefi-vars.fd") }
func (f files) console() string { return filepath.Join(f.dir, "console.log") }
func (f files) screen() string  { return filepath.Join(f.dir, "screen.ppm") }
func (f files) seed() string    { return filepath.Join(f.dir, "seed") }

func (f files) qmpSocket() string     { return filepath.Join(f.sockets, "qmp") }
func (f files) consoleSocket() string { return filepath.Join(f.sockets, "console") }
func (f files) channelSocket() string { return filepath.Join(f.sockets, "channel") }

// all are the files that a machine may have made.
func (f files) all() []string {
	return []string{f.overlay(), f.data(), f.vars(), f.console(), f.screen(), f.seed()}
}

// arguments is QEMU's command line for a machine; pure, so that it can be
// looked at in a test.
func arguments(spec hypervisor.Spec, f files, accel []string) []string {
	var args []string
	add := func(list ...string) { args = append(args, list...) }

	add("-nodefaults", "-no-user-config", "-name", spec.Name)
	add(machineArguments(spec, f, accel)...)
	add("-smp", fmt.Sprint(spec.CPUs), "-m", fmt.Sprintf("%dM", (spec.Memory+1<<20-1)>>20))
	add("-display", "none", "-vga", "std", "-rtc", "base="+clock(spec))
	add("-device", "virtio-rng-pci")

	add("-chardev", "socket,id=qmp,path="+escape(f.qmpSocket()), "-mon", "chardev=qmp,mode=control")
	add("-chardev", "socket,id=console,server=on,wait=off,path="+escape(f.consoleSocket())+
		",logfile="+escape(f.console())+",logappend=on", "-serial", "chardev:console")
	add("-chardev", "socket,id=channel,server=on,wait=off,path="+escape(f.channelSocket()),
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=channel,name="+hypervisor.ChannelName)

	add(diskArguments(spec, f)...)
	add(mediaArguments(spec)...)
	add(networkArguments(spec)...)
	add(seedArguments(spec, f)...)
	return args
}

// clock is what the real-time clock begins with.
func clock(spec hypervisor.Spec) string {
	if spec.Clock.IsZero() {
		return "utc"
	}
	return spec.Clock.UTC().Format("2006-01-02T15:04:05")
}

// seedArguments are what the guest is told through its firmware.
func seedArguments(spec hypervisor.Spec, f files) []string {
	var args []string
	if spec.Seed != nil {
		args = append(args, "-fw_cfg", "name="+hypervisor.SeedName+",file="+escape(f.seed()))
	}
	for _, text := range spec.SMBIOS {
		args = append(args, "-smbios", "type=11,value="+escape(text))
	}
	return args
}

// mediaArguments attach what is only read: CDs on the chipset's own ports, as
// hypervisors do, whatever bus the disks hang on.
func mediaArguments(spec hypervisor.Spec) []string {
	var args []string
	for i, path := range spec.CDs {
		args = append(args,
			"-drive", fmt.Sprintf("id=cd%d,if=none,media=cdrom,readonly=on,format=raw,file=%s", i, escape(path)),
			"-device", fmt.Sprintf("ide-cd,drive=cd%d,bus=ide.%d", i, i))
	}
	for i, path := range spec.Disks {
		args = append(args,
			"-drive", fmt.Sprintf("id=disk%d,if=none,readonly=on,format=raw,file=%s", i, escape(path)),
			"-device", fmt.Sprintf("virtio-blk-pci,drive=disk%d", i))
	}
	return args
}

func machineArguments(spec hypervisor.Spec, f files, accel []string) []string {
	machine := "q35"
	if spec.Firmware == hypervisor.UEFISecure {
		machine += ",smm=on" // keeps the variables out of the guest's reach
	}
	args := append([]string{"-machine", machine}, accel...)
	if f.code != "" {
		args = append(args,
			"-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+escape(f.code),
			"-drive", "if=pflash,unit=1,format=raw,file="+escape(f.vars()))
	}
	if spec.Firmware == hypervisor.UEFISecure {
		args = append(args,
			"-global", "driver=cfi.pflash01,property=secure,value=on",
			// Resuming from sleep would be a way around SMM: OVMF refuses it.
			"-global", "ICH9-LPC.disable_s3=1")
	}
	return args
}

func diskArguments(spec hypervisor.Spec, f files) []string {
	// unsafe: never wait for the host's disk; the guest's flushes still reach
	// the host's page cache, which outlives the QEMU process.
	const cache = ",cache=unsafe,discard=unmap"
	args := []string{"-drive", "id=system,if=none,format=qcow2,file=" + escape(f.overlay()) + cache}
	data := spec.DataFile
	if spec.Data > 0 {
		data = f.data()
	}
	if data != "" {
		args = append(args, "-drive", "id=data,if=none,format=raw,file="+escape(data)+cache)
	}
	if s := spec.Served; s != nil {
		args = []string{"-drive", "id=system,if=none,format=raw,cache=writeback,file=" + escape(s.System)}
		if data = s.Data; data != "" {
			args = append(args, "-drive", "id=data,if=none,format=raw,cache=writeback,file="+escape(data))
		}
	}
	var controller, device string
	switch spec.Hardware.Bus {
	case hypervisor.VirtioSCSI:
		controller, device = "virtio-scsi-pci,id=disks", "scsi-hd,bus=disks.0"
	case hypervisor.PVSCSI:
		controller, device = "pvscsi,id=disks", "scsi-hd,bus=disks.0"
	case hypervisor.AHCI:
		controller, device = "ich9-ahci,id=disks", "ide-hd,bus=disks.%d"
	default:
		device = "virtio-blk-pci"
	}
	if controller != "" {
		args = append(args, "-device", controller)
	}
	disk := func(n int, name string) string {
		d := device
		if strings.Contains(d, "%d") {
			d = fmt.Sprintf(d, n)
		}
		// The serial number shows up in /dev/disk/by-id.
		return d + ",drive=" + name + ",serial=ingot-" + name
	}
	args = append(args, "-device", disk(0, "system")+",bootindex=0")
	if data != "" {
		args = append(args, "-device", disk(1, "data"))
	}
	return args
}

func networkArguments(spec hypervisor.Spec) []string {
	if spec.Hardware.NIC == hypervisor.NoNIC {
		return nil
	}
	net := "user,id=net"
	if spec.Offline {
		net += ",restrict=on"
	}
	for _, fw := range spec.Forwards {
		// Port 0 is the kernel's choice; "info usernet" tells it.
		net += fmt.Sprintf(",hostfwd=tcp:127.0.0.1:%d-:%d", fw.Host, fw.Guest)
	}
	device := "virtio-net-pci"
	switch spec.Hardware.NIC {
	case hypervisor.VMXNET3:
		device = "vmxnet3"
	case hypervisor.E1000:
		device = "e1000"
	}
	// 52:54:00 is the prefix that QEMU uses for its own. The rest is of the
	// name, so that two machines on one network differ. No boot ROM: we never
	// boot from the network, and it costs time and a package.
	sum := sha256.Sum256([]byte(spec.Name))
	mac := fmt.Sprintf("52:54:00:%02x:%02x:%02x", sum[0], sum[1], sum[2])
	if spec.Hardware.Alone {
		return []string{"-netdev", "hubport,id=net,hubid=0", "-device", device + ",netdev=net,romfile=,mac=" + mac}
	}
	return []string{"-netdev", net, "-device", device + ",netdev=net,romfile=,mac=" + mac}
}

// backing is how QEMU names the artifact: a path, or a part of a file.
func backing(d hypervisor.Disk) (string, error) {
	if d.Offset == 0 && d.Length == 0 {
		return d.Path, nil
	}
	type node map[string]any
	part := node{"driver": "raw", "offset": d.Offset, "file": node{"driver": "file", "filename": d.Path}}
	if d.Length > 0 {
		part["size"] = d.Length
	}
	whole := node{"driver": d.Format, "file": part}
	if d.Format == hypervisor.Raw {
		whole = part
	}
	name, err := json.Marshal(whole)
	return "json:" + string(name), err
}

// escape doubles commas, which separate options.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }
