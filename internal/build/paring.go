package build

import (
	"path"
	"strings"

	"github.com/ingotvm/ingot/internal/rootfs"
)

// The operating system image holds what systemd, the agent and ingot-init
// use. Packages that only install, configure or log in are dropped from it;
// a service made of packages brings back what its programs need, in its own
// layer, so the image below stays the same for every appliance.

// notInOS are essential or depended-on packages that the image does without.
// Libraries are not listed: [pruneLibraries] finds those that nothing uses.
var notInOS = set(
	// shells and their tools: nobody logs in, units name programs directly
	"bash", "coreutils", "dash", "diffutils", "findutils", "grep", "gzip", "hostname",
	"mawk", "ncurses-bin", "ncurses-base", "sed", "tar", "util-linux", "bsdutils",
	"sysvinit-utils", "debianutils", "init-system-helpers", "login", "login.defs", "passwd",
	// package management: the image is replaced, never upgraded in place
	"apt", "apt-utils", "dpkg", "debconf", "perl-base", "gpgv", "sqv", "debian-archive-keyring", "adduser", "gcc-14-base",
	// systemd and the agent talk over sockets of their own; a service that needs a bus brings it
	"dbus", "dbus-bin", "dbus-daemon", "dbus-system-bus-common", "dbus-session-bus-common",
	"openssl", "openssl-provider-legacy", "libc-bin", "libpam-runtime", "libpam-modules-bin", "libpam-modules", "logsave", "dmsetup",
)

// notInLayers are packages that no program calls once it is installed.
// perl-base stays when a package asked for perl, see pareLayer.
var notInLayers = set(
	"apt", "apt-utils", "dpkg", "debconf", "gpgv", "sqv", "debian-archive-keyring", "adduser", "ucf",
	"login", "login.defs", "passwd", "ncurses-bin", "logsave", "perl-base",
)

// unwantedPaths are left out of every image: documentation, translations,
// caches of the package manager, the hardware database (virtual hardware has
// none to look up), start scripts of other init systems.
var unwantedPaths = []string{
	"usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian",
	"usr/share/bug", "usr/share/menu", "usr/share/doc-base", "usr/share/groff", "usr/share/linda",
	"usr/share/bash-completion", "usr/share/zsh", "usr/share/fish", "usr/share/gdb",
	"usr/share/debconf", "usr/share/perl5/Debconf", "usr/share/pixmaps", "usr/share/applications",
	"usr/share/i18n", "usr/share/common-licenses", "usr/share/polkit-1", "usr/share/initramfs-tools",
	"usr/share/dpkg", "usr/share/keyrings", "usr/share/apport",
	"usr/lib/udev/hwdb.d", "usr/lib/udev/hwdb.bin", "etc/udev/hwdb.bin",
	"usr/lib/locale", "usr/lib/x86_64-linux-gnu/gconv", "usr/lib/x86_64-linux-gnu/perl-base/unicore",
	"usr/lib/systemd/catalog", "var/lib/systemd/catalog", "usr/lib/x86_64-linux-gnu/audit",
	"usr/lib/valgrind", "usr/lib/debug", "usr/lib/tmpfiles.d/dpkg.conf",
	"var/cache/apt", "var/lib/apt", "var/cache/debconf", "var/backups",
	"var/lib/dpkg/info", "var/lib/dpkg/triggers", "var/lib/dpkg/updates", "var/lib/dpkg/alternatives",
	"var/lib/dpkg/status-old", "var/lib/dpkg/diversions-old", "var/lib/dpkg/lock", "var/lib/dpkg/lock-frontend",
	"var/lib/dpkg/parts", "var/lib/dpkg/methods", "var/lib/dpkg/cmethopt",
	"etc/init.d", "etc/rc0.d", "etc/rc1.d", "etc/rc2.d", "etc/rc3.d", "etc/rc4.d", "etc/rc5.d", "etc/rc6.d", "etc/rcS.d",
	"etc/apt", "etc/dpkg", "etc/cron.d", "etc/cron.daily", "etc/cron.hourly", "etc/cron.weekly", "etc/cron.monthly",
	"etc/machine-id", "etc/hostname", "etc/resolv.conf", "var/lib/dbus/machine-id",
	"var/lib/systemd/random-seed", "usr/sbin/update-passwd", "usr/share/base-passwd", "etc/profile", "root", "etc/skel", "usr/lib/lsb", "usr/lib/dbus-1.0", "etc/pam.d", "etc/motd", "etc/issue", "etc/issue.net", "etc/update-motd.d", "etc/.resolv.conf.systemd-resolved.bak", "etc/shells", "var/lib/shells.state", "var/lib/pam", "usr/libexec/e2fsprogs", "etc/e2scrub.conf", "etc/modules", "etc/.pwd.lock", "etc/passwd-", "etc/shadow-", "etc/group-", "etc/gshadow-",
	"etc/subuid-", "etc/subgid-", "boot", "dev", "proc", "sys", "run", "tmp",
}

