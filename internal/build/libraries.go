package build

import (
	"bytes"
	"debug/elf"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/rootfs"
)

// openedAtRunTime are libraries that systemd and glibc open by name when they
// first need them, so that no program lists them (dlopen notes of systemd;
// nsswitch.conf names the libnss ones). Not liblzma: kernel modules are not
// compressed here, and the journal compresses with libzstd.
var openedAtRunTime = []string{
	"libkmod.so.2", "libmount.so.1", "libblkid.so.1", "libacl.so.1", "libseccomp.so.2", "libcrypt.so.1",
	"libzstd.so.1", "libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2", "libpthread.so.0", "libdl.so.2", "librt.so.1",
}

// pruneLibraries drops the shared libraries that no program of the tree
// reaches, and fails when a program lacks one: paring went too far, and the
// appliance would find out only at boot.
func pruneLibraries(t *rootfs.Tree) (*rootfs.Tree, error) {
	objects, err := sharedObjects(t)
	if err != nil {
		return nil, err
	}
	byName := map[string]string{} // file name of a library, or of a link to it, to path
	for _, name := range t.Paths() {
		if inLibraryPath(name) {
			byName[path.Base(name)] = name
		}
	}
	reached := map[string]bool{}
	var missing []string
	var follow func(from string)
	follow = func(from string) {
		for _, library := range objects[from] {
			where, ok := byName[library]
			if !ok {
				missing = append(missing, fmt.Sprintf("%s for %s", library, from))
				continue
			}
			for !reached[where] {
				reached[where] = true
				follow(where)
				if e := t.Get(where); e.Target != "" {
					where = path.Join(path.Dir(where), e.Target)
				}
			}
		}
	}
	for _, library := range openedAtRunTime {
		objects["/"] = append(objects["/"], library)
	}
	objects["/"] = slices.DeleteFunc(objects["/"], func(l string) bool { return byName[l] == "" })
	for name := range objects {
		if !isLibrary(name) {
			follow(name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return nil, fmt.Errorf("programs of the image lack libraries: %s", strings.Join(slices.Compact(missing), ", "))
	}
	return t.Filter(func(name string, e *rootfs.Entry) bool {
		return !isLibrary(name) || reached[name]
	}), nil
}

// inLibraryPath says whether the loader looks at the file: the multiarch
// folder, and systemd's own that its programs name by run path.
func inLibraryPath(name string) bool {
	dir := path.Dir(name)
	return strings.Contains(path.Base(name), ".so") &&
		(dir == "usr/lib/x86_64-linux-gnu" || dir == "usr/lib/x86_64-linux-gnu/systemd" || dir == "usr/lib" || dir == "usr/lib64")
}

// isLibrary says whether a file is there only for programs that ask for it.
func isLibrary(name string) bool {
	return path.Dir(name) == "usr/lib/x86_64-linux-gnu" && strings.Contains(path.Base(name), ".so") &&
		!strings.HasPrefix(path.Base(name), "ld-linux")
}

// sharedObjects maps each ELF file to the libraries that it asks for.
func sharedObjects(t *rootfs.Tree) (map[string][]string, error) {
	objects := map[string][]string{}
	for _, name := range t.Paths() {
		e := t.Get(name)
		if !e.Mode.IsRegular() || e.Size < 64 || strings.HasSuffix(name, ".ko") {
			continue
		}
		if e.Mode&0o111 == 0 && !strings.Contains(path.Base(name), ".so") {
			continue
		}
		data, err := e.Bytes()
		if err != nil {
			return nil, err
		}
		f, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			continue // a script
		}
		if objects[name], err = f.ImportedLibraries(); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
	}
	return objects, nil
}
