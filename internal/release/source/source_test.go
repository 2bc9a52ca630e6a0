package source

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ingotvm/ingot/internal/release"
)

const text = "0123456789abcdef"

var blob = release.Blob{Size: int64(len(text)), SHA256: strings.Repeat("ab", 32)}

func packed(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		body := ""
		if h.Typeflag == tar.TypeReg {
			body = text
		}
		h.Mode, h.Size = 0o644, int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestSources is what all of them must do.
func TestSources(t *testing.T) {
	bundle := packed(t, tar.Header{Name: "metadata/1.root.json"}, tar.Header{Name: blob.File()})
	archive, err := Archive(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/repo/"+blob.File() {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
	}))
	defer server.Close()
	whole := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // knows no ranges
		if r.URL.Path != "/"+blob.File() {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, text)
	}))
	defer whole.Close()
	for name, s := range map[string]Source{
		"archive": archive, "folder": Folder(fstest.MapFS{blob.File(): {Data: []byte(text)}}),
		"server": over(t, server.URL+"/repo", HTTPOptions{}), "server without ranges": over(t, whole.URL, HTTPOptions{}),
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			for _, from := range []int64{0, 1, 15, 16} {
				var out bytes.Buffer
				if err := Fetch(ctx, s, blob, from, &out); err != nil || out.String() != text[from:] {
					t.Errorf("from %d: %q, %v", from, out.String(), err)
				}
			}
			var out bytes.Buffer
			if err := FetchRange(ctx, s, blob, 3, 4, &out); err != nil || out.String() != "3456" {
				t.Errorf("a range: %q, %v", out.String(), err)
			}
			if err := FetchRange(ctx, s, blob, 10, 7, io.Discard); err == nil {
				t.Error("a range beyond the end is read")
			}
			longer := blob
			longer.Size++
			if err := Fetch(ctx, s, longer, 0, io.Discard); !errors.Is(err, ErrSize) {
				t.Errorf("a file that is too short: %v", err)
			}
			if _, err := ReadAll(ctx, s, blob.File(), 15); !errors.Is(err, ErrSize) {
				t.Errorf("a file that is too long: %v", err)
			}
			if _, err := ReadAll(ctx, s, "files/none", 10); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a file that is not there: %v", err)
			}
			for _, bad := range []string{"", "../x", "/etc/passwd", "files/../../x", "files//x"} {
				if _, err := ReadAll(ctx, s, bad, 10); err == nil {
					t.Errorf("%q is read", bad)
				}
			}
			ended, cancel := context.WithCancel(ctx)
			cancel()
			if err := Fetch(ended, s, blob, 0, io.Discard); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		})
	}
}

func over(t testing.TB, address string, o HTTPOptions) Source {
	t.Helper()
	s, err := HTTP(address, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWrongBundles(t *testing.T) {
	good := packed(t, tar.Header{Name: "a"}, tar.Header{Name: "b"})
	for name, data := range map[string][]byte{
		"nothing": nil, "garbage": bytes.Repeat([]byte("x"), 2000), "a tar without files": packed(t),
		"a path that leads out": packed(t, tar.Header{Name: "../a"}), "an absolute path": packed(t, tar.Header{Name: "/a"}),
		"a link": packed(t, tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}),
		"twice":  packed(t, tar.Header{Name: "a"}, tar.Header{Name: "a"}),
		"cut":    good[:1100], "cut in a file": good[:520],
	} {
		if _, err := Archive(bytes.NewReader(data), int64(len(data))); !errors.Is(err, ErrBundle) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(packed(f, tar.Header{Name: "metadata/timestamp.json"}, tar.Header{Name: blob.File()}))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Archive(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if !errors.Is(err, ErrBundle) {
				t.Error(err)
			}
			return
		}
		for name, m := range s.(*archive).members {
			if m.offset < 0 || m.offset+m.size > int64(len(data)) {
				t.Fatalf("%s lies outside", name)
			}
			if _, err := ReadAll(t.Context(), s, name, 1<<20); err != nil && !errors.Is(err, ErrSize) {
				t.Error(err)
			}
		}
	})
}

// TestHostileServers never lead astray, and never keep us for ever.
func TestHostileServers(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"circles": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
		"another part": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-3/16")
			w.WriteHeader(206)
		},
		"an error": func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
		"silence": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "bytes 4-15/16")
			w.WriteHeader(206)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"no head": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handle)
			defer server.Close()
			err := Fetch(t.Context(), over(t, server.URL, HTTPOptions{Patience: 200 * time.Millisecond}), blob, 4, io.Discard)
			if err == nil {
				t.Fatal("it was taken")
			}
			if strings.Contains(err.Error(), server.URL) {
				t.Errorf("the error holds the whole address, where a password may be: %v", err)
			}
		})
	}
	secure := httptest.NewTLSServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer secure.Close()
	s := over(t, secure.URL, HTTPOptions{})
	s.(*server).client.Transport.(*http.Transport).TLSClientConfig = secure.Client().Transport.(*http.Transport).TLSClientConfig
	if _, err := ReadAll(t.Context(), s, "x", 10); err == nil || !strings.Contains(err.Error(), "leads away from https") {
		t.Errorf("away from TLS: %v", err)
	}
	for _, bad := range []string{"", "updates.example.com", "ftp://x/", "https://"} {
		if _, err := HTTP(bad, HTTPOptions{}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := HTTP("https://x/", HTTPOptions{Authorities: []byte("x")}); err == nil {
		t.Error("authorities that are none are taken")
	}
}

// TestProxy goes through one that wants a password, to a server of a private
// authority.
func TestProxy(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, text) }))
	defer server.Close()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	used := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := proxyAuth(r)
		if r.Method != http.MethodConnect || !ok || user != "u" || password != "p w" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		used++
		tunnel(w, r.Host)
	}))
	defer proxy.Close()
	u, _ := url.Parse(proxy.URL)
	u.User = url.UserPassword("u", "p w")
	var out bytes.Buffer
	if err := Fetch(t.Context(), over(t, server.URL, HTTPOptions{Proxy: u.String(), Authorities: authority}), blob, 0, &out); err != nil || out.String() != text || used == 0 {
		t.Errorf("%q, %v, the proxy was used %d times", out.String(), err, used)
	}
	u.User = url.UserPassword("u", "secret")
	err := Fetch(t.Context(), over(t, server.URL, HTTPOptions{Proxy: u.String(), Authorities: authority}), blob, 0, io.Discard)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a wrong password: %v", err)
	}
	if err := Fetch(t.Context(), over(t, server.URL, HTTPOptions{}), blob, 0, io.Discard); err == nil {
		t.Error("an authority that nobody knows is trusted")
	}
}

func proxyAuth(r *http.Request) (user, password string, ok bool) {
	as := http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	return as.BasicAuth()
}

func tunnel(w http.ResponseWriter, host string) {
	far, err := net.Dial("tcp", host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		far.Close()
		return
	}
	go func() { _, _ = io.Copy(far, near); far.Close() }()
	_, _ = io.Copy(near, far)
	near.Close()
}
