package release

import "time"

// Release is the signed description of one version of one product: the target
// [ReleaseTarget] of a repository. Everything that an appliance takes of a
// release is named here with its length and hash.
type Release struct {
	// Format is 1.
	Format int `json:"format"`
	// Product is [Manifest.Product] of the manifest, so that nobody passes the
	// release of one product off as another's.
	Product string `json:"product"`
	// Published is when it was first added to the repository.
	Published time.Time `json:"published"`
	// Notes are what changed, as Markdown, by language; "en" is shown to those
	// whose language has none.
	Notes map[string]string `json:"notes,omitempty"`
	// NotesHTML are the same, made ready to be shown by who signed them.
	NotesHTML map[string]string `json:"notes_html,omitempty"`
	// Advisories are the weaknesses that it mends.
	Advisories []Advisory `json:"advisories,omitempty"`
	// Security says that it is to be installed soon, by the policy for such.
	Security bool `json:"security,omitempty"`
	// Minimum is the least version that it can be installed over; "" is any.
	Minimum string `json:"minimum,omitempty"`
	// Floor says that no instance may go past it: a later version is installed
	// only over this one or one after it.
	Floor bool `json:"floor,omitempty"`
	// SBOM is the list of what is inside, SPDX 2.3 as JSON; may be nil.
	SBOM *Blob `json:"sbom,omitempty"`
	// Manifest is the slot's.
	Manifest Manifest `json:"manifest"`
	// Payloads are the files of the slot, manifest.json among them.
	Payloads []Payload `json:"payloads"`
}

// Advisory is one weakness, as it is known in public.
type Advisory struct {
	// ID is such as CVE-2026-1234.
	ID string `json:"id"`
	// Severity is low, medium, high, critical or "".
	Severity string `json:"severity,omitempty"`
	// Title is one line.
	Title string `json:"title,omitempty"`
}

// Blob is one file of the repository, files/<SHA256>, written once and never
// changed: whoever has the hash may have it from anywhere.
type Blob struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Payload is one file of the slot as it lies there when it is installed, and
// the ways in which its content can be got. An image's content is the EROFS
// image: the hash tree that follows it in the slot is not shipped but made
// again, and compared by its root.
type Payload struct {
	// Name in the slot: manifest.json, vmlinuz, initrd, os.erofs, app-x.erofs.
	Name string `json:"name"`
	// Size and SHA256 of the content.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Whole is the content in one file, encoded by Encoding.
	Whole    Blob   `json:"whole"`
	Encoding string `json:"encoding,omitempty"`
	// Index lists the hashes of its blocks and where each lies in Blocks, from
	// which ranges are read; both nil for small files.
	Index  *Blob `json:"index,omitempty"`
	Blocks *Blob `json:"blocks,omitempty"`
	// Patches make it of earlier contents.
	Patches []Patch `json:"patches,omitempty"`
}

// Encodings of [Payload.Whole].
const (
	// EncodingNone is the content itself.
	EncodingNone = ""
	// EncodingZstd is zstd frames, one after the other.
	EncodingZstd = "zstd"
	// EncodingZstdX86 is zstd frames of what [FilterX86] made of the content.
	EncodingZstdX86 = "zstd+x86"
)

// Patch makes a payload of an earlier content of the same name.
type Patch struct {
	Blob
	// From is the SHA-256 of the earlier content, Version a version that had it.
	From    string `json:"from"`
	Version string `json:"version"`
}
