package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/build"
	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/disk/vmdk"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/internal/ovf"
	"github.com/ingotvm/ingot/internal/pipeline"
)

type inspectOptions struct {
	variant string
	top     int
	json    bool
}

func newInspect(a *app) *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect [DIR|FILE]",
		Short: "Show what is in an image, or where its bytes are",
		Long: `Of an image (OVA, VMDK, qcow2, raw): the virtual machine that it describes, its
files, its disk's partitions. An OVA is read whole and compared with its manifest.

Of a definition that was built: its files by size, and what in the images takes
the most room, before compression.`,
		Example: `  ingot inspect out/myapp-1.0.0.ova
  ingot inspect myapp --top 40`,
		Args: maxOneArg("folder or file"),
		RunE: func(cmd *cobra.Command, args []string) error { return runInspect(cmd.Context(), a, o, args) },
	}
	variantFlag(cmd, &o.variant)
	cmd.Flags().IntVar(&o.top, "top", 20, "how many of the largest contents to list")
	jsonFlag(cmd, &o.json)
	return cmd
}

func runInspect(ctx context.Context, a *app, o inspectOptions, args []string) error {
	if len(args) > 0 && isImage(args[0]) {
		return inspectImage(a, args[0], o.json)
	}
	return inspectBuild(ctx, a, o, args)
}

// imageReport is what --json prints of an image.
type imageReport struct {
	Path   string            `json:"path"`
	Bytes  int64             `json:"bytes"`
	Format hypervisor.Format `json:"format"`
	// Machine and Files are an OVA's.
	Machine *ovf.Descriptor `json:"machine,omitempty"`
	Files   []ovf.File      `json:"files,omitempty"`
	// Verified: the files were compared with the manifest.
	Verified bool `json:"verified"`
	// Capacity of the (first) disk in bytes, 0 when not known.
	Capacity   int64             `json:"capacity,omitempty"`
	Partitions []partitionReport `json:"partitions,omitempty"`
}

