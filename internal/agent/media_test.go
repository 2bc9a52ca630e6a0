package agent

import (
	"os"
	"path/filepath"
	"testing"
)

// TestUpdatesOn finds what a medium has, and nothing that only looks like it.
func TestUpdatesOn(t *testing.T) {
	for name, test := range map[string]struct {
		files []string
		want  string
	}{
		"nothing":             {nil, ""},
		"other files":         {[]string{"readme.txt", "x.ingot/inside", ".hidden.ingot"}, ""},
		"a bundle":            {[]string{"hello-1.1.0.ingot"}, "hello-1.1.0.ingot"},
		"in capitals":         {[]string{"HELLO.INGOT"}, "HELLO.INGOT"},
		"the last of several": {[]string{"hello-1.1.0.ingot", "hello-1.2.0.ingot"}, "hello-1.2.0.ingot"},
		"a repository":        {[]string{"metadata/timestamp.json", "x.ingot"}, "."},
		"one in a folder":     {[]string{"ingot/metadata/timestamp.json"}, "ingot"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range test.files {
				path := filepath.Join(dir, f)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			if got := updatesOn(root); got != test.want {
				t.Errorf("updates are in %q, want %q", got, test.want)
			}
		})
	}
}