// unwantedInOS are further paths of kept packages that only the operating
// system image leaves out: parts of systemd with no business in an appliance.
var unwantedInOS = []string{
	"usr/bin/systemd-nspawn", "usr/bin/systemd-vmspawn", "usr/bin/systemd-cgtop", "usr/bin/systemd-cgls",
	"usr/bin/systemd-analyze", "usr/bin/systemd-delta", "usr/bin/systemd-confext", "usr/bin/systemd-sysext",
	"usr/bin/systemd-firstboot", "usr/bin/systemd-mount", "usr/bin/systemd-umount", "usr/bin/systemd-stdio-bridge",
	"usr/bin/systemd-ask-password", "usr/bin/systemd-tty-ask-password-agent", "usr/bin/systemd-inhibit",
	"usr/bin/systemd-socket-activate", "usr/bin/systemd-creds", "usr/bin/systemd-ac-power", "usr/bin/systemd-path",
	"usr/bin/systemd-id128", "usr/bin/systemd-hwdb", "usr/bin/systemd-vpick", "usr/bin/systemd-cat", "usr/bin/systemd-sysusers", "usr/sbin/losetup", "usr/sbin/swapon", "usr/sbin/swapoff", "usr/bin/resolvectl", "usr/bin/networkctl", "usr/bin/systemd-run", "usr/sbin/tune2fs", "usr/sbin/resize2fs", "usr/lib/systemd/systemd-sleep", "usr/lib/systemd/systemd-network-generator", "usr/lib/systemd/systemd-networkd-wait-online", "usr/lib/systemd/systemd-backlight", "usr/lib/systemd/systemd-rfkill", "usr/lib/systemd/systemd-socket-proxyd", "usr/lib/systemd/systemd-user-runtime-dir", "usr/share/dbus-1", "usr/bin/systemd-escape", "usr/bin/systemd-machine-id-setup", "usr/bin/systemd-repart",
	"usr/bin/systemd-dissect", "usr/bin/localectl", "usr/bin/loginctl", "usr/bin/hostnamectl", "usr/bin/portablectl",
	"usr/bin/bootctl", "usr/bin/kernel-install", "usr/bin/varlinkctl", "usr/bin/busctl", "usr/bin/run0",
	"usr/bin/importctl", "usr/bin/timedatectl", "usr/lib/systemd/systemd-importd", "usr/lib/systemd/systemd-homed",
	"usr/lib/systemd/systemd-localed", "usr/lib/systemd/systemd-logind", "usr/lib/systemd/systemd-portabled",
	"usr/lib/systemd/systemd-pcrlock", "usr/lib/systemd/systemd-bsod", "usr/lib/systemd/systemd-growfs",
	"usr/lib/systemd/systemd-makefs", "usr/lib/systemd/systemd-bless-boot", "usr/lib/systemd/systemd-nsresourced",
	"usr/lib/systemd/systemd-measure", "usr/lib/systemd/systemd-storagetm", "usr/lib/systemd/systemd-update-done",
	"usr/lib/systemd/systemd-hostnamed", "usr/lib/systemd/systemd-timedated", "usr/lib/systemd/systemd-vconsole-setup",
	"usr/lib/systemd/systemd-pcrextend", "usr/lib/systemd/systemd-tpm2-setup", "usr/lib/systemd/systemd-quotacheck",
	"usr/lib/systemd/systemd-battery-check", "usr/lib/systemd/systemd-hibernate-resume", "usr/lib/systemd/systemd-initctl",
	"usr/lib/systemd/systemd-keyutil", "usr/lib/systemd/systemd-sbsign", "usr/lib/systemd/systemd-ssh-proxy",
	"usr/lib/systemd/boot", "usr/lib/systemd/user", "usr/lib/systemd/user-preset", "usr/lib/systemd/user-generators",
	"usr/lib/kernel", "usr/share/factory", "etc/systemd/user", "usr/lib/systemd/network", "usr/lib/pcrlock.d",
	"usr/lib/systemd/repart", "usr/share/dbus-1/interfaces", "usr/lib/systemd/system-generators",
	"usr/sbin/e2scrub", "usr/sbin/e2scrub_all", "usr/sbin/debugfs", "usr/sbin/dumpe2fs", "usr/sbin/e2image",
	"usr/sbin/e4crypt", "usr/sbin/e2freefrag", "usr/sbin/e4defrag", "usr/sbin/badblocks", "usr/sbin/filefrag",
	"usr/bin/chattr", "usr/bin/lsattr", "usr/sbin/mklost+found", "usr/sbin/e2undo", "usr/sbin/e2label",
	"usr/bin/udevadm.distrib", "usr/share/mime", "usr/sbin/logsave", "usr/lib/udev/scsi_id", "usr/lib/udev/mtd_probe",
	"usr/lib/udev/v4l_id", "usr/lib/udev/dmi_memory_id", "usr/lib/udev/cdrom_id", "usr/lib/udev/ata_id", "usr/lib/udev/fido_id",
	"usr/lib/udev/iocost", "usr/lib/udev/rules.d/60-cdrom_id.rules", "usr/lib/udev/rules.d/60-fido-id.rules",
	"usr/lib/udev/rules.d/60-persistent-v4l.rules", "usr/lib/udev/rules.d/70-camera.rules", "usr/lib/udev/rules.d/70-joystick.rules",
	"usr/lib/udev/rules.d/70-touchpad.rules", "usr/lib/udev/rules.d/70-mouse.rules", "usr/lib/udev/rules.d/60-sensor.rules",
	"usr/lib/udev/rules.d/60-persistent-alsa.rules", "usr/lib/udev/rules.d/78-sound-card.rules",
	"usr/lib/udev/rules.d/60-evdev.rules", "usr/lib/udev/rules.d/60-infiniband.rules", "usr/lib/udev/rules.d/60-autosuspend.rules",
	"usr/lib/udev/rules.d/70-memory.rules", "usr/lib/udev/rules.d/70-power-switch.rules", "usr/lib/udev/rules.d/73-seat-late.rules",
	"usr/lib/udev/rules.d/71-seat.rules", "usr/lib/udev/rules.d/70-uaccess.rules", "usr/lib/udev/rules.d/75-probe_mtd.rules",
	"usr/lib/udev/rules.d/60-dmi-id.rules", "usr/lib/udev/rules.d/60-persistent-input.rules",
	"usr/lib/udev/rules.d/60-persistent-storage-tape.rules", "usr/lib/udev/rules.d/60-persistent-storage-mtd.rules",
	"usr/lib/udev/rules.d/96-e2scrub.rules", "usr/lib/udev/rules.d/80-debian-compat.rules",
	// programs of idle units
	"usr/lib/systemd/systemd-binfmt", "usr/lib/systemd/systemd-boot-check-no-failures", "usr/lib/systemd/systemd-modules-load",
	"usr/lib/systemd/systemd-pstore", "usr/lib/systemd/systemd-random-seed", "usr/lib/systemd/systemd-remount-fs",
	"usr/lib/systemd/systemd-reply-password", "usr/lib/systemd/systemd-sulogin-shell", "usr/lib/systemd/systemd-sysroot-fstab-check",
	"usr/lib/systemd/systemd-sysv-install", "usr/lib/systemd/systemd-time-wait-sync", "usr/lib/systemd/systemd-user-sessions",
	"usr/lib/systemd/systemd-volatile-root", "usr/lib/systemd/systemd-xdg-autostart-condition",
	"usr/lib/systemd/user-environment-generators", "usr/lib/x86_64-linux-gnu/engines-3",
	// of the time zones: their source, leap seconds, further tables, and in older releases two more copies of all
	"usr/share/zoneinfo/tzdata.zi", "usr/share/zoneinfo/leapseconds", "usr/share/zoneinfo/leap-seconds.list",
	"usr/share/zoneinfo/zone1970.tab", "usr/share/zoneinfo/zonenow.tab", "usr/share/zoneinfo/localtime",
	"usr/share/zoneinfo/posixrules", "usr/share/zoneinfo/posix", "usr/share/zoneinfo/right",
}