type partitionReport struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	ID     string `json:"id"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
}

func inspectImage(a *app, path string, asJSON bool) error {
	report, err := examineImage(path)
	if err != nil {
		return err
	}
	if asJSON {
		return a.ui.json(report)
	}
	a.ui.printf("%s: %s, %s\n", path, report.Format, size(report.Bytes))
	if m := report.Machine; m != nil {
		a.ui.printf("\n%s %s%s\n", m.Title, m.Version, by(m.Vendor))
		printRows(a.ui, [][]string{
			{"  processors", fmt.Sprint(m.CPUs)},
			{"  memory", fmt.Sprintf("%s, at least %s", size(int64(m.MemoryMiB)<<20), size(int64(m.MinimumMemoryMiB)<<20))},
			{"  hardware", fmt.Sprintf("%s, %s, %s", m.HardwareVersion, m.GuestID, m.Firmware)},
		})
		var rows [][]string
		for i, d := range m.Disks {
			rows = append(rows, []string{fmt.Sprintf("  disk %d", i+1), size(d.Capacity), cmp.Or(d.File, "empty")})
		}
		for _, n := range m.Networks {
			rows = append(rows, []string{"  network", n.Name, n.Description})
		}
		for _, e := range m.EULAs {
			rows = append(rows, []string{"  licence", e.Language, size(int64(len(e.Text)))})
		}
		printRows(a.ui, rows)
		verified := "compared with the manifest"
		if !report.Verified {
			verified = "there is no manifest to compare with"
		}
		a.ui.printf("\nfiles, %s\n", verified)
		rows = nil
		for _, f := range report.Files {
			rows = append(rows, []string{"  " + f.Name, size(f.Size)})
		}
		printRows(a.ui, rows)
	}
	if report.Capacity > 0 {
		a.ui.printf("\ndisk of %s\n", size(report.Capacity))
		var rows [][]string
		for _, p := range report.Partitions {
			rows = append(rows, []string{fmt.Sprintf("  %d", p.Number), p.Name, size(p.Bytes), "at " + size(p.Offset), p.ID})
		}
		printRows(a.ui, rows)
	}
	return nil
}

func by(vendor string) string {
	if vendor == "" {
		return ""
	}
	return " by " + vendor
}

func printRows(u *ui, rows [][]string) {
	for _, line := range table(rows) {
		u.printf("%s\n", line)
	}
}

func examineImage(path string) (imageReport, error) {
	image, err := hypervisor.OpenDisk(path)
	if err != nil {
		return imageReport{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return imageReport{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return imageReport{}, err
	}
	report := imageReport{Path: path, Bytes: info.Size(), Format: image.Format}
	content := io.NewSectionReader(f, image.Offset, cmp.Or(image.Length, info.Size()-image.Offset))
	if image.Offset > 0 {
		report.Format = "ova"
		ova, err := ovf.ReadOVA(f, nil)
		if err != nil {
			return report, fmt.Errorf("%s: %w", path, err)
		}
		report.Machine, report.Files, report.Verified = &ova.Descriptor, ova.Files, ova.Manifest != nil
	}
	switch image.Format {
	case hypervisor.VMDK:
		d, err := vmdk.Open(content, content.Size())
		if err != nil {
			return report, fmt.Errorf("%s: %w", path, err)
		}
		return report, report.partitions(d, d.Size())
	case hypervisor.Raw:
		return report, report.partitions(content, content.Size())
	case hypervisor.QCOW2:
		report.Capacity, err = qcow2Capacity(content)
		return report, err
	}
	return report, nil
}

// qcow2Capacity reads the size field of the header: docs/interop/qcow2.txt, bytes 24 to 31.
func qcow2Capacity(r io.ReaderAt) (int64, error) {
	var field [8]byte
	if _, err := r.ReadAt(field[:], 24); err != nil {
		return 0, fmt.Errorf("cannot read qcow2 header: %w", err)
	}
	return int64(binary.BigEndian.Uint64(field[:])), nil
}

func (r *imageReport) partitions(d io.ReaderAt, capacity int64) error {
	r.Capacity = capacity
	gpt, err := disk.ReadGPT(d, capacity)
	if errors.Is(err, disk.ErrNoGPT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.Path, err)
	}
	sector := cmp.Or(gpt.SectorSize, 512)
	for _, p := range gpt.Partitions {
		r.Partitions = append(r.Partitions, partitionReport{
			Number: p.Number, Name: p.Name, ID: string(p.GUID), Offset: p.FirstLBA * sector, Bytes: p.Sectors() * sector,
		})
	}
	return nil
}

// bytesReport is what --json prints of a definition: where the bytes of a built definition are.
type bytesReport struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Artifacts are those of the last build that the cache still has, by stage.
	Artifacts []artifactBytes `json:"artifacts"`
	// Contents are the largest contents of the images, before compression.
	Contents []contentBytes `json:"contents"`
}

type artifactBytes struct {
	Stage string `json:"stage"`
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

type contentBytes struct {
	Stage string `json:"stage"`
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

func inspectBuild(ctx context.Context, a *app, o inspectOptions, args []string) error {
	where, err := locate(args)
	if err != nil {
		return err
	}
	def, err := where.load(o.variant)
	if err != nil {
		return err
	}
	cache, err := a.openCache()
	if err != nil {
		return err
	}
	defer cache.Close()
	plan, err := a.makePlan(where, def, build.Formats, "", func() (string, error) { return knownMirrorState(ctx, cache.Dir(), def) })
	if err != nil {
		return err
	}
	keys, err := pipeline.Keys(plan, build.Makers(host.Local{}))
	if err != nil {
		return err
	}
	report := bytesReport{Name: def.Name, Version: def.Version, Artifacts: []artifactBytes{}, Contents: []contentBytes{}}
	for _, s := range plan.Stages {
		found, err := cache.Artifacts(ctx, keys[s.Name])
		if err != nil {
			continue // not built, or trimmed away
		}
		for _, name := range s.Outputs {
			if name == "blame.json" {
				report.Contents = append(report.Contents, readBlame(s.Name, found[name].Path)...)
			} else if !strings.HasSuffix(name, ".json") {
				report.Artifacts = append(report.Artifacts, artifactBytes{s.Name, name, found[name].Bytes})
			}
		}
	}
	if len(report.Artifacts) == 0 {
		return &usageError{message: fmt.Sprintf("%s %s has not been built as it is now", def.Name, def.Version), hint: "run: ingot build " + where.folder}
	}
	slices.SortStableFunc(report.Contents, func(x, y contentBytes) int { return cmp.Compare(y.Bytes, x.Bytes) })
	report.Contents = report.Contents[:min(len(report.Contents), max(0, o.top))]
	if o.json {
		return a.ui.json(report)
	}
	a.ui.printf("files\n")
	var rows [][]string
	for _, f := range report.Artifacts {
		rows = append(rows, []string{"  " + f.Stage, f.Name, size(f.Bytes)})
	}
	printRows(a.ui, rows)
	a.ui.printf("\nlargest contents, before compression\n")
	rows = nil
	for _, c := range report.Contents {
		rows = append(rows, []string{"  " + size(c.Bytes), c.Stage, c.Path})
	}
	printRows(a.ui, rows)
	return nil
}

// readBlame reads what an image stage says of its contents; a file that cannot
// be read says nothing.
func readBlame(stage, path string) []contentBytes {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var sums map[string]int64
	if json.Unmarshal(text, &sums) != nil {
		return nil
	}
	var list []contentBytes
	for name, n := range sums {
		list = append(list, contentBytes{stage, name, n})
	}
	slices.SortFunc(list, func(x, y contentBytes) int { return cmp.Compare(x.Path, y.Path) })
	return list
}
