package repository

import (
	"archive/tar"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/ingotvm/ingot/internal/release"
)

// BundleExtension ends the name of a bundle.
const BundleExtension = ".ingot"

// Bundle writes a version as one file for appliances that reach no repository:
// the chain of keys, the signed documents, the files. With from, a version, it
// has only what that one needs to become it. Its timestamp is the repository's
// own with a life of [BundleLife].
func (r *Repository) Bundle(ctx context.Context, w io.Writer, at Where, from string) error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	s, err := r.load()
	if err != nil {
		return err
	}
	if err := s.product(&at); err != nil {
		return err
	}
	if err := r.Keys.good(); err != nil {
		return err
	}
	if r.behind(s) {
		return errors.New("the repository does not know today's keys yet: refresh it, then make the bundle")
	}
	b := &bundle{repository: r, state: s, tar: tar.NewWriter(w), time: r.Keys.now()}
	if err := b.write(ctx, at, from); err != nil {
		return fmt.Errorf("cannot make a bundle of version %s: %w", at.Version, err)
	}
	return b.tar.Close()
}

type bundle struct {
	repository *Repository
	state      *state
	tar        *tar.Writer
	time       time.Time
}

func (b *bundle) write(ctx context.Context, at Where, from string) error {
	r, s := b.repository, b.state
	var rel, old release.Release
	for version, into := range map[string]*release.Release{at.Version: &rel, from: &old} {
		if version == "" {
			continue
		}
		there, err := r.document(s, release.ReleaseTarget(at.Product, version), into)
		if err != nil {
			return err
		}
		if !there {
			return fmt.Errorf("the repository has no version %s of %s", version, at.Product)
		}
	}
	var channel release.Channel
	if _, err := r.document(s, release.ChannelTarget(at.Product, at.Channel), &channel); err != nil {
		return err
	}
	entry, err := find(&channel, at)
	if err != nil {
		return err
	}
	if entry.Yanked != nil {
		return fmt.Errorf("it was withdrawn: %s", entry.Yanked.Reason)
	}
	if err := b.metadata(); err != nil {
		return err
	}
	for _, target := range []string{release.ChannelTarget(at.Product, at.Channel), release.ReleaseTarget(at.Product, at.Version)} {
		if err := b.target(target); err != nil {
			return err
		}
	}
	done := map[string]bool{}
	for _, p := range rel.Payloads {
		blob, needed := least(p, payloadOf(&old, p.Name))
		if !needed || done[blob.SHA256] {
			continue
		}
		done[blob.SHA256] = true
		if err := ctx.Err(); err != nil {
			return err
		}
		if have, err := describe(filepath.Join(r.Dir, filepath.FromSlash(blob.File()))); err != nil {
			return err
		} else if have != blob {
			return fmt.Errorf("%s in the repository is damaged: release the version again", blob.File())
		}
		if err := b.file(blob.File()); err != nil {
			return err
		}
	}
	return nil
}

// least is the file that makes a payload of an old content, which may be nil.
func least(p release.Payload, old *release.Payload) (release.Blob, bool) {
	if old != nil {
		if old.SHA256 == p.SHA256 {
			return release.Blob{}, false
		}
		for _, patch := range p.Patches {
			if patch.From == old.SHA256 {
				return patch.Blob, true
			}
		}
	}
	return p.Whole, true
}

// metadata comes first, so that who reads from the beginning can judge.
func (b *bundle) metadata() error {
	r, s := b.repository, b.state
	for version := int64(1); version <= r.Keys.root.Signed.Version; version++ {
		if err := b.file(path.Join(release.MetadataDir, numbered(version, RootFile))); err != nil {
			return err
		}
	}
	for _, name := range []string{
		numbered(s.snapshot.Signed.Version, "snapshot.json"),
		numbered(s.targets.Signed.Version, "targets.json"),
	} {
		if err := b.file(path.Join(release.MetadataDir, name)); err != nil {
			return err
		}
	}
	timestamp, err := r.timestamp(s, b.time, BundleLife)
	if err != nil {
		return err
	}
	return b.data(path.Join(release.MetadataDir, "timestamp.json"), timestamp)
}

func (b *bundle) target(target string) error {
	file := b.state.targets.Signed.Targets[target]
	if file == nil {
		return fmt.Errorf("the repository has no %s", target)
	}
	dir, base := path.Split(target)
	return b.file(path.Join(release.TargetsDir, dir, hex.EncodeToString(file.Hashes["sha256"])+"."+base))
}

func (b *bundle) data(name string, data []byte) error {
	if err := b.header(name, int64(len(data))); err != nil {
		return err
	}
	_, err := b.tar.Write(data)
	return err
}

func (b *bundle) header(name string, size int64) error {
	return b.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: b.time})
}

func (b *bundle) file(name string) error {
	f, err := os.Open(filepath.Join(b.repository.Dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := b.header(name, info.Size()); err != nil {
		return err
	}
	_, err = io.Copy(b.tar, f)
	return err
}
