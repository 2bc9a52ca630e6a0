package release

// Manifest is slots/<version>/manifest.json: the release's own files, as
// shipped. Paths are base names in the slot's folder.
type Manifest struct {
	// Format is 1.
	Format       int    `json:"format"`
	Name         string `json:"name"`
	Title        string `json:"title"`
	Vendor       string `json:"vendor,omitempty"`
	Version      string `json:"version"`
	Variant      string `json:"variant,omitempty"`
	Architecture string `json:"architecture"`
	// Files are vmlinuz, initrd and the compressed images.
	Files []File `json:"files"`
	// Images are the same as in the initrd's Boot.
	Images []Image `json:"images"`
	// Config is the format of the configuration document that this version
	// writes.
	Config int `json:"config,omitempty"`
	// Data says of each service with data what a way back does with it.
	Data []ServiceData `json:"data,omitempty"`
}

// ServiceData is what an update has to know of a service's data.
type ServiceData struct {
	Service string `json:"service"`
	// Snapshot is how it is kept before a trial: copy, hook or none.
	Snapshot string `json:"snapshot"`
	// Schema grows when earlier versions cannot read the data any more; 0 when
	// nobody counts.
	Schema int `json:"schema,omitempty"`
}

// The ways in which a service's data is kept before a trial.
const (
	// SnapshotCopy copies its files while the service stands still.
	SnapshotCopy = "copy"
	// SnapshotHook lets the service's own commands save and restore it.
	SnapshotHook = "hook"
	// SnapshotNone keeps nothing: with another Schema there is no way back.
	SnapshotNone = "none"
)

// File is one shipped file: length in bytes and SHA-256 in hex.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}
