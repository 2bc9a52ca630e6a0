package release

import (
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
)

// Boot is what one slot's initrd is told: which images to open, with which
// verity root hashes, and the resolved definition. It is the file /ingot/boot.json
// of the initrd and, once booted, /run/ingot/boot.json.
type Boot struct {
	// Format is 1.
	Format int `json:"format"`
	// Images are opened in this order; the first is the operating system.
	Images []Image `json:"images"`
	// Units are systemd units and drop-ins, path below /run/systemd/system to
	// content, that run the services.
	Units map[string]string `json:"units"`
	// Users are the system users that services run as; ingot-init gives each a
	// numeric ID, kept as the owner of the service's data folder.
	Users []string `json:"users,omitempty"`
	// Templates are the texts of the services' templates, by their Source.
	Templates map[string]string `json:"templates,omitempty"`
	// Licences are the texts of the definition's EULA, by language.
	Licences map[string]string `json:"licences,omitempty"`
	// Branding is what the definition's branding names; nil when it has none.
	Branding *Branding `json:"branding,omitempty"`
	// Authorities are the OpenSSH public keys, without comment, that the
	// definition's support names; none when it has no support.
	Authorities []string `json:"authorities,omitempty"`
	// Updates are what the definition's updates need; nil when it has none.
	Updates *BootUpdates `json:"updates,omitempty"`
	// Definition is the resolved appliance definition.
	Definition *appliance.Definition `json:"definition"`
}

// BootUpdates are what a version knows of updates from its build.
type BootUpdates struct {
	// Root is the metadata of TUF's root role, with which trust begins.
	Root []byte `json:"root"`
	// Built is a time that is surely past: no clock that says less is
	// believed. It is not the time of the build, whose result would then never
	// be the same twice, but that of what the version was made of.
	Built time.Time `json:"built"`
}

// Branding is the vendor's picture and pages.
type Branding struct {
	// Logo is a picture of the media type LogoType; may be empty.
	Logo     []byte `json:"logo,omitempty"`
	LogoType string `json:"logo_type,omitempty"`
	Pages    []Page `json:"pages,omitempty"`
}

// Page is one page that the vendor wrote, as markup without scripts.
type Page struct {
	// Name is the last part of its address.
	Name  string `json:"name"`
	Title string `json:"title"`
	HTML  string `json:"html"`
}

// ImageKind says what an image is used for.
type ImageKind string

// The kinds of image in a slot.
const (
	// ImageOS is the root file system.
	ImageOS ImageKind = "os"
	// ImageLayer is laid over the root (overlayfs): a service made of packages.
	ImageLayer ImageKind = "layer"
	// ImageApp is mounted at /app/<service>: a binary or a folder of files.
	ImageApp ImageKind = "app"
)

// Image is one verified EROFS image of a slot. In the slot it is either
// Name+".erofs.zst", as released, or Name+".erofs", expanded: the image's Size
// bytes followed by its dm-verity hash tree.
type Image struct {
	// Name is "os" or "app-<service>".
	Name    string    `json:"name"`
	Kind    ImageKind `json:"kind"`
	Service string    `json:"service,omitempty"`
	// Size of the expanded image in bytes, a multiple of 4096.
	Size int64 `json:"size"`
	// SHA256 is of those bytes, in hex: what patches are made from.
	SHA256 string `json:"sha256,omitempty"`
	// Filter is what was done to the image before it was compressed, to make
	// that work better: "" or [FilterX86].
	Filter string `json:"filter,omitempty"`
	// Verity describes the hash tree: SHA-256, 4096-byte blocks, version 1.
	Verity Verity `json:"verity"`
}

// FilterX86 is the encoding of the package x86.
const FilterX86 = "x86"

// Verity is what dm-verity needs to know of a tree; hex strings.
type Verity struct {
	Root string `json:"root"`
	Salt string `json:"salt"`
}
