package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// TestHostileText holds that text up to the limit is done with soon, however
// it is made. Each of these took the YAML parser minutes without the bounds.
func TestHostileText(t *testing.T) {
	numbered := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	repeated := func(s string, n int) string { return strings.Repeat(s, n/len(s)) }
	for name, text := range map[string]string{
		"flow lists":     repeated("[", yamltext.MaxBytes),
		"flow mappings":  repeated("{", yamltext.MaxBytes),
		"nested pairs":   repeated("{a: ", yamltext.MaxBytes),
		"dashes":         repeated("- ", yamltext.MaxBytes),
		"question marks": repeated("? ", yamltext.MaxBytes),
		"anchors":        repeated("&a ", yamltext.MaxBytes),
		"literal signs":  repeated("|\n", yamltext.MaxBytes),
		"quotes":         repeated(`"`, yamltext.MaxBytes),
		"colons":         repeated(": ", yamltext.MaxBytes),
		"documents":      repeated("---\n", yamltext.MaxBytes),
		"tags":           repeated("! ", yamltext.MaxBytes),
		"one word":       repeated("a", yamltext.MaxBytes),
		"one comment":    repeated("#", yamltext.MaxBytes),
		"keys":           numbered("key%d: x\n", 60_000),
		"keys in bounds": numbered("key%d: x\n", yamltext.MaxTokens/3-1),
		"flow in bounds": repeated("[x,", yamltext.MaxDepth*3) + repeated("x,", yamltext.MaxTokens-200),
		"variables":      "services:\n- environment:\n" + numbered("    K%d: ${x\n", yamltext.MaxTokens/3-10),
		"services":       "services:\n" + numbered("- {name: s%d}\n", yamltext.MaxTokens/8),
		"data folders":   "services:\n- data:\n" + numbered("  - /var/a/b/c/d/e/f/g%d\n", yamltext.MaxTokens/2-10),
		"variants":       "services:\n" + numbered("- {name: s%d}\n", 60) + "variants:\n" + numbered(" v%d: {base: {}}\n", 64),
		"settings":       "settings:\n" + numbered("- {key: s%d}\n", yamltext.MaxTokens/8),
		"conditions": "settings:\n- {key: s0, type: bool}\n" + numbered("- {type: bool, key: s1%[1]d, when: {setting: s%[1]d, is: true}}\n", 100) +
			"variants:\n" + numbered(" v%d: {base: {}}\n", 64),
		"formulas":        "services:\n- resources:\n" + numbered("    k%d: \"1"+strings.Repeat("*9999999", 24)+"\"\n", 4000),
		"variants beyond": "variants:\n" + numbered(" v%d: {}\n", yamltext.MaxTokens/6),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := Load(everywhere{[]byte(text)}, FileName, Options{})
			if err == nil {
				t.Error("it was loaded")
			}
			var problems yamltext.Problems
			if !errors.As(err, &problems) || len(err.Error()) > yamltext.MaxProblems*1000 {
				t.Errorf("the problems are %d bytes", len(err.Error()))
			}
			// Not a measurement: a bound that quadratic behaviour breaks by
			// far even on a fast machine.
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %s", took)
			} else {
				t.Logf("%s", took)
			}
		})
	}
}

// endless is a file that never ends, as a device would be.
type endless struct {
	fs.File
	size int64
	mode fs.FileMode
	read *int
}

func (e endless) Open(string) (fs.File, error) { return e, nil }
func (e endless) Stat() (fs.FileInfo, error)   { return e, nil }
func (e endless) Read(p []byte) (int, error)   { *e.read += len(p); return len(p), nil }
func (e endless) Close() error                 { return nil }
func (e endless) Name() string                 { return FileName }
func (e endless) Size() int64                  { return e.size }
func (e endless) Mode() fs.FileMode            { return e.mode }
func (e endless) ModTime() time.Time           { return time.Time{} }
func (e endless) IsDir() bool                  { return e.mode.IsDir() }
func (e endless) Sys() any                     { return nil }

// TestReadBounds holds that files which are no definitions are not read, or
// not further than the limit.
func TestReadBounds(t *testing.T) {
	for _, test := range []struct {
		name string
		size int64
		mode fs.FileMode
		most int
		want string
	}{
		{"100 MB", 100 << 20, 0, 0, "appliance.yaml: is larger than 1MiB"},
		{"a device", 0, fs.ModeDevice, 0, "appliance.yaml: is not a regular file"},
		{"a pipe", 0, fs.ModeNamedPipe, 0, "appliance.yaml: is not a regular file"},
		{"a folder", 0, fs.ModeDir, 0, "appliance.yaml: is a folder, not a file"},
		{"a file that grows", 10, 0, 2 << 20, "appliance.yaml: is larger than 1MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			read := 0
			_, err := Load(endless{size: test.size, mode: test.mode, read: &read}, FileName, Options{})
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if read > test.most {
				t.Errorf("%d bytes were read", read)
			}
		})
	}
}

// TestFolders loads from folders of the machine, as the program does.
func TestFolders(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ dir, name, display, want string }{
		{dir, FileName, "", "appliance.yaml: there is no such file"},
		{dir, FileName, "shop/appliance.yaml", "shop/appliance.yaml: there is no such file"},
		{filepath.Join(dir, "absent"), FileName, "", "appliance.yaml: there is no such file"},
		{filepath.Join(dir, "pipe"), FileName, "", "appliance.yaml: cannot be read: not a directory"},
		{dir, "pipe", "", "pipe: is not a regular file"},
		{dir, ".", "", ".: is a folder, not a file"},
		{dir, "../x", "", "../x: cannot be read: invalid argument"},
	} {
		_, err := Load(os.DirFS(test.dir), test.name, Options{Display: test.display})
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s in %s: got %v, want %s", test.name, test.dir, err, test.want)
		}
	}
}

func TestWindowsText(t *testing.T) {
	text := "\uFEFFname: x\r\nversion: 1.0.0\r\nservices:\r\n  - name: a\r\n    binary: b\r\n    bniary: c\r\n"
	_, err := Load(fstest.MapFS{FileName: {Data: []byte(text)}, "b": {}}, FileName, Options{})
	const want = "appliance.yaml:6:5: unknown key \"bniary\"\n      bniary: c\n      ^\n  hint: did you mean \"binary\"?"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestVariantNames(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"name: x\nvariants: {small: {}, large: {}, Bad: {}, worse: 1}\n", "[large small] <nil>"},
		{"name: x\n", "[] <nil>"},
		{"variants: {small: {}\n", "[] appliance.yaml:1:11: is not YAML: could not find flow mapping end token '}'\n  variants: {small: {}\n            ^\n  hint: close what was opened here"},
	} {
		names, err := VariantNames(fstest.MapFS{FileName: {Data: []byte(test.text)}}, FileName)
		if got := fmt.Sprint(names, " ", err); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
