// Command bench measures what Ingot promises, mostly on the example hello, and
// prints a table with the goal beside. It wants the programs in bin/ and the
// machine to itself; run it with `make bench`. Arguments are the names of the
// parts to measure, all by default.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/host"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is one line of the table.
type row struct{ figure, measured, goal string }

func run(ctx context.Context, names []string) error {
	dir, err := os.MkdirTemp("", "ingot-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir}
	if err := b.prepare(); err != nil {
		return err
	}
	for _, p := range parts(names) {
		if err := p.measure(b, ctx); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", p.name, err), b.print())
		}
	}
	return b.print()
}

// part is some figures that are measured together.
type part struct {
	name    string
	measure func(*bench, context.Context) error
}

// parts are those with the given names, or all.
func parts(names []string) []part {
	all := []part{
		{"builds", (*bench).builds},
		{"boots", (*bench).boots},
		{"smallest", (*bench).smallest},
		{"wizard", (*bench).wizard},
		{"healthy", (*bench).healthy},
		{"day", (*bench).day},
		{"door", (*bench).door},
		{"programs", (*bench).programs},
		{"inside", (*bench).inside},
		{"updates", (*bench).updates},
	}
	if len(names) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(p part) bool { return !slices.Contains(names, p.name) })
}

type bench struct {
	dir  string
	rows []row
	said bool // with what boots are measured
}

func (b *bench) add(figure, measured, goal string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", figure, measured)
	b.rows = append(b.rows, row{figure, measured, goal})
}

// prepare copies the example, so that its application can be changed.
func (b *bench) prepare() error {
	return os.CopyFS(filepath.Join(b.dir, "hello"), os.DirFS("examples/hello"))
}

// build runs ingot build and returns how long it took by the clock and, as
// ingot says, how many stages ran.
func (b *bench) build(ctx context.Context, formats string) (time.Duration, int, error) {
	var out bytes.Buffer
	started := time.Now()
	err := host.Local{}.Run(ctx, host.Command{
		Name: "bin/ingot", Stdout: &out,
		Args: []string{"build", filepath.Join(b.dir, "hello"), "--json", "--quiet", "--format", formats,
			"--cache", filepath.Join(b.dir, "cache"), "--out", filepath.Join(b.dir, "out")},
	})
	took := time.Since(started)
	if err != nil {
		return 0, 0, err
	}
	var report struct {
		Stages []struct{ State string }
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		return 0, 0, err
	}
	ran := 0
	for _, s := range report.Stages {
		if s.State == "ran" {
			ran++
		}
	}
	return took, ran, nil
}

// compile makes the application beforehand: what is measured is ingot, not
// the compiler.
func (b *bench) compile(ctx context.Context) error {
	return host.Local{}.Run(ctx, host.Command{
		Name: "go", Dir: "examples/hello", Env: []string{"CGO_ENABLED=0"},
		Args: []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w",
			"-o", filepath.Join(b.dir, "hello", "bin", "hello"), "."},
	})
}

func (b *bench) builds(ctx context.Context) error {
	definition := filepath.Join(b.dir, "hello", "appliance.yaml")
	text, err := os.ReadFile(definition)
	if err != nil {
		return err
	}
	var kept []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "build:") {
			kept = append(kept, line)
		}
	}
	if err := os.WriteFile(definition, []byte(strings.Join(kept, "")), 0o644); err != nil {
		return err
	}
	if err := b.compile(ctx); err != nil {
		return err
	}
	for _, m := range []struct{ figure, mark, goal string }{
		{"cold build, empty cache, to an OVA", "", "≤ 42 s (half of the peer's 84 s)"},
		{"nothing changed", "", ""},
		{"application changed, to an OVA", "second", "≤ 3 s"},
	} {
		if m.mark != "" {
			// A comment at the end of an ELF file is ignored by the loader and
			// changes the input.
			if err := appendTo(filepath.Join(b.dir, "hello", "bin", "hello"), m.mark); err != nil {
				return err
			}
		}
		took, ran, err := b.build(ctx, "ova")
		if err != nil {
			return err
		}
		b.add(m.figure, fmt.Sprintf("%.1f s, %d stages ran", took.Seconds(), ran), m.goal)
	}
	if _, _, err := b.build(ctx, "ova,raw"); err != nil {
		return err
	}
	ova, err := filepath.Glob(filepath.Join(b.dir, "out", "*.ova"))
	if err != nil || len(ova) != 1 {
		return fmt.Errorf("build left %v: %v", ova, err)
	}
	info, err := os.Stat(ova[0])
	if err != nil {
		return err
	}
	b.add("OVA of hello", megabytes(info.Size()), "≤ 36 MB")
	return b.blame(ctx)
}

func appendTo(file, text string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// blame says where the bytes are.
func (b *bench) blame(ctx context.Context) error {
	manifests, err := filepath.Glob(filepath.Join(b.dir, "cache", "objects", "*", "*", "manifest.json"))
	if err != nil || len(manifests) == 0 {
		return fmt.Errorf("no manifest in the cache: %v", err)
	}
	data, err := os.ReadFile(manifests[0])
	if err != nil {
		return err
	}
	var manifest struct {
		Files []struct {
			Name string
			Size int64
		}
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return err
	}
	for _, f := range manifest.Files {
		b.add("  of which "+f.Name, megabytes(f.Size), "")
	}
	return ctx.Err()
}

func (b *bench) programs(context.Context) error {
	for _, p := range []struct{ name, goal string }{{"ingotd", "≤ 24 MB"}, {"ingot-init", ""}, {"ingot", ""}} {
		info, err := os.Stat(filepath.Join("bin", p.name))
		if err != nil {
			return err
		}
		b.add("bin/"+p.name, megabytes(info.Size()), p.goal)
	}
	return nil
}

// inside prints what takes the room, by package.
func (b *bench) inside(ctx context.Context) error {
	return host.Local{}.Run(ctx, host.Command{
		Name: "bin/ingot", Stdout: os.Stderr, Stderr: os.Stderr,
		Args: []string{"inspect", filepath.Join(b.dir, "hello"), "--top", "12", "--cache", filepath.Join(b.dir, "cache")},
	})
}

func (b *bench) print() error {
	fmt.Printf("%s, %s/%s, %d CPUs\n\n", time.Now().UTC().Format("2006-01-02"), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Print("| figure | measured | goal |\n|---|---|---|\n")
	for _, r := range b.rows {
		fmt.Printf("| %s | %s | %s |\n", r.figure, r.measured, r.goal)
	}
	return nil
}

func megabytes(n int64) string { return fmt.Sprintf("%.2f MB", float64(n)/1e6) }
func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
