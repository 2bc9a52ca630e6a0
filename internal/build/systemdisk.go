package build

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/pipeline"
)

// Layout of the system disk, in bytes.
const (
	biosBootOffset = 1 << 20
	biosBootSize   = 1 << 20
	espOffset      = biosBootOffset + biosBootSize
	systemOffset   = espOffset + espSize
	// slotsKept is how many expanded versions must fit beside each other: the
	// good one, a trial, and one more to go back to.
	slotsKept = 3
	// smallestData is what must be left for data on the system disk.
	smallestData = 256 << 20
)

// mke2fsOptions make an ext4 that GRUB 2.06 reads: it knows neither
// metadata_csum_seed nor orphan_file.
var mke2fsOptions = []string{
	"-t", "ext4", "-b", "4096", "-m", "1", "-J", "size=16", "-O", "^metadata_csum_seed,^orphan_file",
}

// systemDisk makes the disk: boot code, EFI system partition, and the file
// system with the first slot.
func (m makers) systemDisk(ctx context.Context, job *pipeline.Job) error {
	size, err := strconv.ParseInt(job.Input("size"), 10, 64)
	if err != nil {
		return err
	}
	partition, err := systemPartitionSize(job, size)
	if err != nil {
		return err
	}
	system, err := m.systemFileSystem(ctx, job, partition)
	if err != nil {
		return err
	}
	defer system.Close()
	esp, err := os.Open(job.Artifact("esp", "esp.img"))
	if err != nil {
		return err
	}
	defer esp.Close()
	mbr, core, err := biosBoot(job)
	if err != nil {
		return err
	}

	parts, err := partitionTable(job, mbr, partition).Parts(size)
	if err != nil {
		return err
	}
	image, err := disk.Compose(size, append(parts,
		disk.Part{Offset: biosBootOffset, Image: core},
		disk.Part{Offset: espOffset, Image: disk.Sparse(esp, espSize)},
		disk.Part{Offset: systemOffset, Image: disk.Sparse(system, partition)},
	)...)
	if err != nil {
		return fmt.Errorf("cannot lay out system disk: %w", err)
	}
	return writeSparse(ctx, job.Output("system.raw"), image, job.Progress)
}

func partitionTable(job *pipeline.Job, mbr []byte, systemSize int64) disk.GPT {
	const sector = 512
	place := func(number int, typ disk.GUID, id, name string, offset, size int64) disk.Partition {
		return disk.Partition{
			Number: number, TypeGUID: typ, GUID: disk.GUID(job.Input(id)), Name: name,
			FirstLBA: offset / sector, LastLBA: (offset+size)/sector - 1,
		}
	}
	return disk.GPT{
		DiskGUID: disk.GUID(job.Input("disk-id")), BootCode: mbr,
		Partitions: []disk.Partition{
			place(1, disk.TypeBIOSBoot, "bios-id", "bios-boot", biosBootOffset, biosBootSize),
			place(2, disk.TypeESP, "esp-id", "ingot-esp", espOffset, espSize),
			place(3, disk.TypeSystem, "system-id", disk.NameSystem, systemOffset, systemSize),
		},
	}
}

// systemPartitionSize is half of the disk, or what the slots kept take when
// they are expanded, if that is more. The rest is for the data of a machine
// that is given no second disk.
func systemPartitionSize(job *pipeline.Job, disk int64) (int64, error) {
	const mib = 1 << 20
	images, err := readImages(job)
	if err != nil {
		return 0, err
	}
	var slot int64 = 64 * mib // kernel, initrd, and the file system's own
	for _, image := range images {
		slot += image.Size + image.Size/100 // the hash tree takes 1/127
	}
	need := slotsKept * slot
	space := disk - systemOffset - mib // the backup table ends the disk
	if need > space-smallestData {
		return 0, &Error{Kind: KindDefinition,
			Message: fmt.Sprintf("the system disk is too small: %d versions of %d MiB each and %d MiB for data do not fit into %d MiB",
				slotsKept, slot/mib, smallestData/mib, space/mib),
			Hint: fmt.Sprintf("set hardware.disks.system to %dMiB or more", (disk-space+need+smallestData)/mib+1)}
	}
	return max(need, space/2) / mib * mib, nil
}

