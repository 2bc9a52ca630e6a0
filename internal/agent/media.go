package agent

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/agent/seed"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/source"
	"github.com/ingotvm/ingot/internal/update"
)

// bundleEnd ends the names of bundles.
const bundleEnd = ".ingot"

// maxMediumFiles is how many names in the root of a medium are looked at.
const maxMediumFiles = 1000

func (a *Agent) mediaOptions() seed.Options {
	return seed.Options{Root: a.opts.Root, RunDir: a.opts.RunDir}
}

// UpdateMedia are the attached disks and CDs with a bundle or a repository.
func (a *Agent) UpdateMedia(ctx context.Context) ([]wire.UpdateMedium, error) {
	list := []wire.UpdateMedium{}
	media, err := seed.Attached(ctx, a.mediaOptions())
	if err != nil {
		return list, err
	}
	for _, m := range media {
		root, end, err := seed.OpenMedium(ctx, a.mediaOptions(), m.Name)
		if err != nil {
			a.opts.Log("%v", err)
			continue
		}
		if file := updatesOn(root); file != "" {
			list = append(list, wire.UpdateMedium{Name: m.Name, Label: m.Label, File: file})
		}
		if err := end(); err != nil {
			a.opts.Log("%v", err)
		}
	}
	return list, nil
}

// updatesOn is where a medium has updates: the last of its bundles by name, or
// the folder of a repository; "" when it has none.
func updatesOn(root *os.Root) string {
	for _, dir := range []string{".", "ingot"} {
		if info, err := root.Stat(path.Join(dir, release.MetadataDir, "timestamp.json")); err == nil && info.Mode().IsRegular() {
			return dir
		}
	}
	f, err := root.Open(".")
	if err != nil {
		return ""
	}
	defer f.Close()
	names, err := f.Readdirnames(maxMediumFiles)
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	names = slices.DeleteFunc(names, func(n string) bool {
		info, err := root.Stat(n)
		return !strings.HasSuffix(strings.ToLower(n), bundleEnd) || strings.HasPrefix(n, ".") || err != nil || !info.Mode().IsRegular()
	})
	if len(names) == 0 {
		return ""
	}
	return slices.MaxFunc(names, func(a, b string) int { return cmp.Compare(a, b) })
}

// UseMedium makes the updates of a medium available. It stays mounted until
// they are not needed any more.
func (a *Agent) UseMedium(ctx context.Context, by config.By, name string) error {
	return a.updating(func(m *update.Manager) error {
		root, end, err := seed.OpenMedium(ctx, a.mediaOptions(), name)
		if errors.Is(err, fs.ErrNotExist) {
			return updateError{err, http.StatusNotFound, "attach it again, and look for media"}
		}
		if err != nil {
			return err
		}
		src, closeFile, err := sourceOn(root)
		done := func() {
			if err := errors.Join(closeFile(), end()); err != nil {
				a.opts.Log("%v", err)
			}
		}
		if err != nil {
			done()
			return err
		}
		a.opts.Log("%s takes the updates of the medium %s", by.Who, name)
		return m.Bundle(ctx, src, done)
	})
}

// sourceOn opens the updates of a medium.
func sourceOn(root *os.Root) (source.Source, func() error, error) {
	nothing := func() error { return nil }
	file := updatesOn(root)
	switch file {
	case "":
		return nil, nothing, updateError{errors.New("there are no updates on this medium"), http.StatusNotFound, "it must have a file that ends in .ingot, or a repository, in its root folder"}
	case ".":
		return source.Folder(root.FS()), nothing, nil
	case "ingot":
		files, err := fs.Sub(root.FS(), "ingot")
		return source.Folder(files), nothing, err
	}
	f, err := root.Open(file)
	if err != nil {
		return nil, nothing, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, f.Close, err
	}
	src, err := source.Archive(f, info.Size())
	return src, f.Close, err
}
