package release

import (
	"path"

	"github.com/ingotvm/ingot/internal/appliance"
)

// A repository is static files, below one URL or in one folder:
//
//	metadata/    N.root.json, timestamp.json, N.snapshot.json, N.targets.json (TUF, consistent snapshots)
//	targets/     <product>/channels/<sha256>.<channel>.json, <product>/releases/<sha256>.<version>.json
//	files/       <sha256>: what releases name, each written once
//
// A bundle is the same files in a tar archive, those of metadata/ first.
const (
	MetadataDir = "metadata"
	TargetsDir  = "targets"
	FilesDir    = "files"
)

// Limits of what a stranger may hand in, in bytes. Real ones are far below.
const (
	MaxMetadata = 4 << 20
	MaxChannel  = 1 << 20
	MaxRelease  = 4 << 20
	// MaxIndex is enough for an image of 64 GiB.
	MaxIndex = 512 << 20
)

// Product names what can be updated with what: an appliance, one variant of
// it, for one architecture: hello/amd64, hello~large/amd64.
func (m Manifest) Product() string { return Product(m.Name, m.Variant, m.Architecture) }

// Product is [Manifest.Product] of its parts; variant may be "".
func Product(name, variant, architecture string) string {
	if variant != "" {
		name += "~" + variant // no name has a tilde
	}
	return name + "/" + architecture
}

// ProductOf is the product that a definition builds.
func ProductOf(d *appliance.Definition) string {
	return Product(d.Name, d.Variant, d.Base.Architecture)
}

// ChannelTarget is the TUF name of a channel.
func ChannelTarget(product, channel string) string {
	return path.Join(product, "channels", channel+".json")
}

// ReleaseTarget is the TUF name of a release.
func ReleaseTarget(product, version string) string {
	return path.Join(product, "releases", version+".json")
}

// File is the path of a blob in a repository.
func (b Blob) File() string { return path.Join(FilesDir, b.SHA256) }
