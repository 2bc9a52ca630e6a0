package build

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ingotvm/ingot/internal/pipeline"
	"github.com/ingotvm/ingot/internal/rootfs"
)

// bootPackages bring the kernel, its loaders, and the programs that prepare
// them; the tree is thrown away. The generic kernel: the cloud flavour has no
// drivers for VMware's devices.
var bootPackages = []string{
	"linux-image-amd64", "grub-pc-bin", "grub-common", "grub-efi-amd64-signed", "shim-signed", "kmod", "xz-utils",
}

// grubModules go into the BIOS core image. The signed UEFI image has its own
// fixed set, which holds all of these that matter there.
var grubModules = []string{
	"biosdisk", "part_gpt", "part_msdos", "fat", "ext2", "normal", "linux", "configfile", "loadenv", "test",
	"regexp", "probe", "echo", "search", "minicmd", "sleep", "reboot", "halt", "terminal", "serial", "all_video", "true",
}

// bootFiles unpacks the target's kernel and boot loaders and lets the
// target's own programs prepare them: depmod for the chosen modules, and
// grub-mkimage for the BIOS core.
func (m makers) bootFiles(ctx context.Context, job *pipeline.Job) error {
	tree := filepath.Join(job.Temp, "tree.tar")
	d := m.debian(job, "extract", tree)
	d.include(strings.ReplaceAll(job.Input("packages"), " ", ","))
	d.hook("extract", bootScript(job)) // this variant runs no other
	if err := d.make(ctx); err != nil {
		return err
	}
	return pickBootFiles(job, tree)
}

// bootScript keeps the wanted modules, those they depend on (a line of
// modules.dep names them all), decompresses them, and indexes what is left:
// first for the whole system, without those that the initrd has loaded before
// it, then for the initrd.
func bootScript(job *pipeline.Job) string {
	return fmt.Sprintf(`set -eu
cd "$1"
# base-files would bring these links; without them nothing runs
for dir in bin sbin lib lib64; do [ -e $dir ] || ln -s usr/$dir $dir; done
kernel=$(ls usr/lib/modules)
chroot . depmod "$kernel"
chosen() {
	{ for m in $1; do echo "want $m"; done; for m in $2; do echo "without $m"; done; } | tr - _ | awk '
		function name(file) { sub(/.*\//, "", file); sub(/\.ko.*/, "", file); gsub(/-/, "_", file); return file }
		function choose(file) { if (!without[name(file)]) print file }
		NR == FNR && $1 == "want" { want[$2] = 1 }
		NR == FNR && $1 == "without" { without[$2] = 1 }
		NR != FNR && name($1) in want { sub(/:$/, "", $1); for (i = 1; i <= NF; i++) choose($i) }
	' - usr/lib/modules/"$kernel"/modules.dep | sort -u
}
gather() {
	mkdir -p "$1/lib/modules/$kernel"
	chosen "$2" "$3" | while read -r file; do
		mkdir -p "$1/lib/modules/$kernel/$(dirname "$file")"
		cp "usr/lib/modules/$kernel/$file" "$1/lib/modules/$kernel/$file"
		case "$file" in *.xz) chroot . xz -d "/$1/lib/modules/$kernel/$file" ;; esac
	done
	cp usr/lib/modules/"$kernel"/modules.order usr/lib/modules/"$kernel"/modules.builtin* "$1/lib/modules/$kernel/"
	mkdir -p "$1/usr" && ln -s ../lib "$1/usr/lib"
	chroot . depmod -b "/$1" "$kernel"
	rm "$1/usr/lib" && rmdir "$1/usr"
}
gather ingot/os %[1]s %[2]s
gather ingot/initrd %[3]s ''

chroot . grub-mkimage -O i386-pc -d /usr/lib/grub/i386-pc -o /ingot/core.img -p "(,gpt2)/EFI/debian" %[4]s
cp boot/vmlinuz-"$kernel" ingot/vmlinuz
cp usr/lib/grub/i386-pc/boot.img ingot/boot.img
cp usr/lib/shim/shimx64.efi.signed ingot/shim.efi
cp usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed ingot/grub.efi
rm -rf usr boot
`, shellQuote(job.Input("modules")), shellQuote(job.Input("initrd-only")), shellQuote(job.Input("initrd-modules")), job.Input("grub-modules"))
}

func pickBootFiles(job *pipeline.Job, tarFile string) error {
	f, err := os.Open(tarFile)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	tree, err := rootfs.ReadTar(f, info.Size())
	if err != nil {
		return err
	}
	for _, name := range []string{"vmlinuz", "boot.img", "core.img", "shim.efi", "grub.efi"} {
		e := tree.Get("ingot/" + name)
		if e == nil {
			return fmt.Errorf("the boot packages brought no %s", name)
		}
		data, err := e.Bytes()
		if err != nil {
			return err
		}
		if err := os.WriteFile(job.Output(name), data, 0o644); err != nil {
			return err
		}
	}
	if err := writeSubtree(job.Output("modules.tar"), tree, "ingot/os"); err != nil {
		return err
	}
	return writeSubtree(job.Output("initrd-modules.tar"), tree, "ingot/initrd")
}

// writeSubtree writes the files below top as a tar of their own.
func writeSubtree(dest string, tree *rootfs.Tree, top string) (err error) {
	f, err := os.Create(dest)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	w := tar.NewWriter(f)
	for _, name := range tree.Paths() {
		rel, ok := strings.CutPrefix(name, top+"/")
		e := tree.Get(name)
		if !ok || !e.Mode.IsRegular() || path.Base(name) == "modules.softdep.bin" {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Name: rel, Mode: 0o644, Size: e.Size, ModTime: epoch, Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if err := copyEntry(w, e); err != nil {
			return err
		}
	}
	return w.Close()
}

func copyEntry(w io.Writer, e *rootfs.Entry) error {
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// readTree opens a cached tar; the tree reads from it until close is called.
func readTree(file string) (tree *rootfs.Tree, close func() error, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		tree, err = rootfs.ReadTar(f, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return tree, f.Close, nil
}
