package modules

import (
	"bufio"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Index is what an initrd's modules.dep and modules.alias say.
type Index struct {
	byName  map[string]module
	aliases []alias
}

// module is one file; needs are the files to load before it, in that order.
type module struct {
	path  string
	needs []string
}

type alias struct{ prefix, pattern, name string }

// ReadIndex reads the index in the folder of the kernel's modules. Aliases of
// modules that modules.dep does not list are ignored.
func ReadIndex(dir fs.FS) (*Index, error) {
	x := &Index{byName: map[string]module{}}
	err := eachLine(dir, "modules.dep", func(line string) {
		file, needs, ok := strings.Cut(line, ":")
		if !ok {
			return
		}
		// modules.dep lists what to load first last, as depmod writes it.
		deps := strings.Fields(needs)
		for i, j := 0, len(deps)-1; i < j; i, j = i+1, j-1 {
			deps[i], deps[j] = deps[j], deps[i]
		}
		x.byName[nameOf(file)] = module{path: file, needs: deps}
	})
	if err != nil {
		return nil, err
	}
	err = eachLine(dir, "modules.alias", func(line string) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != "alias" {
			return
		}
		name := normal(f[2])
		if _, ok := x.byName[name]; ok {
			x.aliases = append(x.aliases, alias{prefix: literal(f[1]), pattern: f[1], name: name})
		}
	})
	if err != nil {
		return nil, err
	}
	return x, nil
}

func eachLine(dir fs.FS, name string, do func(line string)) error {
	f, err := dir.Open(name)
	if err != nil {
		return fmt.Errorf("cannot read the list of kernel modules: %w", err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if line := strings.TrimSpace(s.Text()); line != "" && line[0] != '#' {
			do(line)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("cannot read the list of kernel modules: %w", err)
	}
	return nil
}

// Match names the modules for a device, in the order of the index.
func (x *Index) Match(modalias string) []string {
	if modalias == "" {
		return nil // not every device says what it is
	}
	var names []string
	for _, a := range x.aliases {
		if strings.HasPrefix(modalias, a.prefix) && match(a.pattern, modalias) {
			names = append(names, a.name)
		}
	}
	return names
}

// Has says whether the initrd contains a module of that name.
func (x *Index) Has(name string) bool {
	_, ok := x.byName[normal(name)]
	return ok
}

// nameOf is the module's name from its file's: kernel/fs/ext4/ext4.ko.
func nameOf(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".")
	return normal(name)
}

// normal is the name as the kernel knows it: file names may have dashes.
func normal(name string) string { return strings.ReplaceAll(name, "-", "_") }