// systemFileSystem makes the ext4 with slots/<version>/. debugfs puts the
// files in, in sorted order and with set times and owners, which mke2fs -d
// would take from this machine.
func (m makers) systemFileSystem(ctx context.Context, job *pipeline.Job, size int64) (*os.File, error) {
	file := filepath.Join(job.Temp, "system.ext4")
	if err := createSized(file, size); err != nil {
		return nil, err
	}
	id := job.Input("ext4-id")
	args := append(strings.Fields(job.Input("filesystem")), "-q", "-F", "-L", disk.NameSystem, "-U", id,
		"-E", "hash_seed="+id+",lazy_itable_init=1,root_owner=0:0,nodiscard", file)
	fixed := []string{"E2FSPROGS_FAKE_TIME=" + strconv.FormatInt(epoch.Unix(), 10)}
	if err := m.run.Run(ctx, host.Command{Name: "mke2fs", Args: args, Env: fixed, Stdout: job.Log, Stderr: job.Log}); err != nil {
		return nil, err
	}
	commands := filepath.Join(job.Temp, "debugfs")
	if err := os.WriteFile(commands, []byte(slotCommands(job)), 0o644); err != nil {
		return nil, err
	}
	said := &ending{next: job.Log}
	if err := m.run.Run(ctx, host.Command{Name: "debugfs", Args: []string{"-w", "-f", commands, file}, Env: fixed, Stdout: said, Stderr: said}); err != nil {
		return nil, err
	}
	// debugfs reports a failed command and goes on.
	for line := range strings.Lines(said.text) {
		if strings.Contains(line, ": ") && !strings.HasPrefix(line, "debugfs") && !strings.HasPrefix(line, "Allocated inode") {
			return nil, fmt.Errorf("cannot fill system file system: %s", strings.TrimSpace(line))
		}
	}
	return os.Open(file)
}

// slotCommands is what debugfs is told.
func slotCommands(job *pipeline.Job) string {
	var c strings.Builder
	folder := "/slots/" + job.Input("slot")
	own := func(path string) {
		for _, field := range []string{"uid", "gid"} {
			fmt.Fprintf(&c, "sif %s %s 0\n", path, field)
		}
		for _, field := range []string{"mtime", "atime", "ctime", "crtime"} {
			fmt.Fprintf(&c, "sif %s %s @%d\n", path, field, epoch.Unix())
		}
	}
	fmt.Fprintf(&c, "mkdir /slots\nmkdir %s\n", folder)
	files := slotFiles(job)
	files["manifest.json"] = job.Artifact("slot", "manifest.json")
	for _, name := range sortedKeys(files) {
		fmt.Fprintf(&c, "write %q %s/%s\n", files[name], folder, name)
		own(folder + "/" + name)
		fmt.Fprintf(&c, "sif %s/%s mode 0100644\n", folder, name)
	}
	own(folder)
	own("/slots")
	return c.String()
}

// biosBoot patches GRUB's BIOS images as grub-install would, for fixed places:
// offsets from GRUB's include/grub/i386/pc/boot.h and
// include/grub/offsets.h.
func biosBoot(job *pipeline.Job) (mbr []byte, core disk.Image, err error) {
	const (
		sector         = 512
		coreStart      = biosBootOffset / sector
		kernelSector   = 0x5c  // in boot.img: where the core begins
		driveCheck     = 0x66  // in boot.img: a jump that trusts the BIOS's drive number only if it is a floppy's
		blockList      = 0x1f4 // in the core's first sector: where the rest lies
		blockListCount = 0x1fc
	)
	boot, err := os.ReadFile(job.Artifact("boot-files", "boot.img"))
	if err != nil {
		return nil, nil, err
	}
	data, err := os.ReadFile(job.Artifact("boot-files", "core.img"))
	if err != nil {
		return nil, nil, err
	}
	if len(boot) != sector || len(data) <= sector || len(data) > biosBootSize {
		return nil, nil, fmt.Errorf("cannot use GRUB's BIOS images: %d and %d bytes", len(boot), len(data))
	}
	binary.LittleEndian.PutUint64(boot[kernelSector:], coreStart)
	boot[driveCheck], boot[driveCheck+1] = 0x90, 0x90 // two NOPs: use the drive that the BIOS says
	binary.LittleEndian.PutUint64(data[blockList:], coreStart+1)
	binary.LittleEndian.PutUint16(data[blockListCount:], uint16((len(data)-1)/sector))
	image := disk.NewBuffer(biosBootSize)
	if _, err := image.WriteAt(data, 0); err != nil {
		return nil, nil, err
	}
	return boot[:440], image, nil
}

func createSized(file string, size int64) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
