package release

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

const sum = "abababababababababababababababababababababababababababababababab"

// goodRelease is one that is taken.
func goodRelease() *Release {
	blob := Blob{Size: 10, SHA256: sum}
	plain := func(name string) Payload { return Payload{Name: name, Size: 10, SHA256: sum, Whole: blob} }
	return &Release{
		Format: 1, Product: "hello/amd64", Published: day0, Minimum: "1.0.0",
		Manifest: Manifest{Format: 1, Name: "hello", Version: "1.1.0", Architecture: "amd64",
			Images: []Image{{Name: "os", Kind: ImageOS, Size: 8192, Verity: Verity{Root: sum}}}},
		Payloads: []Payload{
			plain("manifest.json"), plain("vmlinuz"), plain("initrd"),
			{Name: "os.erofs", Size: 8192, SHA256: sum, Whole: blob, Encoding: EncodingZstdX86, Index: &blob, Blocks: &blob,
				Patches: []Patch{{Blob: blob, From: sum, Version: "1.0.0"}}},
		},
	}
}

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParseRelease(t *testing.T) {
	if _, err := ParseRelease(encoded(t, goodRelease()), "hello/amd64", "1.1.0"); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(r *Release){
		"another format":          func(r *Release) { r.Format = 2 },
		"another product":         func(r *Release) { r.Product = "other/amd64" },
		"another product's files": func(r *Release) { r.Manifest.Name = "other" },
		"another version":         func(r *Release) { r.Manifest.Version = "1.2.0" },
		"a variant's":             func(r *Release) { r.Manifest.Variant = "large" },
		"a minimum that is none":  func(r *Release) { r.Minimum = "one" },
		"no kernel":               func(r *Release) { r.Payloads = append(r.Payloads[:1], r.Payloads[2:]...) },
		"a kernel twice":          func(r *Release) { r.Payloads = append(r.Payloads, r.Payloads[1]) },
		"a path":                  func(r *Release) { r.Payloads[1].Name = "../vmlinuz" },
		"an image by a path":      func(r *Release) { r.Manifest.Images[0].Name = "../os"; r.Payloads[3].Name = "../os.erofs" },
		"a hidden image":          func(r *Release) { r.Manifest.Images[0].Name = ".os"; r.Payloads[3].Name = ".os.erofs" },
		"an image called initrd":  func(r *Release) { r.Manifest.Images[0].Name = "x/../initrd" },
		"an image twice":          func(r *Release) { r.Manifest.Images = append(r.Manifest.Images, r.Manifest.Images[0]) },
		"no image":                func(r *Release) { r.Manifest.Images = nil; r.Payloads = r.Payloads[:3] },
		"no operating system":     func(r *Release) { r.Manifest.Images[0].Kind = ImageApp },
		"half a block":            func(r *Release) { r.Manifest.Images[0].Size = 100; r.Payloads[3].Size = 100 },
		"another size":            func(r *Release) { r.Payloads[3].Size = 4096 },
		"a negative size":         func(r *Release) { r.Payloads[1].Size = -1; r.Payloads[1].Whole.Size = -1 },
		"a huge size":             func(r *Release) { r.Payloads[3].Whole.Size = 1 << 50 },
		"a hash by a path":        func(r *Release) { r.Payloads[3].Whole.SHA256 = "../" + sum[3:] },
		"a hash in capitals":      func(r *Release) { r.Payloads[3].Whole.SHA256 = strings.ToUpper(sum) },
		"a patch from nothing":    func(r *Release) { r.Payloads[3].Patches[0].From = "" },
		"a patch by a path":       func(r *Release) { r.Payloads[3].Patches[0].SHA256 = "x" },
		"an index alone":          func(r *Release) { r.Payloads[3].Blocks = nil },
		"an encoding":             func(r *Release) { r.Payloads[3].Encoding = "gzip" },
		"a plain file of another": func(r *Release) { r.Payloads[1].Whole.Size = 11 },
		"a wrong SBOM":            func(r *Release) { r.SBOM = &Blob{Size: 1, SHA256: "x"} },
		"an advisory without ID":  func(r *Release) { r.Advisories = []Advisory{{Title: "x"}} },
		"endless notes":           func(r *Release) { r.Notes = map[string]string{"en": strings.Repeat("x", maxNotes+1)} },
	} {
		r := goodRelease()
		spoil(r)
		if _, err := ParseRelease(encoded(t, r), "hello/amd64", "1.1.0"); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{"nothing": "", "null": "null", "a list": "[]", "more": string(encoded(t, goodRelease())) + "{}", "long": strings.Repeat(" ", MaxRelease+1)} {
		if _, err := ParseRelease([]byte(text), "hello/amd64", "1.1.0"); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseChannel(t *testing.T) {
	good := func() *Channel { return channel(t, "1.0.0", "1.1.0 >1.0.0 floor", "1.2.0 yanked") }
	if _, err := ParseChannel(encoded(t, good()), "hello/amd64", "stable"); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(c *Channel){
		"another format":  func(c *Channel) { c.Format = 0 },
		"another product": func(c *Channel) { c.Product = "hello~large/amd64" },
		"another channel": func(c *Channel) { c.Name = "testing" },
		"twice":           func(c *Channel) { c.Releases[1].Version = "1.0.0" },
		"not ascending":   func(c *Channel) { c.Releases[2].Version = "1.0.5" },
		"no version":      func(c *Channel) { c.Releases[0].Version = "../../x" },
		"a minimum":       func(c *Channel) { c.Releases[0].Minimum = "x" },
		"waves":           func(c *Channel) { c.Releases[0].Waves = []Wave{{0, 101}} },
		"waves that stay": func(c *Channel) { c.Releases[0].Waves = []Wave{{5, 10}, {5, 20}} },
		"a long reason":   func(c *Channel) { c.Releases[2].Yanked.Reason = strings.Repeat("x", 1000) },
	} {
		c := good()
		spoil(c)
		if _, err := ParseChannel(encoded(t, c), "hello/amd64", "stable"); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, product := range []string{"", "hello", "../x", "Hello/amd64", "hello/amd64/x", "a~b~c/amd64"} {
		if IsProduct(product) {
			t.Errorf("%q can be a product", product)
		}
	}
}

// FuzzParse takes what is taken again, the same.
func FuzzParse(f *testing.F) {
	f.Add(encoded(f, goodRelease()), encoded(f, &Channel{Format: 1, Product: "hello/amd64", Name: "stable", Releases: []Entry{{Version: "1.0.0", Added: day0, Waves: []Wave{{5, 10}}}}}))
	f.Fuzz(func(t *testing.T, rel, ch []byte) {
		if r, err := ParseRelease(rel, "hello/amd64", "1.1.0"); err == nil {
			again, err := ParseRelease(encoded(t, r), "hello/amd64", "1.1.0")
			if err != nil || string(encoded(t, again)) != string(encoded(t, r)) {
				t.Errorf("a release comes back as another: %v", err)
			}
			for _, p := range r.Payloads {
				if !isFileName(p.Name) {
					t.Errorf("a payload is called %q", p.Name)
				}
			}
		}
		if c, err := ParseChannel(ch, "hello/amd64", "stable"); err == nil {
			if _, err := ParseChannel(encoded(t, c), "hello/amd64", "stable"); err != nil {
				t.Errorf("a channel comes back as another: %v", err)
			}
			c.Choose("1.0.0", "i", day0, "")
		}
	})
}