// paringTables is all of the above, for keys.
func paringTables() []any {
	return []any{notInOS, notInLayers, unwantedPaths, unwantedInOS, openedAtRunTime}
}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// ownership tells which package a path belongs to.
type ownership map[string]string

// packageOwners reads dpkg's file lists out of an unpared tree.
func packageOwners(t *rootfs.Tree) (ownership, error) {
	owners := ownership{}
	for _, name := range t.Paths() {
		if path.Dir(name) != "var/lib/dpkg/info" || path.Ext(name) != ".list" {
			continue
		}
		pkg, _, _ := strings.Cut(strings.TrimSuffix(path.Base(name), ".list"), ":")
		content, err := t.Get(name).Bytes()
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(content)) {
			owners.claim(t, merged(strings.TrimSpace(line)), pkg)
		}
	}
	return owners, nil
}

// claim records the owner of a file or link; folders are shared by many.
func (o ownership) claim(t *rootfs.Tree, name, pkg string) {
	if e := t.Get(name); e != nil && !e.Mode.IsDir() {
		o[name] = pkg
	}
}

// merged turns a path of a package's list into where it lies in a system
// whose /bin, /sbin and /lib are links into /usr.
func merged(name string) string {
	name = strings.TrimPrefix(path.Clean(name), "/")
	for _, top := range []string{"bin/", "sbin/", "lib/", "lib32/", "lib64/"} {
		if strings.HasPrefix(name, top) {
			return "usr/" + name
		}
	}
	return name
}

