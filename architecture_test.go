// Package ingot_test holds the rules of the source tree: which package may
// import which, and what no package may do. docs/design.md explains them.
package ingot_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ingotvm/ingot/"

// layers is the table of packages. A package may import those of lower layers
// and the package whose folder it lies in. The longest matching line counts.
var layers = map[string]int{
	"internal/appliance/syntax": 0,

	"internal/appliance/":       1,
	"internal/console/terminal": 1,

	"internal/appliance": 2,
	"internal/host":      2,
	"internal/disk":      2,
	"internal/ovf":       2,
	"internal/rootfs":    2,
	"internal/verity":    2,
	"internal/api/wire":  2,

	"internal/api/listener": 2,

	"internal/release":    3,
	"internal/words":      3,
	"internal/pipeline":   3,
	"internal/hypervisor": 3,
	"internal/api/client": 3,

	"internal/initrd":                     4,
	"internal/markdown":                   3,
	"internal/slot":                       4,
	"internal/slot/grubmodel":             4,
	"internal/release/x86":                3,
	"internal/release/":                   4,
	"internal/release/trust":              5,
	"internal/release/repository":         5,
	"internal/release/releasetest":        6,
	"internal/config/seedtext":            4,
	"internal/config/setting/":            4, // parts that know no setting
	"internal/config/setting":             5,
	"internal/update/":                    5,
	"internal/update":                     6,
	"internal/update/record":              4,
	"internal/update/attend":              6,
	"internal/config/setting/settingtest": 5,

	"internal/config":     6,
	"internal/build":      6, // also writes initrds
	"internal/acceptance": 6,

	"internal/scenario": 7,
	"internal/agent/":   7,

	"internal/agent":   8,
	"internal/api":     9,
	"internal/web":     9,
	"internal/console": 9,

	"cmd":      10,
	"examples": 10,
	"test":     11,
}

// forbidden lists what a program must not contain, however it comes in.
var forbidden = map[string][]string{
	"cmd/ingot":      {"internal/agent", "internal/slot", "internal/update/fetch", "internal/web", "internal/console"},
	"cmd/ingotd":     {"internal/build", "internal/release/repository", "internal/pipeline", "internal/hypervisor", "internal/acceptance", "internal/ovf", "github.com/zitadel", "internal/agent/directory/slapdtest"},
	"cmd/ingot-init": {"internal/build", "internal/agent", "internal/web", "internal/console", "net/http", "github.com/spf13/cobra"},
}

func layerOf(pkg string) (layer int, ok bool) {
	best := -1
	for prefix, l := range layers {
		matches := pkg == prefix || strings.HasPrefix(pkg, strings.TrimSuffix(prefix, "/")+"/")
		if strings.HasSuffix(prefix, "/") && pkg == strings.TrimSuffix(prefix, "/") {
			matches = false
		}
		if matches && len(prefix) > best {
			best, layer, ok = len(prefix), l, true
		}
	}
	return layer, ok
}

// file is one parsed Go file of the module.
type file struct {
	path, pkg string
	test      bool
	lines     int
	syntax    *ast.File
	source    string
	set       *token.FileSet
}

func (f file) imports() []string {
	var out []string
	for _, spec := range f.syntax.Imports {
		out = append(out, strings.Trim(spec.Path.Value, `"`))
	}
	return out
}

