package build

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/disk/fat"
	"github.com/ingotvm/ingot/internal/pipeline"
	"github.com/ingotvm/ingot/internal/release"
)

// espSize holds the boot loaders many times over; FAT32 needs 33 MiB at least.
const espSize = 64 << 20

// grubConfig is the whole boot menu. It is written when the image is built and
// never again; what changes is the boot state, two copies of a small
// environment block on the EFI system partition:
//
//	good=VERSION   the slot known to boot healthy
//	trial=VERSION  a slot to be tried, or empty
//	tries=N        how often the trial may still be booted
//	whole=yes      the last line: a block without it is torn
//
// The word gpt makes Linux use the backup partition table when the first is
// damaged. A torn copy gives way to the other, two torn ones to whichever slot is
// there. There is never a prompt.
const grubConfig = `set timeout=0
set pager=0
regexp --set=1:disk '^\(([^,)]+)' "$prefix"
set system="$disk,gpt3"
set esp="$disk,gpt2"
probe --set=part --part-uuid ($system)

set whole=
set state=($esp)/ingot/state.a
load_env --file $state good trial tries whole
if [ "$whole" != "yes" ]; then
  set state=($esp)/ingot/state.b
  load_env --file $state good trial tries whole
fi
if [ "$whole" != "yes" ]; then
  set trial=
  for kernel in ($system)/slots/*/vmlinuz; do
    regexp --set=1:good '/slots/([^/]+)/vmlinuz$' "$kernel"
  done
fi

set slot="$good"
if [ -n "$trial" ]; then
  if [ "$tries" = "3" ]; then set slot="$trial"; set tries=2
  elif [ "$tries" = "2" ]; then set slot="$trial"; set tries=1
  elif [ "$tries" = "1" ]; then set slot="$trial"; set tries=0
  fi
  if [ "$slot" = "$trial" ]; then
    set whole=yes
    set word=ingot.trial
    save_env --file ($esp)/ingot/state.a good trial tries whole
    save_env --file ($esp)/ingot/state.b good trial tries whole
  fi
fi

function boot_slot {
  set folder="($system)/slots/$1"
  linux $folder/vmlinuz ingot.system=$part ingot.slot=$1 gpt console=tty0 console=ttyS0,115200 quiet loglevel=3 panic=10 net.ifnames=0 systemd.show_status=no $2
  initrd $folder/initrd
  boot
}
boot_slot "$slot" $word
if [ "$slot" != "$good" ]; then boot_slot "$good"; fi
echo "No version of this appliance can be started from ($system)."
echo "Restore the virtual machine from a backup, or deploy the appliance again and attach this one's data disk."
sleep 60
reboot
`

// esp makes the EFI system partition. The signed GRUB looks for its
// configuration in EFI/debian, wherever it was itself loaded from.
func (m makers) esp(ctx context.Context, job *pipeline.Job) error {
	shim, err := os.ReadFile(job.Artifact("boot-files", "shim.efi"))
	if err != nil {
		return err
	}
	grub, err := os.ReadFile(job.Artifact("boot-files", "grub.efi"))
	if err != nil {
		return err
	}
	state, err := release.BootState{Good: job.Input("slot")}.Block()
	if err != nil {
		return err
	}
	files := []fat.File{
		{Path: "EFI/BOOT/BOOTX64.EFI", Data: shim},
		{Path: "EFI/BOOT/grubx64.efi", Data: grub},
		{Path: "EFI/debian/grub.cfg", Data: []byte(job.Input("config"))},
		{Path: release.BootStateA, Data: state},
		{Path: release.BootStateB, Data: state},
	}
	volume, err := strconv.ParseUint(job.Input("volume-id"), 16, 32)
	if err != nil {
		return err
	}
	image := disk.NewBuffer(espSize)
	if err := fat.Write(image, espSize, files, fat.Options{Label: "INGOT-ESP", VolumeID: uint32(volume), Time: epoch, Offset: espOffset}); err != nil {
		return fmt.Errorf("cannot make EFI system partition: %w", err)
	}
	return writeSparse(ctx, job.Output("esp.img"), image, nil)
}

// writeSparse writes an image as a sparse file.
func writeSparse(ctx context.Context, file string, image disk.Image, progress func(done, total int64)) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if err := f.Truncate(image.Size()); err != nil {
		return err
	}
	return disk.WriteRaw(ctx, f, image, disk.Options{Progress: progress})
}
