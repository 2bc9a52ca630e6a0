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
}

// File is one shipped file: length in bytes and SHA-256 in hex.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}
