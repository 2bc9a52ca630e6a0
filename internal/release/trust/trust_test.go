package trust_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/release/releasetest"
	"github.com/ingotvm/ingot/internal/release/repository"
	"github.com/ingotvm/ingot/internal/release/source"
	"github.com/ingotvm/ingot/internal/release/trust"
)

var day0 = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

const product = "hello/amd64"

// vendor is a vendor with a clock, keys and a repository.
type vendor struct {
	now  time.Time
	keys *repository.Keys
	repo *repository.Repository
}

func newVendor(t *testing.T, root, threshold int) *vendor {
	v := &vendor{now: day0}
	v.keys = releasetest.Keys(t, root, threshold, func() time.Time { return v.now })
	v.repo = repository.Open(filepath.Join(t.TempDir(), "repo"), v.keys)
	return v
}

func (v *vendor) release(t *testing.T, version string) {
	t.Helper()
	releasetest.Add(t, v.repo, releasetest.Version{
		Version: version, Kernel: []byte("kernel"), Initrd: []byte("initrd " + version),
		Images: map[string][]byte{"os": bytes.Repeat([]byte("image "+version), 2000)},
	}, repository.AddOptions{})
}

// copied is the repository as it is now.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func folder(dir string) source.Source { return source.Folder(os.DirFS(dir)) }

// client is an appliance.
type client struct {
	store *trust.Store
	now   time.Time
}

func newClient(t *testing.T, root []byte) *client {
	t.Helper()
	store, warning, err := trust.OpenStore(filepath.Join(t.TempDir(), "trust"), root, day0.Add(-time.Hour))
	if err != nil || warning != nil {
		t.Fatal(err, warning)
	}
	return &client{store, day0}
}

// versions are what the channel stable offers.
func (c *client) versions(src source.Source) (string, error) {
	ctx := context.Background()
	v, err := c.store.Refresh(ctx, src, c.now)
	if err != nil {
		return "", err
	}
	channel, err := v.Channel(ctx, product, "stable")
	if err != nil {
		return "", err
	}
	var list []string
	for _, e := range channel.Releases {
		if _, err := v.Release(ctx, product, e.Version); err != nil {
			return "", err
		}
		list = append(list, e.Version)
	}
	return strings.Join(list, " "), nil
}

func (c *client) sees(t *testing.T, src source.Source, want string) {
	t.Helper()
	if got, err := c.versions(src); err != nil || got != want {
		t.Fatalf("the appliance sees %q, %v; want %q", got, err, want)
	}
}

// changed serves a folder with some files changed: nil removes one.
type changed struct {
	source.Source
	files map[string][]byte
}

func (c changed) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	data, ok := c.files[name]
	if !ok {
		return c.Source.Open(ctx, name, offset, length)
	}
	if data == nil {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data[min(offset, int64(len(data))):])), nil
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// endless never ends.
type endless struct{ source.Source }

func (e endless) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if strings.HasSuffix(name, "root.json") {
		return e.Source.Open(ctx, name, offset, length)
	}
	return io.NopCloser(zeros{}), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestAttacks is what somebody may serve who holds the server, the network or
