package build

import (
	"context"
	"embed"
	"io/fs"
	"path"
	"strings"

	"github.com/ingotvm/ingot/internal/pipeline"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/rootfs"
)

// osFilesFS are the files that every operating system image gets besides the
// packages' own.
//
//go:embed all:osfiles
var osFilesFS embed.FS

// osFiles is those files by path in the image.
func osFiles() map[string]string {
	files := map[string]string{}
	_ = fs.WalkDir(osFilesFS, "osfiles", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err // embedded at compile time: cannot fail
		}
		data, err := osFilesFS.ReadFile(name)
		files[strings.TrimPrefix(name, "osfiles/")] = string(data)
		return err
	})
	return files
}

// mountPoints are empty folders of the root, for ingot-init and systemd.
var mountPoints = []string{"app", "boot", "data", "dev", "media", "mnt", "proc", "run", "sys", "var/log", "var/tmp"}

// links name the init program, start the agent, and start the services that
// Debian leaves to presets.
var links = map[string]string{
	"usr/sbin/init":                                                        "../lib/systemd/systemd",
	"etc/systemd/system/default.target":                                    "/usr/lib/systemd/system/multi-user.target",
	"etc/systemd/system/sysinit.target.wants/ingotd.service":               "/usr/lib/systemd/system/ingotd.service",
	"etc/systemd/system/multi-user.target.wants/ingot-console.service":     "/usr/lib/systemd/system/ingot-console.service",
	"etc/systemd/system/multi-user.target.wants/systemd-networkd.service":  "/usr/lib/systemd/system/systemd-networkd.service",
	"etc/systemd/system/multi-user.target.wants/systemd-resolved.service":  "/usr/lib/systemd/system/systemd-resolved.service",
	"etc/systemd/system/multi-user.target.wants/systemd-timesyncd.service": "/usr/lib/systemd/system/systemd-timesyncd.service",
	"etc/systemd/system/multi-user.target.wants/ingot-watchdog.service":    "/usr/lib/systemd/system/ingot-watchdog.service",
	"etc/systemd/system/sockets.target.wants/systemd-networkd.socket":      "/usr/lib/systemd/system/systemd-networkd.socket",
	"etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf",
}

// idleUnits are units of systemd that find nothing to do in an appliance: the
// image is finished (no first boot of its own, no indexes to rebuild), nobody
// logs in, nothing is encrypted or measured. Each costs time at every boot.
// And Ctrl+Alt+Del restarts nothing: a restart opens the time in which the
// console sets passwords, and who may type there need not be who may do that.
var idleUnits = []string{
	"systemd-firstboot.service", "systemd-sysusers.service", "systemd-machine-id-commit.service",
	"systemd-hwdb-update.service", "systemd-journal-catalog-update.service", "systemd-update-done.service",
	"ldconfig.service", "systemd-boot-update.service", "systemd-boot-random-seed.service", "systemd-bless-boot.service",
	"systemd-pcrmachine.service", "systemd-pcrphase.service", "systemd-pcrphase-sysinit.service",
	"systemd-pcrphase-initrd.service", "systemd-pcrproduct.service", "systemd-pcrnvdone.service",
	"systemd-tpm2-setup.service", "systemd-tpm2-setup-early.service", "systemd-tpm2-clear.service",
	"systemd-confext.service", "systemd-sysext.service", "systemd-repart.service", "systemd-growfs-root.service",
	"systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "systemd-hibernate-clear.service",
	"kmod-static-nodes.service", "systemd-modules-load.service", "systemd-ask-password-console.path",
	"systemd-ask-password-wall.path", "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount",
	"sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount",
	"systemd-logind.service", "systemd-user-sessions.service", "getty.target", "systemd-update-utmp.service",
	"systemd-update-utmp-runlevel.service", "systemd-vconsole-setup.service", "systemd-network-generator.service",
	"systemd-remount-fs.service", "systemd-udev-load-credentials.service", "systemd-mountfsd.socket",
	"systemd-userdbd.socket", "systemd-nsresourced.socket", "systemd-importd.socket", "systemd-sysext.socket",
	"systemd-pcrextend.socket", "systemd-pcrlock.socket", "systemd-bootctl.socket", "systemd-creds.socket",
	"systemd-hostnamed.socket", "systemd-coredump.socket", "systemd-rfkill.socket", "systemd-initctl.socket",
	"remote-cryptsetup.target", "cryptsetup.target", "integritysetup.target", "veritysetup.target", "machines.target",
	"nftables.service", "e2scrub_reap.service", "e2scrub_all.timer", "fstrim.timer", "systemd-journald-audit.socket",
	"machine.slice", "user.slice", "dbus.socket", "dbus.service", "remote-fs.target", "remote-veritysetup.target",
	"systemd-networkd-wait-online.service", "systemd-networkd-persistent-storage.service",
	"systemd-tmpfiles-setup-dev-early.service", "systemd-tmpfiles-setup-dev.service", "systemd-random-seed.service",
	"ctrl-alt-del.target", "systemd-time-wait-sync.service", "systemd-pstore.service", "systemd-journal-flush.service", "systemd-tmpfiles-clean.timer",
}