func sourceFiles(t *testing.T) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			nested := name != "." && exists(filepath.Join(name, "go.mod")) // an example's own module
			if nested || strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata" || d.Name() == "bin" || d.Name() == "out" {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, name, source, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, file{
			path: name, pkg: filepath.ToSlash(filepath.Dir(name)), test: strings.HasSuffix(name, "_test.go"),
			lines: strings.Count(string(source), "\n"), syntax: syntax, source: string(source), set: set,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("found only %d Go files: this test must run in the module's root", len(files))
	}
	return files
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func TestImportsGoDownwards(t *testing.T) {
	for _, f := range sourceFiles(t) {
		from, ok := layerOf(f.pkg)
		if !ok && f.pkg != "." {
			t.Errorf("%s: package %s is in no layer: add it to the table", f.path, f.pkg)
			continue
		}
		for _, imported := range f.imports() {
			target, ours := strings.CutPrefix(imported, module)
			if !ours || f.test || strings.HasPrefix(f.pkg, target+"/") || strings.HasSuffix(target, "test") && f.test {
				continue
			}
			to, ok := layerOf(target)
			if !ok || to >= from {
				t.Errorf("%s (layer %d) imports %s (layer %d): imports go to lower layers", f.path, from, target, to)
			}
		}
	}
}

func TestProgramsLeaveOutWhatIsNotTheirs(t *testing.T) {
	imports := map[string][]string{}
	for _, f := range sourceFiles(t) {
		if !f.test {
			imports[f.pkg] = append(imports[f.pkg], f.imports()...)
		}
	}
	for program, banned := range forbidden {
		if len(imports[program]) == 0 {
			t.Errorf("%s has no imports: the table is out of date", program)
		}
		seen := map[string]bool{}
		var visit func(pkg, trail string)
		visit = func(pkg, trail string) {
			for _, imported := range imports[pkg] {
				name := strings.TrimPrefix(imported, module)
				if seen[name] {
					continue
				}
				seen[name] = true
				for _, b := range banned {
					if name == b || strings.HasPrefix(name, b+"/") {
						t.Errorf("%s contains %s by way of %s", program, name, trail)
					}
				}
				visit(name, trail+" → "+name)
			}
		}
		visit(program, program)
	}
}

func TestOnlyHostRunsPrograms(t *testing.T) {
	for _, f := range sourceFiles(t) {
		if f.pkg != "internal/host" && slices.Contains(f.imports(), "os/exec") && !f.test {
			t.Errorf("%s imports os/exec: run programs through internal/host", f.path)
		}
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	documented, packages := map[string]bool{}, map[string]bool{}
	for _, f := range sourceFiles(t) {
		if f.test {
			continue
		}
		packages[f.pkg] = true
		if f.syntax.Doc != nil {
			if documented[f.pkg] {
				t.Errorf("%s: package %s is documented twice", f.path, f.pkg)
			}
			documented[f.pkg] = true
		}
	}
	for pkg := range packages {
		if !documented[pkg] {
			t.Errorf("package %s has no comment that says what it is for", pkg)
		}
	}
}

func TestHouseRules(t *testing.T) {
	const (
		longestFile  = 600 // lines; tests may list more cases
		suppressions = 0
	)
	suppressed := 0
	for _, f := range sourceFiles(t) {
		switch path.Base(f.pkg) {
		case "util", "utils", "common", "helpers", "misc":
			t.Errorf("%s: a package is named after what it provides", f.pkg)
		}
		if f.lines > longestFile && !f.test || f.lines > 1000 {
			t.Errorf("%s has %d lines: split it", f.path, f.lines)
		}
		for _, decl := range f.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: init(): make it an explicit call", f.path)
			}
		}
		suppressed += strings.Count(f.source, "//no"+"lint")
	}
	if suppressed != suppressions {
		t.Errorf("%d checks are suppressed, not %d: mend the cause, or state the reason there and count it here", suppressed, suppressions)
	}
}

// TestPromisesHaveTests holds docs/security.md to its word: each test that it
// names exists.
func TestPromisesHaveTests(t *testing.T) {
	text, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, f := range sourceFiles(t) {
		for _, decl := range f.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && f.test && fn.Recv == nil {
				tests[fn.Name.Name] = true
			}
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[^`]*)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 20 {
		t.Fatalf("found only %d names of tests in docs/security.md", len(named))
	}
	for _, m := range named {
		if !tests[m[1]] {
			t.Errorf("docs/security.md names %s, and there is no such test", m[1])
		}
	}
}