// some of the keys. Nothing of it is taken, and an honest repository is taken
// afterwards.
func TestAttacks(t *testing.T) {
	// An honest history: 1.0.0, 1.1.0, 1.2.0, a day apart, copies of each.
	honest := newVendor(t, 3, 2)
	var days []string
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		honest.release(t, version)
		days = append(days, copied(t, honest.repo.Dir))
		honest.now = honest.now.Add(24 * time.Hour)
	}
	root := releasetest.Root(t, honest.keys)
	stranger := newVendor(t, 1, 1)
	stranger.release(t, "6.6.6")
	target := func(dir, pattern string) string {
		matches, err := filepath.Glob(filepath.Join(dir, "targets", product, pattern))
		if err != nil {
			t.Fatal(err)
		}
		// Of several the one that the day's list names.
		lists, err := filepath.Glob(filepath.Join(dir, "metadata", "*.targets.json"))
		if err != nil {
			t.Fatal(err)
		}
		list := read(t, dir, "metadata/"+filepath.Base(lists[len(lists)-1]))
		for _, m := range matches {
			sum, _, _ := strings.Cut(filepath.Base(m), ".")
			if bytes.Contains(list, []byte(sum)) {
				name, _ := filepath.Rel(dir, m)
				return name
			}
		}
		t.Fatalf("no list names %s of %v", pattern, matches)
		return ""
	}
	today := days[1]
	with := func(files map[string][]byte) source.Source { return changed{folder(today), files} }
	timestamp := read(t, today, "metadata/timestamp.json")
	edit := func(data []byte, old, next string) []byte {
		if !bytes.Contains(data, []byte(old)) {
			t.Fatalf("there is no %s in %s", old, data)
		}
		return bytes.ReplaceAll(data, []byte(old), []byte(next))
	}
	var expired *trust.Expired

	for name, attack := range map[string]struct {
		serve source.Source
		at    time.Time // of the clock; zero is day 1
		want  error     // nil: any *trust.Expired
	}{
		"another vendor's repository":        {serve: folder(stranger.repo.Dir), want: trust.ErrSignature},
		"another vendor's newer root":        {serve: with(map[string][]byte{"metadata/2.root.json": read(t, stranger.repo.Dir, "metadata/1.root.json")}), want: trust.ErrSignature},
		"another vendor's timestamp":         {serve: with(map[string][]byte{"metadata/timestamp.json": read(t, stranger.repo.Dir, "metadata/timestamp.json")}), want: trust.ErrSignature},
		"a timestamp that was edited":        {serve: with(map[string][]byte{"metadata/timestamp.json": edit(timestamp, `"version":2`, `"version":9`)}), want: trust.ErrSignature},
		"yesterday's repository":             {serve: folder(days[0]), want: trust.ErrReplayed},
		"yesterday's timestamp":              {serve: with(map[string][]byte{"metadata/timestamp.json": read(t, days[0], "metadata/timestamp.json")}), want: trust.ErrReplayed},
		"yesterday's snapshot":               {serve: with(map[string][]byte{"metadata/2.snapshot.json": read(t, days[0], "metadata/1.snapshot.json")}), want: trust.ErrReplayed},
		"yesterday's targets":                {serve: with(map[string][]byte{"metadata/2.targets.json": read(t, days[0], "metadata/1.targets.json")}), want: trust.ErrReplayed},
		"yesterday's channel":                {serve: with(map[string][]byte{target(today, "channels/*.stable.json"): read(t, days[0], target(days[0], "channels/*.stable.json"))}), want: trust.ErrMixed},
		"one version's release as another's": {serve: with(map[string][]byte{target(today, "releases/*.1.1.0.json"): read(t, today, target(today, "releases/*.1.0.0.json"))}), want: trust.ErrMixed},
		"tomorrow's snapshot too early":      {serve: with(map[string][]byte{"metadata/2.snapshot.json": read(t, days[2], "metadata/3.snapshot.json")}), want: trust.ErrReplayed},
		"frozen: nothing new for a month":    {serve: folder(today), at: day0.Add(31 * 24 * time.Hour)},
		"the clock in 2099":                  {serve: folder(today), at: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)},
		"nothing at all":                     {serve: folder(t.TempDir()), want: fs.ErrNotExist},
		"garbage":                            {serve: with(map[string][]byte{"metadata/timestamp.json": []byte("\x00{]")}), want: trust.ErrMixed},
		"an empty timestamp":                 {serve: with(map[string][]byte{"metadata/timestamp.json": {}}), want: trust.ErrMixed},
		"a page of a captive portal":         {serve: with(map[string][]byte{"metadata/timestamp.json": []byte("<html>Log in to the hotel</html>")}), want: trust.ErrMixed},
		"half a snapshot":                    {serve: with(map[string][]byte{"metadata/2.snapshot.json": read(t, today, "metadata/2.snapshot.json")[:100]}), want: trust.ErrMixed},
		"no snapshot":                        {serve: with(map[string][]byte{"metadata/2.snapshot.json": nil}), want: trust.ErrMixed},
		"no targets":                         {serve: with(map[string][]byte{"metadata/2.targets.json": nil}), want: trust.ErrMixed},
		"no channel":                         {serve: with(map[string][]byte{target(today, "channels/*.stable.json"): nil}), want: trust.ErrMixed},
		"a channel that is too long":         {serve: with(map[string][]byte{target(today, "channels/*.stable.json"): make([]byte, 1<<20)}), want: trust.ErrMixed},
		"answers without end":                {serve: endless{folder(today)}, want: trust.ErrMixed},
		"a root that is garbage":             {serve: with(map[string][]byte{"metadata/2.root.json": []byte("{}")}), want: trust.ErrMixed},
		"the same root again":                {serve: with(map[string][]byte{"metadata/2.root.json": read(t, today, "metadata/1.root.json")}), want: trust.ErrReplayed},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, root)
			c.now = day0.Add(24 * time.Hour)
			c.sees(t, folder(today), "1.0.0 1.1.0")
			if !attack.at.IsZero() {
				c.now = attack.at
			}
			got, err := c.versions(attack.serve)
			switch {
			case err == nil:
				t.Fatalf("it is taken: %s", got)
			case attack.want == nil && !errors.As(err, &expired), attack.want != nil && !errors.Is(err, attack.want):
				t.Errorf("it is refused with %v", err)
			}
			c.now = day0.Add(48 * time.Hour)
			c.sees(t, folder(days[2]), "1.0.0 1.1.0 1.2.0")
		})
	}
}

