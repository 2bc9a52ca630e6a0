package build

import (
	"context"
	"strings"

	"github.com/ingotvm/ingot/internal/pipeline"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/rootfs"
)

// app makes the image of a service that is a binary or a folder: its root is
// mounted at /app/<service>.
func (m makers) app(ctx context.Context, job *pipeline.Job) error {
	name := job.Input("name")
	tree := rootfs.New()
	if binary := job.Input("binary"); binary != "" {
		if err := tree.HostFile(binary, 0o755, job.File("binary")); err != nil {
			return err
		}
	} else {
		var err error
		if tree, err = rootfs.ReadDir(job.File("files")); err != nil {
			return err
		}
	}
	encode, err := m.appEncoder(ctx, tree)
	if err != nil {
		return err
	}
	return writeImage(ctx, job, imageOutput{
		Image: release.Image{Name: name, Kind: release.ImageApp, Service: strings.TrimPrefix(name, "app-")},
		tree:  tree, encode: encode,
	})
}

// quickEnough is how much the best level compresses while somebody who has
// changed an application waits for a second.
const quickEnough = 8 << 20

func (m makers) appEncoder(ctx context.Context, tree *rootfs.Tree) (release.Encoder, error) {
	if contentSize(tree) <= quickEnough {
		return m.smallest(ctx), nil
	}
	return release.FastEncoder()
}

// contentSize is the length of all files together.
func contentSize(t *rootfs.Tree) int64 {
	var size int64
	for _, name := range t.Paths() {
		size += t.Get(name).Size
	}
	return size
}

// layer makes the image of a service that is Debian packages: what they add
// to the tree below, laid over the root.
func (m makers) layer(ctx context.Context, job *pipeline.Job) error {
	full, closeFull, err := readTree(job.Artifact(job.Input("tree"), treeArtifact(job.Input("tree"))))
	if err != nil {
		return err
	}
	defer closeFull()
	base, closeBase, err := readTree(job.Artifact("base", "base.tar"))
	if err != nil {
		return err
	}
	defer closeBase()
	under := base
	if name := job.Input("under"); name != "base" {
		tree, closeTree, err := readTree(job.Artifact(name, treeArtifact(name)))
		if err != nil {
			return err
		}
		defer closeTree()
		under = tree
	}
	tree, err := pareLayer(full, under, base, strings.Fields(job.Input("keep")))
	if err != nil {
		return err
	}
	if len(job.Stage.Files) > 0 {
		files, err := rootfs.ReadDir(job.File("files"))
		if err != nil {
			return err
		}
		tree.Overlay(files)
	}
	name := job.Input("name")
	owners, err := packageOwners(full)
	if err != nil {
		return err
	}
	encode, err := release.GoodEncoder()
	if err != nil {
		return err
	}
	return writeImage(ctx, job, imageOutput{
		Image: release.Image{Name: name, Kind: release.ImageLayer, Service: strings.TrimPrefix(name, "app-")},
		tree:  tree, encode: encode, owners: owners,
	})
}
