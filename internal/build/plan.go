package build

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/pipeline"
)

// epoch is the time of everything in an image: the release date of Debian 13.
// Not the time of the build, so that the same inputs give the same bytes.
var epoch = time.Date(2025, 8, 9, 0, 0, 0, 0, time.UTC)

// Env is what a plan depends on besides the definition.
type Env struct {
	// Dir is the definition's folder.
	Dir string
	// Agent and Init are the programs ingotd and ingot-init.
	Agent, Init string
	// MirrorState is a digest of the package mirror's index, see [MirrorState].
	// A new one rebuilds what was made of packages.
	MirrorState string
}

// Formats are the image formats, in the order in which help lists them.
var Formats = []string{"ova", "qcow2", "raw"}

// NewPlan makes the plan that yields the given formats. It reads the files
// that the definition names, for their digests, and changes nothing.
func NewPlan(def *appliance.Definition, env Env, formats []string) (*pipeline.Plan, error) {
	b := &planner{def: def, env: env}
	b.bootFiles()
	b.base()
	b.operatingSystem()
	for _, svc := range def.Services {
		b.service(svc)
	}
	b.initrd()
	b.slot()
	b.sbom()
	b.esp()
	b.systemDisk()
	for _, format := range formats {
		if err := b.format(format); err != nil {
			return nil, err
		}
	}
	return &pipeline.Plan{Name: strings.TrimSuffix(def.Name+"-"+def.Variant, "-"), Stages: b.stages}, b.err
}

// FormatStage names the stage and the artifact that hold a format's file.
func FormatStage(format string) (stage, artifact string) {
	switch format {
	case "raw":
		return "system-disk", "system.raw"
	default:
		return format, "image." + format
	}
}

// planner collects stages; the first error stays.
type planner struct {
	def    *appliance.Definition
	env    Env
	stages []pipeline.Stage
	err    error

	images   []string // stages that yield an image, the operating system first
	lastTree string   // stage of the fullest tree of packages so far
}

func (b *planner) add(s pipeline.Stage) { b.stages = append(b.stages, s) }

// file digests a host file or folder that a stage reads.
func (b *planner) file(name, path string) pipeline.FileInput {
	digest, err := pipeline.DigestPath(path)
	if err != nil && b.err == nil {
		b.err = err
	}
	return pipeline.FileInput{Name: name, Path: path, Digest: digest}
}

func (b *planner) packageInputs(more map[string]string) map[string]string {
	in := map[string]string{
		"release":      b.def.Base.Release,
		"architecture": b.def.Base.Architecture,
		"mirror":       b.def.Base.Mirror,
		"mirror-state": b.env.MirrorState,
	}
	for k, v := range more {
		in[k] = v
	}
	return in
}

func (b *planner) bootFiles() {
	b.add(pipeline.Stage{
		Name: "boot-files", Kind: "boot-files",
		Inputs: b.packageInputs(map[string]string{
			"packages":       words(bootPackages),
			"modules":        words(osModules),
			"initrd-modules": words(initrdModules),
			"initrd-only":    words(initrdOnly),
			"grub-modules":   words(grubModules),
		}),
		Outputs: []string{"vmlinuz", "modules.tar", "initrd-modules.tar", "boot.img", "core.img", "shim.efi", "grub.efi"},
	})
}

func (b *planner) base() {
	b.add(pipeline.Stage{
		Name: "base", Kind: "base",
		Inputs: b.packageInputs(map[string]string{
			"packages": words(slices.Concat(basePackages, b.def.Base.Packages)),
		}),
		Outputs: []string{"base.tar"},
	})
	b.lastTree = "base"
}

func (b *planner) operatingSystem() {
	b.add(pipeline.Stage{
		Name: "os", Kind: "os",
		Inputs: map[string]string{
			"keep":   words(b.def.Keep()),
			"recipe": osRecipe(),
		},
		Files:   []pipeline.FileInput{b.file("ingotd", b.env.Agent)},
		Needs:   []string{"boot-files", "base"},
		Outputs: []string{"os.erofs.zst", "image.json", "blame.json"},
	})
	b.images = append(b.images, "os")
}

