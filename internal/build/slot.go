package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/pipeline"
	"github.com/ingotvm/ingot/internal/release"
)

func manifestTemplate(def *appliance.Definition) release.Manifest {
	m := release.Manifest{
		Format: 1, Name: def.Name, Title: def.Title, Vendor: def.Vendor, Version: def.Version,
		Variant: def.Variant, Architecture: def.Base.Architecture, Config: setting.Format,
	}
	for _, svc := range def.Services {
		if svc.Data.Any() {
			m.Data = append(m.Data, release.ServiceData{Service: svc.Name, Snapshot: svc.Data.Snapshot, Schema: svc.Data.Schema})
		}
	}
	return m
}

// slotFiles are the files of a slot by name, besides the manifest.
func slotFiles(job *pipeline.Job) map[string]string {
	files := map[string]string{
		"vmlinuz": job.Artifact("boot-files", "vmlinuz"),
		"initrd":  job.Artifact("initrd", "initrd"),
	}
	for _, image := range strings.Fields(job.Input("images")) {
		files[image+".erofs.zst"] = job.Artifact(image, image+".erofs.zst")
	}
	return files
}

// slot writes the manifest over the files that a slot is made of.
func (m makers) slot(ctx context.Context, job *pipeline.Job) error {
	var manifest release.Manifest
	if err := json.Unmarshal([]byte(job.Input("manifest")), &manifest); err != nil {
		return err
	}
	files := slotFiles(job)
	for _, name := range sortedKeys(files) {
		file, err := describeFile(name, files[name])
		if err != nil {
			return err
		}
		manifest.Files = append(manifest.Files, file)
	}
	var err error
	if manifest.Images, err = readImages(job); err != nil {
		return err
	}
	return writeJSON(job.Output("manifest.json"), manifest)
}

// readImages reads what the image stages said of their images, in order.
func readImages(job *pipeline.Job) ([]release.Image, error) {
	var images []release.Image
	for _, stage := range strings.Fields(job.Input("images")) {
		var image release.Image
		if err := readJSON(job.Artifact(stage, "image.json"), &image); err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return images, nil
}

func describeFile(name, path string) (release.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return release.File{}, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err != nil {
		return release.File{}, err
	}
	return release.File{Name: name, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// ReleaseFile is a file of a slot and the artifact that holds it.
type ReleaseFile struct{ Name, Stage, Artifact string }

// ReleaseStages are those after which [ReleaseFiles] are there.
var ReleaseStages = []string{"slot", "sbom"}

// ReleaseFiles are the files of a slot and the list of what is in them: what
// is released.
func ReleaseFiles(def *appliance.Definition) []ReleaseFile {
	files := []ReleaseFile{
		{"manifest.json", "slot", "manifest.json"},
		{"vmlinuz", "boot-files", "vmlinuz"},
		{"initrd", "initrd", "initrd"},
		{"os.erofs.zst", "os", "os.erofs.zst"},
		{SBOM, "sbom", SBOM},
	}
	for _, s := range def.Services {
		stage := "app-" + s.Name
		files = append(files, ReleaseFile{stage + ".erofs.zst", stage, stage + ".erofs.zst"})
	}
	return files
}