// pareOS drops from the distribution's tree what the operating system image
// does without; keep names packages that stay all the same.
func pareOS(t *rootfs.Tree, keep []string) (*rootfs.Tree, error) {
	owners, err := packageOwners(t)
	if err != nil {
		return nil, err
	}
	kept := set(keep...)
	return t.Filter(func(name string, e *rootfs.Entry) bool {
		owner := owners[name]
		if notInOS[owner] && !kept[owner] || unwanted(name, e) {
			return false
		}
		return kept[owner] || !below(name, unwantedInOS)
	}), nil
}

// pareLayer returns what a service's packages add to or change in the tree
// under them. The first such layer also brings back what the operating system
// image left out of the base and their programs may call.
func pareLayer(tree, under, base *rootfs.Tree, keep []string) (*rootfs.Tree, error) {
	owners, err := packageOwners(tree)
	if err != nil {
		return nil, err
	}
	kept := set(keep...)
	if tree.Get("usr/share/perl") != nil { // the package perl, which perl-base alone does not bring
		kept["perl-base"] = true
	}
	usable := tree.Filter(func(name string, e *rootfs.Entry) bool {
		owner := owners[name]
		return (!notInLayers[owner] || kept[owner]) && !unwanted(name, e)
	})
	layer, err := usable.Minus(under)
	if err != nil || under != base {
		return layer, err
	}
	os, err := osTree(base, keep)
	if err != nil {
		return nil, err
	}
	layer.Overlay(usable.Filter(func(name string, e *rootfs.Entry) bool {
		return os.Get(name) == nil && !e.Mode.IsDir() && (notInOS[owners[name]] || isLibrary(name))
	}))
	return layer, nil
}

// osTree is the base as the operating system image holds it.
func osTree(base *rootfs.Tree, keep []string) (*rootfs.Tree, error) {
	pared, err := pareOS(base, keep)
	if err != nil {
		return nil, err
	}
	return pruneLibraries(withoutIdleUnits(pared))
}

// unwanted says whether a path is left out of every image. Folders of logs
// stay: services expect theirs.
func unwanted(name string, e *rootfs.Entry) bool {
	if below(name, []string{"var/log"}) {
		return !e.Mode.IsDir()
	}
	return below(name, unwantedPaths)
}

// below says whether name is one of the paths or lies below one.
func below(name string, paths []string) bool {
	for _, p := range paths {
		if name == p || strings.HasPrefix(name, p) && name[len(p)] == '/' {
			return true
		}
	}
	return false
}
