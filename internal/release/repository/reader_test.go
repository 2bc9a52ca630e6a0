package repository_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/releasetest"
	"github.com/ingotvm/ingot/internal/release/repository"
)

// tufReads lets another TUF client read what appliances read, and returns what
// it got of a target.
func tufReads(t *testing.T, root []byte, url, target string) ([]byte, error) {
	t.Helper()
	c, err := config.New(url+"/metadata", root)
	if err != nil {
		t.Fatal(err)
	}
	c.RemoteTargetsURL, c.DisableLocalCache = url+"/targets", true
	u, err := updater.New(c)
	if err != nil {
		return nil, err
	}
	if err := u.Refresh(); err != nil {
		return nil, err
	}
	info, err := u.GetTargetInfo(target)
	if err != nil {
		return nil, err
	}
	_, data, err := u.DownloadTarget(info, filepath.Join(t.TempDir(), "target"), "")
	return data, err
}

// TestOtherReader lets go-tuf's own client read a repository: from the first
// root, after each key was changed, and not with the root of somebody else.
func TestOtherReader(t *testing.T) {
	keys := releasetest.Keys(t, 3, 2, nil)
	root := releasetest.Root(t, keys)
	r := repository.Open(t.TempDir(), keys)
	releasetest.Add(t, r, version("1.0.0"), repository.AddOptions{})
	server := httptest.NewServer(http.FileServer(http.Dir(r.Dir))) // on loopback
	defer server.Close()
	target := release.ReleaseTarget("hello/amd64", "1.0.0")
	reads := func(when string) {
		t.Helper()
		data, err := tufReads(t, root, server.URL, target)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if got, err := release.ParseRelease(data, "hello/amd64", "1.0.0"); err != nil || got.Manifest.Version != "1.0.0" {
			t.Errorf("%s: it read %+v, %v", when, got, err)
		}
	}
	reads("at first")
	for _, name := range []string{"root-1", repository.TargetsKey, repository.OnlineKey} {
		if err := keys.Rotate([]string{name}, 1); err != nil {
			t.Fatal(err)
		}
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		reads("after a new key " + name)
	}
	if _, err := tufReads(t, releasetest.Root(t, releasetest.Keys(t, 1, 1, nil)), server.URL, target); err == nil {
		t.Error("it was read by the root of another vendor")
	}
}
