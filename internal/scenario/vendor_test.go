package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/appliance/yamltext"
	"github.com/ingotvm/ingot/internal/release"
)

func parsed(t *testing.T, text string) *yamltext.Node {
	t.Helper()
	r := yamltext.NewReport("text", text)
	n := r.Parse(text)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestEdit: mappings are merged, lists of named things by their names, others
// are replaced; the root and the address of updates are the vendor's.
func TestEdit(t *testing.T) {
	base := parsed(t, `{name: shop, version: 1.0.0, updates: {root: real.json, url: "https://real/", channel: beta},
services: [{name: web, args: [a, b], ports: [{port: 80}]}, {name: worker}]}`)
	s := &Scenario{project: parsed(t, "{title: Shop, hardware: {cpus: 4}}")}
	v := &Version{Name: "1.1.0", changes: parsed(t, "{services: {web: {args: [c]}, other: {binary: ./other}}}")}
	got := s.Edit(v, "root.json", "http://10.0.2.2:1/")(base)
	value := func(path ...any) string {
		n := got
		for _, p := range path {
			switch p := p.(type) {
			case string:
				if n.Get(p) == nil {
					return "absent"
				}
				n = n.Get(p).Value
			case int:
				n = n.Items[p]
			}
		}
		return n.Text
	}
	for want, path := range map[string][]any{
		"shop": {"name"}, "1.1.0": {"version"}, "Shop": {"title"}, "4": {"hardware", "cpus"},
		"root.json": {"updates", "root"}, "http://10.0.2.2:1/": {"updates", "url"}, "beta": {"updates", "channel"},
		"c": {"services", 0, "args", 0}, "80": {"services", 0, "ports", 0, "port"}, "worker": {"services", 1, "name"},
		"other": {"services", 2, "name"}, "./other": {"services", 2, "binary"},
	} {
		if text := value(path...); text != want {
			t.Errorf("%v is %q, want %q", path, text, want)
		}
	}
	if len(got.Get("services").Value.Items) != 3 || len(got.Get("services").Value.Items[0].Get("args").Value.Items) != 1 {
		t.Error("a list was not replaced, or services are lost")
	}
	if base.Get("version").Value.Text != "1.0.0" || base.Get("updates").Value.Get("root").Value.Text != "real.json" {
		t.Error("the project's own definition was changed")
	}
}

func TestSpoil(t *testing.T) {
	dir := t.TempDir()
	original := filepath.Join(t.TempDir(), "cached")
	for path, text := range map[string]string{
		original:                            "kernel",
		filepath.Join(dir, "manifest.json"): `{"format":1,"name":"a","version":"1.0.0","files":[{"name":"vmlinuz","size":6,"sha256":"x"},{"name":"initrd","size":1,"sha256":"y"}],"images":[]}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(original, filepath.Join(dir, "vmlinuz")); err != nil {
		t.Fatal(err)
	}
	if err := spoil(dir, BreakAgent); err != nil {
		t.Fatal(err)
	}
	if err := spoil(dir, BreakKernel); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(original); err != nil || string(text) != "kernel" {
		t.Errorf("the builder's cache was written to: %q, %v", text, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "vmlinuz"))
	if err != nil {
		t.Fatal(err)
	}
	var m release.Manifest
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if f := m.Files[0]; f.Size != int64(len(data)) || f.SHA256 != hex.EncodeToString(sum[:]) || m.Files[1].SHA256 != "y" {
		t.Errorf("the manifest says %+v of %d bytes", m.Files, len(data))
	}
	if err := spoil(dir, BreakInitrd); err == nil {
		t.Error("an initrd that is not there was spoilt")
	}
}

// TestProxy: only who has the name and password reaches the versions, and only
// by the name that the proxy knows.
func TestProxy(t *testing.T) {
	v, err := newVendor(t.TempDir(), Repository{Proxy: true})
	if err != nil {
		t.Fatal(err)
	}
	defer v.close()
	if err := os.WriteFile(filepath.Join(v.repository.Dir, "file"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	through, err := url.Parse(v.proxy)
	if err != nil {
		t.Fatal(err)
	}
	through.Host = "127.0.0.1:" + through.Port() // as this host reaches it
	wrong := *through
	wrong.User = url.UserPassword("ingot", "guess")
	none := *through
	none.User = nil
	for _, c := range []struct {
		proxy  *url.URL
		url    string
		status int
	}{
		{through, v.url + "file", http.StatusOK},
		{&wrong, v.url + "file", http.StatusProxyAuthRequired},
		{&none, v.url + "file", http.StatusProxyAuthRequired},
		{through, "http://elsewhere.invalid/file", http.StatusBadGateway},
		{nil, "http://" + through.Host + "/file", http.StatusProxyAuthRequired},
	} {
		client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(c.proxy), DisableKeepAlives: true}}
		resp, err := client.Get(c.url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || (string(body) == "text") != (c.status == http.StatusOK) {
			t.Errorf("%s by %v: %s %q, %v", c.url, c.proxy, resp.Status, body, err)
		}
	}
}

func TestSlow(t *testing.T) {
	body := make([]byte, 30_000)
	server := httptest.NewServer(slow(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }), 100_000))
	defer server.Close()
	began := time.Now()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if took := time.Since(began); err != nil || len(got) != len(body) || took < 250*time.Millisecond {
		t.Errorf("%d bytes in %v, %v", len(got), took, err)
	}
}
