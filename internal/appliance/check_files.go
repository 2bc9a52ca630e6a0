package appliance

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"unicode/utf8"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// checkFiles reports files that the definition names and that are not there,
// or are not what they should be. Paths that lead outside have been reported
// and are not followed.
func (c *checker) checkFiles(fsys fs.FS, d *Definition) {
	for _, language := range sortedKeys(d.EULA) {
		c.checkText(fsys, d.EULA[language], c.root.At("eula", language), "write the licence into it, or remove the key")
	}
	c.checkBrandingFiles(fsys, d.Branding)
	c.checkSupportFiles(fsys, d.Support)
	c.checkRootFile(fsys, d.Updates)
	c.checkTemplateFiles(fsys, d)
	for i, s := range d.Services {
		if s.Build != "" {
			continue
		}
		const hint = "check the spelling, or add the build command that makes it"
		at := func(key string) yamltext.Mark { return c.root.At("services", i, key) }
		c.checkFile(fsys, s.Binary, at("binary"), hint)
		if !syntax.IsInside(s.Files) {
			continue
		}
		info, err := fs.Stat(fsys, s.Files)
		switch {
		case err != nil:
			c.missing(s.Files, err, at("files"), hint)
		case !info.IsDir():
			c.problem(at("files"), "name the folder that holds it", "%s is not a folder", syntax.Quote(s.Files))
		case syntax.IsInside(s.Command):
			c.checkFile(fsys, path.Join(s.Files, s.Command), at("command"), hint)
		}
	}
}

func (c *checker) checkFile(fsys fs.FS, p string, at yamltext.Mark, hint string) bool {
	if !syntax.IsInside(p) {
		return false
	}
	info, err := fs.Stat(fsys, p)
	if err != nil {
		c.missing(p, err, at, hint)
		return false
	}
	if !info.Mode().IsRegular() {
		c.problem(at, "name a file", "%s is not a file", syntax.Quote(p))
		return false
	}
	return true
}

func (c *checker) missing(p string, err error, at yamltext.Mark, hint string) {
	if errors.Is(err, fs.ErrNotExist) {
		c.problem(at, hint, "there is no %s", syntax.Quote(p))
		return
	}
	c.problem(at, "", "cannot look at %s: %s", syntax.Quote(p), reason(err))
}

// checkText checks a text that goes into the OVF descriptor or the initrd,
// which is UTF-8 and held in memory by those who read it, and returns it.
func (c *checker) checkText(fsys fs.FS, p string, at yamltext.Mark, empty string) (text string, ok bool) {
	if !c.checkFile(fsys, p, at, "check the spelling") {
		return "", false
	}
	f, err := fsys.Open(p)
	if err != nil {
		c.missing(p, err, at, "")
		return "", false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, yamltext.MaxBytes+1))
	switch {
	case err != nil:
		c.missing(p, err, at, "")
	case len(data) == 0:
		c.problem(at, empty, "%s is empty", syntax.Quote(p))
	case len(data) > yamltext.MaxBytes:
		c.problem(at, "shorten it", "%s is larger than %s", syntax.Quote(p), Size(yamltext.MaxBytes))
	case !utf8.Valid(data):
		c.problem(at, "save it as UTF-8", "%s is not UTF-8 text", syntax.Quote(p))
	default:
		return string(data), true
	}
	return "", false
}