// service plans a service's image; one made of packages is a layer over the
// packages of those before it.
func (b *planner) service(svc appliance.Service) {
	name := "app-" + svc.Name
	stage := pipeline.Stage{
		Name: name, Kind: "app",
		Inputs:  map[string]string{"name": name},
		Outputs: []string{name + ".erofs.zst", "image.json", "blame.json"},
	}
	switch {
	case svc.Binary != "":
		stage.Inputs["binary"] = filepath.Base(svc.Binary)
		stage.Files = []pipeline.FileInput{b.file("binary", filepath.Join(b.env.Dir, svc.Binary))}
	case svc.Files != "":
		stage.Files = []pipeline.FileInput{b.file("files", filepath.Join(b.env.Dir, svc.Files))}
	}
	if len(svc.Packages) > 0 {
		tree := "tree-" + svc.Name
		b.add(pipeline.Stage{
			Name: tree, Kind: "tree",
			Inputs:  b.packageInputs(map[string]string{"packages": words(svc.Packages), "under": b.lastTree}),
			Needs:   []string{b.lastTree},
			Outputs: []string{"tree.tar"},
		})
		stage.Kind = "layer"
		stage.Inputs["keep"], stage.Inputs["paring"] = words(b.def.Keep()), digestOf(idleUnits, paringTables())
		stage.Inputs["tree"], stage.Inputs["under"] = tree, b.lastTree
		stage.Needs = []string{tree, "base"}
		if b.lastTree != "base" {
			stage.Needs = append(stage.Needs, b.lastTree)
		}
		b.lastTree = tree
	}
	b.add(stage)
	b.images = append(b.images, name)
}

func (b *planner) initrd() {
	b.add(pipeline.Stage{
		Name: "initrd-base", Kind: "initrd-base",
		Files:   []pipeline.FileInput{b.file("ingot-init", b.env.Init)},
		Needs:   []string{"boot-files"},
		Outputs: []string{"initrd-base"},
	})
	description, err := bootTemplate(b.def, b.env.Dir, stateTime(b.env.MirrorState))
	if err != nil && b.err == nil {
		b.err = err
	}
	boot, err := json.Marshal(description)
	if err != nil && b.err == nil {
		b.err = err
	}
	b.add(pipeline.Stage{
		Name: "initrd", Kind: "initrd",
		Inputs:  map[string]string{"boot": string(boot), "images": words(b.images)},
		Needs:   slices.Concat([]string{"initrd-base"}, b.images),
		Outputs: []string{"initrd"},
	})
}

func (b *planner) slot() {
	identity, err := json.Marshal(manifestTemplate(b.def))
	if err != nil && b.err == nil {
		b.err = err
	}
	b.add(pipeline.Stage{
		Name: "slot", Kind: "slot",
		Inputs:  map[string]string{"manifest": string(identity), "images": words(b.images)},
		Needs:   slices.Concat([]string{"boot-files", "initrd"}, b.images),
		Outputs: []string{"manifest.json"},
	})
}

func (b *planner) esp() {
	b.add(pipeline.Stage{
		Name: "esp", Kind: "esp",
		Inputs: map[string]string{
			"title": b.def.Title, "slot": b.def.Version, "config": grubConfig, "volume-id": b.id("esp")[:8],
		},
		Needs:   []string{"boot-files"},
		Outputs: []string{"esp.img"},
	})
}

func (b *planner) systemDisk() {
	b.add(pipeline.Stage{
		Name: "system-disk", Kind: "system-disk",
		Inputs: map[string]string{
			"slot":       b.def.Version,
			"size":       strconv.FormatInt(int64(b.def.Hardware.Disks.System), 10),
			"disk-id":    b.id("disk"),
			"bios-id":    b.id("bios"),
			"esp-id":     b.id("esp"),
			"system-id":  b.id("system"),
			"ext4-id":    b.id("ext4"),
			"images":     words(b.images),
			"filesystem": words(mke2fsOptions),
		},
		Needs:   slices.Concat([]string{"boot-files", "initrd", "slot", "esp"}, b.images),
		Outputs: []string{"system.raw"},
	})
}

func (b *planner) format(format string) error {
	switch format {
	case "raw":
		return nil
	case "qcow2":
		b.add(pipeline.Stage{
			Name: "qcow2", Kind: "qcow2", Needs: []string{"system-disk"}, Outputs: []string{"image.qcow2"},
		})
	case "ova":
		b.ova()
	default:
		return fmt.Errorf("unknown format %q: known are %s", format, strings.Join(Formats, ", "))
	}
	return nil
}

// id derives a UUID from the appliance's identity, so that the same
// definition gives the same disk and another one does not.
func (b *planner) id(purpose string) string {
	sum := sha256.Sum256([]byte("ingot\x00" + b.def.Name + "\x00" + b.def.Version + "\x00" + b.def.Variant + "\x00" + purpose))
	sum[6] = sum[6]&0x0f | 0x80 // version 8: by the maker's own rule (RFC 9562)
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func words(list []string) string { return strings.Join(list, " ") }

// digestOf digests tables of strings.
func digestOf(tables ...any) string {
	data, _ := json.Marshal(tables) // strings always marshal, and maps with sorted keys
	return fmt.Sprintf("%x", sha256.Sum256(data))
}
