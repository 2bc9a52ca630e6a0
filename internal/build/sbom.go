package build

import (
	"bufio"
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/pipeline"
)

// SBOM is the name of the list of what is inside: SPDX 2.3 as JSON
// (spdx.github.io/spdx-spec/v2.3). It is released beside the images and is not
// in them.
const SBOM = "sbom.spdx.json"

// spdxDocument is what we say of SPDX's document.
type spdxDocument struct {
	Version       string         `json:"spdxVersion"`
	License       string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	Creation      spdxCreation   `json:"creationInfo"`
	Packages      []spdxPackage  `json:"packages"`
	Relationships []spdxRelation `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	ID       string `json:"SPDXID"`
	Name     string `json:"name"`
	Version  string `json:"versionInfo,omitempty"`
	Supplier string `json:"supplier,omitempty"`
	// Download and Analyzed are required; nobody has looked at single files.
	Download string         `json:"downloadLocation"`
	Analyzed bool           `json:"filesAnalyzed"`
	Source   string         `json:"sourceInfo,omitempty"`
	Purpose  string         `json:"primaryPackagePurpose,omitempty"`
	Refs     []spdxExternal `json:"externalRefs,omitempty"`
}

type spdxExternal struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelation struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

// noAssertion is SPDX's word for what nobody says.
const noAssertion = "NOASSERTION"

// sbom writes the list: the Debian packages that have files in the images, the
// kernel, our programs and the services' with the Go modules in them.
func (m makers) sbom(ctx context.Context, job *pipeline.Job) error {
	l := newList(job)
	for _, tree := range strings.Fields(job.Input("trees")) {
		if err := l.debian(job, tree); err != nil {
			return err
		}
	}
	if err := l.kernel(job); err != nil {
		return err
	}
	for _, file := range job.Stage.Files {
		if err := l.program(file.Name, file.Path); err != nil {
			return err
		}
	}
	return writeJSON(job.Output(SBOM), l.document())
}

// list collects packages, each once.
type list struct {
	name, namespace, release string
	packages                 map[string]spdxPackage
	contains                 map[string][]string // by ID of what contains
}

func newList(job *pipeline.Job) *list {
	return &list{
		name: job.Input("name"), namespace: job.Input("namespace"), release: job.Input("release"),
		packages: map[string]spdxPackage{}, contains: map[string][]string{},
	}
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// add enters a package below another; "" is the appliance itself.
func (l *list) add(parent, kind string, p spdxPackage) string {
	p.ID = "SPDXRef-" + kind + "-" + notInID.ReplaceAllString(p.Name+"-"+p.Version, "-")
	p.Download = noAssertion
	l.packages[p.ID] = p
	if !slices.Contains(l.contains[parent], p.ID) {
		l.contains[parent] = append(l.contains[parent], p.ID)
	}
	return p.ID
}

// debian enters the packages of a tree that have files in the image made of it.
func (l *list) debian(job *pipeline.Job, stage string) error {
	image := job.Input("image of " + stage)
	var blame map[string]int64
	if err := readJSON(job.Artifact(image, "blame.json"), &blame); err != nil {
		return err
	}
	tree, closeTree, err := readTree(job.Artifact(stage, treeArtifact(stage)))
	if err != nil {
		return err
	}
	defer closeTree()
	entry := tree.Get("var/lib/dpkg/status")
	if entry == nil {
		return errors.New("there is no list of packages in the tree")
	}
	status, err := entry.Bytes()
	if err != nil {
		return err
	}
	for _, p := range parseStatus(status) {
		if _, ok := blame["package "+p["Package"]]; ok {
			l.add("", "deb", l.debianPackage(p))
		}
	}
	return nil
}

func (l *list) debianPackage(p map[string]string) spdxPackage {
	name, version, arch := p["Package"], p["Version"], p["Architecture"]
	source := p["Source"]
	if source == "" {
		source = name
	}
	purl := fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s&distro=%s", url.PathEscape(name), url.QueryEscape(version), arch, l.release)
	return spdxPackage{
		Name: name, Version: version, Supplier: "Organization: Debian", Source: "built from " + source,
		Refs: []spdxExternal{{"PACKAGE-MANAGER", "purl", purl}},
	}
}

// parseStatus reads the paragraphs of dpkg's list; lines that go on are of no
// use here.
func parseStatus(data []byte) (list []map[string]string) {
	paragraph := map[string]string{}
	flush := func() {
		if paragraph["Package"] != "" {
			list = append(list, paragraph)
		}
		paragraph = map[string]string{}
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			flush()
		} else if key, value, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(line, " ") {
			paragraph[key] = value
		}
	}
	flush()
	return list
}

var kernelFolder = regexp.MustCompile(`^(?:usr/)?lib/modules/([^/]+)/`)

// kernel enters the kernel by the release that its modules are for.
func (l *list) kernel(job *pipeline.Job) error {
	modules, closeModules, err := readTree(job.Artifact("boot-files", "modules.tar"))
	if err != nil {
		return err
	}
	defer closeModules()
	for _, name := range modules.Paths() {
		if m := kernelFolder.FindStringSubmatch(name); m != nil {
			l.add("", "kernel", spdxPackage{Name: "linux", Version: m[1], Supplier: "Organization: Debian", Purpose: "OPERATING-SYSTEM"})
			return nil
		}
	}
	return nil
}

// program enters a program, and what Go says is in it. A folder is entered by
// its name: nobody knows what is in it.
func (l *list) program(name, file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	id := l.add("", "program", spdxPackage{Name: name, Purpose: "APPLICATION"})
	if info.IsDir() {
		return nil
	}
	built, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil // not a Go program
	}
	l.add(id, "go", goModule("stdlib", strings.TrimPrefix(built.GoVersion, "go")))
	for _, d := range built.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		l.add(id, "go", goModule(d.Path, d.Version))
	}
	return nil
}

func goModule(name, version string) spdxPackage {
	return spdxPackage{Name: name, Version: version, Purpose: "LIBRARY",
		Refs: []spdxExternal{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + name + "@" + url.QueryEscape(version)}}}
}

// document is the list, sorted.
func (l *list) document() spdxDocument {
	const self, root = "SPDXRef-DOCUMENT", "SPDXRef-appliance"
	d := spdxDocument{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: self, Name: l.name, Namespace: l.namespace,
		Creation:      spdxCreation{Created: epoch.Format("2006-01-02T15:04:05Z"), Creators: []string{"Tool: ingot"}},
		Packages:      []spdxPackage{{ID: root, Name: l.name, Download: noAssertion, Purpose: "OPERATING-SYSTEM"}},
		Relationships: []spdxRelation{{self, "DESCRIBES", root}},
	}
	for _, id := range sortedKeys(l.packages) {
		d.Packages = append(d.Packages, l.packages[id])
	}
	for _, parent := range sortedKeys(l.contains) {
		from := parent
		if from == "" {
			from = root
		}
		for _, id := range slices.Sorted(slices.Values(l.contains[parent])) {
			d.Relationships = append(d.Relationships, spdxRelation{from, "CONTAINS", id})
		}
	}
	return d
}

// sbom plans the list. It is made only for a release.
func (b *planner) sbom() {
	trees, inputs := []string{"base"}, map[string]string{"image of base": "os"}
	files := []pipeline.FileInput{b.file("ingotd", b.env.Agent), b.file("ingot-init", b.env.Init)}
	needs := slices.Concat([]string{"base", "boot-files"}, b.images)
	for _, svc := range b.def.Services {
		image := "app-" + svc.Name
		if len(svc.Packages) > 0 {
			tree := "tree-" + svc.Name
			trees, inputs["image of "+tree] = append(trees, tree), image
			needs = append(needs, tree)
		}
		for _, name := range []string{svc.Binary, svc.Files} {
			if name != "" {
				files = append(files, b.file(svc.Name+"/"+path.Base(name), path.Join(b.env.Dir, name)))
			}
		}
	}
	inputs["trees"] = words(trees)
	inputs["name"] = strings.TrimSpace(b.def.Name + " " + b.def.Version + " " + b.def.Variant)
	inputs["namespace"] = "https://ingotvm.org/spdx/" + b.id("sbom")
	inputs["release"] = b.def.Base.Release
	b.add(pipeline.Stage{Name: "sbom", Kind: "sbom", Inputs: inputs, Files: files, Needs: needs, Outputs: []string{SBOM}})
}