// operatingSystem makes the image below every service.
func (m makers) operatingSystem(ctx context.Context, job *pipeline.Job) error {
	base, closeBase, err := readTree(job.Artifact("base", "base.tar"))
	if err != nil {
		return err
	}
	defer closeBase()
	tree, err := osTree(base, strings.Fields(job.Input("keep")))
	if err != nil {
		return err
	}

	modules, closeModules, err := readTree(job.Artifact("boot-files", "modules.tar"))
	if err != nil {
		return err
	}
	defer closeModules()
	for _, name := range modules.Paths() {
		if e := modules.Get(name); e.Mode.IsRegular() && !depmodOnly[path.Base(name)] {
			tree.Put("usr/"+name, e)
		}
	}
	if err := tree.HostFile("usr/bin/ingotd", 0o755, job.File("ingotd")); err != nil {
		return err
	}
	for name, content := range osFiles() {
		tree.File(name, 0o644, epoch, []byte(content))
	}
	for link, target := range links {
		tree.Symlink(link, target, epoch)
	}
	for _, dir := range mountPoints {
		tree.Dir(dir, 0o755, epoch)
	}
	tree.Dir("tmp", 0o777|fs.ModeSticky, epoch)
	tree.Dir("root", 0o700, epoch)
	owners, err := packageOwners(base)
	if err != nil {
		return err
	}
	return writeImage(ctx, job, imageOutput{
		Image: release.Image{Name: "os", Kind: release.ImageOS}, tree: tree, encode: m.smallest(ctx), owners: owners,
	})
}

// depmodOnly are indexes of the kernel modules that only depmod reads; the
// others have a binary form, which is what udev and modprobe read.
var depmodOnly = set("modules.symbols", "modules.symbols.bin", "modules.order", "modules.builtin.modinfo",
	"modules.alias", "modules.dep", "modules.builtin.alias.bin")

// osRecipe is the digest of the tables above and of those that paring goes
// by: part of the key of what is made by them.
func osRecipe() string {
	return digestOf(osFiles(), links, mountPoints, idleUnits, depmodOnly, paringTables())
}

// withoutIdleUnits drops the links that would start idle units, and the units.
func withoutIdleUnits(t *rootfs.Tree) *rootfs.Tree {
	idle := set(idleUnits...)
	return t.Filter(func(name string, e *rootfs.Entry) bool {
		dir := path.Dir(name)
		inUnits := dir == "usr/lib/systemd/system" || dir == "etc/systemd/system" ||
			strings.HasSuffix(dir, ".wants") || strings.HasSuffix(dir, ".requires") || strings.HasSuffix(dir, ".upholds")
		return !inUnits || !idle[path.Base(name)]
	})
}