// TestClock goes without a battery: the clock says 1970.
func TestClock(t *testing.T) {
	v := newVendor(t, 1, 1)
	v.release(t, "1.0.0")
	c := newClient(t, releasetest.Root(t, v.keys))
	c.now = time.Unix(0, 0)
	c.sees(t, folder(v.repo.Dir), "1.0.0")
	old := copied(t, v.repo.Dir)
	// A month later there is a new version, and with it a proof of the month.
	v.now = day0.Add(30 * 24 * time.Hour)
	v.release(t, "1.1.0")
	c.sees(t, folder(v.repo.Dir), "1.0.0 1.1.0")
	if floor := c.store.Floor(); !floor.Equal(v.now) {
		t.Errorf("the floor is %v, want %v", floor, v.now)
	}
	if _, err := c.versions(folder(old)); err == nil {
		t.Error("what expired two weeks ago is taken, as the clock says 1970")
	}
}

// TestRotations walks from an old image over five new roots, of which each
// replaces a key; the first two root keys are then in strangers' hands.
func TestRotations(t *testing.T) {
	v := newVendor(t, 3, 2)
	image := releasetest.Root(t, v.keys)
	v.release(t, "1.0.0")
	c := newClient(t, image)
	c.sees(t, folder(v.repo.Dir), "1.0.0")
	before := copied(t, v.repo.Dir)
	for _, key := range []string{"root-1", "root-2", repository.TargetsKey, repository.OnlineKey, "root-3"} {
		if err := v.keys.Rotate([]string{key}, 1); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	v.release(t, "1.1.0")
	for name, c := range map[string]*client{"one that was there": c, "an old image": newClient(t, image), "a new image": newClient(t, releasetest.Root(t, v.keys))} {
		t.Run(name, func(t *testing.T) {
			c.sees(t, folder(v.repo.Dir), "1.0.0 1.1.0")
			// The keys of before sign nothing any more.
			if got, err := c.versions(folder(before)); err == nil {
				t.Errorf("revoked keys are believed: %s", got)
			}
			c.sees(t, folder(v.repo.Dir), "1.0.0 1.1.0")
		})
	}
}

// TestThreshold is one of two keys.
func TestThreshold(t *testing.T) {
	v := newVendor(t, 3, 2)
	v.release(t, "1.0.0")
	for _, key := range []string{"root-1", "root-2"} {
		if err := os.Remove(filepath.Join(v.keys.Dir, key+".age")); err != nil {
			t.Fatal(err)
		}
	}
	alone, err := repository.OpenKeys(v.keys.Dir, releasetest.Passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if err := alone.Rotate(nil, 1); !errors.Is(err, repository.ErrThreshold) {
		t.Errorf("one key of two made a root: %v", err)
	}
	for _, keys := range [][2]int{{1, 0}, {0, 0}, {2, 3}} {
		if _, err := repository.InitKeys(t.TempDir(), repository.InitOptions{Root: keys[0], Threshold: keys[1], Passphrase: releasetest.Passphrase}); err == nil {
			t.Errorf("%d of %d keys were made", keys[1], keys[0])
		}
	}
}

// TestWrongRoots are roots that an image must not have.
func TestWrongRoots(t *testing.T) {
	v := newVendor(t, 1, 1)
	root := string(releasetest.Root(t, v.keys))
	for name, data := range map[string]string{
		"none": "", "garbage": "x", "threshold 0": strings.ReplaceAll(root, `"threshold":1`, `"threshold":0`),
		"edited": strings.ReplaceAll(root, `"version":1`, `"version":2`), "of another kind": `{"signed":{"_type":"targets"}}`,
	} {
		if _, _, err := trust.OpenStore(t.TempDir(), []byte(data), day0); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestTornStore tears what is kept, at every so many bytes.
func TestTornStore(t *testing.T) {
	v := newVendor(t, 1, 1)
	v.release(t, "1.0.0")
	first := copied(t, v.repo.Dir)
	root := releasetest.Root(t, v.keys)
	dir := t.TempDir()
	open := func() (*client, error) {
		s, warning, err := trust.OpenStore(dir, root, day0)
		if err != nil {
			t.Fatal(err)
		}
		return &client{s, day0}, warning
	}
	c, _ := open()
	c.sees(t, folder(v.repo.Dir), "1.0.0")
	v.release(t, "1.1.0")
	c.sees(t, folder(v.repo.Dir), "1.0.0 1.1.0")
	c.sees(t, folder(v.repo.Dir), "1.0.0 1.1.0") // both copies know it now
	for _, name := range []string{"trust.a.json", "trust.b.json"} {
		path := filepath.Join(dir, name)
		whole := read(t, dir, name)
		for n := 0; n < len(whole); n += 1 + len(whole)/40 {
			if err := os.WriteFile(path, append(bytes.Clone(whole[:n]), bytes.Repeat([]byte{0}, len(whole)-n)...), 0o600); err != nil {
				t.Fatal(err)
			}
			c, warning := open()
			if warning == nil {
				t.Fatalf("%s torn at %d: no warning", name, n)
			}
			if _, err := c.versions(folder(first)); !errors.Is(err, trust.ErrReplayed) {
				t.Fatalf("%s torn at %d: what was seen is forgotten: %v", name, n, err)
			}
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"trust.a.json", "trust.b.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("torn"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, warning := open()
	if warning == nil {
		t.Error("both are torn, and nobody says so")
	}
	c.sees(t, folder(v.repo.Dir), "1.0.0 1.1.0")
}

// TestBundle takes a bundle as long after as it lives, and not one that is
// older than what was seen.
func TestBundle(t *testing.T) {
	v := newVendor(t, 2, 1)
	image := releasetest.Root(t, v.keys)
	v.release(t, "1.0.0")
	if err := v.keys.Rotate([]string{repository.OnlineKey}, 1); err != nil {
		t.Fatal(err)
	}
	v.release(t, "1.1.0")
	bundle := func(version, from string) source.Source {
		var out bytes.Buffer
		if err := v.repo.Bundle(t.Context(), &out, repository.Where{Channel: "stable", Version: version}, from); err != nil {
			t.Fatal(err)
		}
		src, err := source.Archive(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	first := bundle("1.1.0", "")
	c := newClient(t, image)
	c.now = day0.Add(300 * 24 * time.Hour)
	verified, err := c.store.Refresh(t.Context(), first, c.now)
	if err != nil {
		t.Fatal(err)
	}
	r, err := verified.Release(t.Context(), product, "1.1.0")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Payloads {
		var out bytes.Buffer
		if err := source.Fetch(t.Context(), first, p.Whole, 0, &out); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	// One for an appliance that has 1.0.0 has less.
	if _, err := first.Open(t.Context(), path.Join("files", r.Payloads[1].Whole.SHA256), 0, -1); err != nil {
		t.Errorf("the kernel is missing: %v", err)
	}
	if _, err := bundle("1.1.0", "1.0.0").Open(t.Context(), path.Join("files", r.Payloads[1].Whole.SHA256), 0, -1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a kernel that is the same is sent again: %v", err)
	}
	// After a year it is too old, and it is too old when newer was seen.
	var expired *trust.Expired
	if _, err := c.store.Refresh(t.Context(), first, day0.Add(370*24*time.Hour)); !errors.As(err, &expired) {
		t.Errorf("after a year: %v", err)
	}
	v.release(t, "1.2.0")
	if _, err := c.store.Refresh(t.Context(), bundle("1.2.0", ""), day0); err != nil {
		t.Fatal(err)
	}
	if _, err := c.store.Refresh(t.Context(), first, day0); !errors.Is(err, trust.ErrReplayed) {
		t.Errorf("an older bundle: %v", err)
	}
}
