package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/pipeline"
	"github.com/ingotvm/ingot/internal/rootfs"
)

// basePackages are in every appliance, besides Debian's essential ones: what
// systemd, the agent and ingot-init use. The kernel is not among them: its
// package is unpacked, never configured.
var basePackages = []string{
	"systemd", "udev", "systemd-resolved", "systemd-timesyncd", "e2fsprogs", "kmod", "tzdata",
}

// distribution runs mmdebstrap, which makes a Debian tree as an ordinary user
// in a user namespace.
type distribution struct {
	run  host.Runner
	job  *pipeline.Job
	args []string
	// out receives the tree as a tar.
	out string
}

func (m makers) debian(job *pipeline.Job, variant, out string) *distribution {
	return &distribution{run: m.run, job: job, out: out, args: []string{
		"--variant=" + variant,
		"--architectures=" + job.Input("architecture"),
		"--format=tar",
		"--aptopt=Acquire::Retries \"2\"",
		"--aptopt=Acquire::http::Timeout \"20\"",
		"--aptopt=APT::Install-Recommends \"false\"",
		"--dpkgopt=force-unsafe-io",
		"--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
	}}
}

func (d *distribution) include(packages string) {
	if packages != "" {
		d.args = append(d.args, "--include="+strings.ReplaceAll(packages, " ", ","))
	}
}

// hook adds a step run as the namespace's root; "$1" is the tree.
func (d *distribution) hook(kind, script string) {
	d.args = append(d.args, "--"+kind+"-hook="+script)
}

func (d *distribution) make(ctx context.Context) error {
	args := append(d.args, d.job.Input("release"), d.out)
	args = append(args, sources(d.job.Input("release"), d.job.Input("mirror"))...)
	said := &ending{next: d.job.Log}
	fmt.Fprintf(d.job.Log, "+ mmdebstrap %s\n", strings.Join(args, " "))
	err := d.run.Run(ctx, host.Command{
		Name: "mmdebstrap", Args: args,
		Env:    []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(epoch.Unix(), 10), "LC_ALL=C.UTF-8", "TMPDIR=" + os.TempDir()},
		Stdout: said, Stderr: said,
	})
	if err != nil {
		return explainDebian(said.text, d.job.Input("mirror"), err)
	}
	return trimTar(d.out)
}

// trimTar cuts off the padding behind an archive's end mark. mmdebstrap's
// tar-in feeds a later tar through a pipe, and dies of SIGPIPE when that one
// stops reading at the mark.
func trimTar(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	end, err := rootfs.TarEnd(f, info.Size())
	if err != nil {
		return err
	}
	return f.Truncate(end)
}

// sources are the lines of sources.list: the release, its updates and its
// security fixes, from the mirror and the security archive beside it.
func sources(release, mirror string) []string {
	security := strings.TrimSuffix(mirror, "/") + "-security"
	return []string{
		fmt.Sprintf("deb %s %s main", mirror, release),
		fmt.Sprintf("deb %s %s-updates main", mirror, release),
		fmt.Sprintf("deb %s %s-security main", security, release),
	}
}

// ending passes on what a program says and keeps the last of it.
type ending struct {
	next io.Writer
	text string
}

func (e *ending) Write(p []byte) (int, error) {
	e.text += string(p)
	if over := len(e.text) - 16<<10; over > 0 {
		e.text = e.text[over:]
	}
	return e.next.Write(p)
}

// explainDebian finds in apt's words what the user can mend.
func explainDebian(said, mirror string, err error) error {
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		switch {
		case strings.Contains(line, "Unable to locate package"):
			pkg := line[strings.LastIndex(line, " ")+1:]
			return &Error{Kind: KindDefinition,
				Message: fmt.Sprintf("there is no package %s in this release", pkg),
				Hint:    "correct the name in base.packages or in the service's packages", Err: err}
		case strings.Contains(line, "has no installation candidate"):
			return &Error{Kind: KindDefinition, Message: strings.TrimPrefix(line, "E: "),
				Hint: "correct the name in base.packages or in the service's packages", Err: err}
		case strings.Contains(line, "No space left on device"):
			return &Error{Kind: KindSpace, Message: "no space left while the packages were unpacked",
				Hint: "make room in " + os.TempDir() + " and in the cache (ingot cache trim)", Err: err}
		}
	}
	for _, sign := range []string{
		"Could not resolve", "Temporary failure resolving", "Unable to connect", "Could not connect",
		"Connection failed", "Connection timed out", "Failed to fetch", "does not have a Release file",
		"Hash Sum mismatch", "is not signed", "Clearsigned file isn't valid", "NO_PUBKEY", "connection timed out",
		"Bad header line", "The following signatures", "404  Not Found",
	} {
		if strings.Contains(said, sign) {
			return &Error{Kind: KindMirror, Message: "the package mirror " + mirror + " did not answer with packages that can be trusted",
				Hint: "check the network and base.mirror, then build again; what was built before is kept", Err: err}
		}
	}
	return fmt.Errorf("cannot make the distribution's tree: %w", err)
}

// base makes the distribution's tree. No apt in it: mmdebstrap's own, from
// outside, installs the packages.
func (m makers) base(ctx context.Context, job *pipeline.Job) error {
	d := m.debian(job, "essential", job.Output("base.tar"))
	d.include(job.Input("packages"))
	return d.make(ctx)
}

// tree adds a service's packages to a tree made before.
func (m makers) tree(ctx context.Context, job *pipeline.Job) error {
	under := job.Artifact(job.Input("under"), treeArtifact(job.Input("under")))
	d := m.debian(job, "custom", job.Output("tree.tar"))
	d.args = append(d.args, "--skip=essential")
	d.hook("setup", "tar-in "+shellQuote(under)+" /")
	d.hook("customize", `APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" DEBIAN_FRONTEND=noninteractive `+
		`apt-get --yes --option=DPkg::Chroot-Directory="$1" install -- `+job.Input("packages"))
	return d.make(ctx)
}

func treeArtifact(stage string) string {
	if stage == "base" {
		return "base.tar"
	}
	return "tree.tar"
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
