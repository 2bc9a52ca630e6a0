package scenario

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/release/repository"
)

// hostAddress is this host, as a guest of a user network reaches it.
const hostAddress = "10.0.2.2"

// behindProxy is the host that only the proxy knows (RFC 2606).
const behindProxy = "updates.invalid"

// channel is where versions are released.
const channel = "stable"

// vendor signs the versions of one run and serves them.
type vendor struct {
	dir        string
	repository *repository.Repository
	server     *http.Server
	// url is where the appliance finds the repository, proxy the proxy that
	// it has to go through, "" when there is none.
	url, proxy string
}

// newVendor makes keys, and begins to serve on loopback until it is closed.
func newVendor(dir string, o Repository) (*vendor, error) {
	passphrase := rand.Text()
	keys, err := repository.InitKeys(filepath.Join(dir, "keys"), repository.InitOptions{
		Root: 1, Threshold: 1, WorkFactor: 1, Passphrase: func(string) (string, error) { return passphrase, nil },
	})
	if err != nil {
		return nil, err
	}
	repo := filepath.Join(dir, "repo")
	if err := os.MkdirAll(repo, 0o755); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot serve the versions: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, err
	}
	at := net.JoinHostPort(hostAddress, port)
	v := &vendor{dir: dir, repository: repository.Open(repo, keys), url: "http://" + at + "/"}
	handler := slow(http.FileServerFS(os.DirFS(repo)), o.Rate)
	if o.Proxy {
		user, password := "ingot", rand.Text()
		v.url = "http://" + behindProxy + "/"
		v.proxy = (&url.URL{Scheme: "http", User: url.UserPassword(user, password), Host: at}).String()
		handler = proxy(handler, user, password)
	}
	v.server = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go v.server.Serve(listener) // ends with close
	return v, nil
}

func (v *vendor) close() { v.server.Close() }

func (v *vendor) root() string { return filepath.Join(v.dir, "keys", repository.RootFile) }

// release adds a version whose files are in a folder.
func (v *vendor) release(ctx context.Context, dir string, s Step) (repository.Added, error) {
	return v.repository.Add(ctx, repository.AddOptions{
		Dir: dir, Channel: channel, Patches: s.Patches, Floor: s.Floor, Minimum: s.Minimum,
		Notes: map[string]string{"en": "Version " + s.Version + " of a scenario."},
	})
}

func (v *vendor) withdraw(ctx context.Context, version string) error {
	return v.repository.Yank(ctx, repository.Where{Channel: channel, Version: version}, "withdrawn by the scenario")
}

// bundle writes a version into a file, for who runs another one.
func (v *vendor) bundle(ctx context.Context, version, from string) (path string, err error) {
	f, err := os.CreateTemp(v.dir, "*"+repository.BundleExtension)
	if err != nil {
		return "", err
	}
	err = v.repository.Bundle(ctx, f, repository.Where{Channel: channel, Version: version}, from)
	return f.Name(), errors.Join(err, f.Close())
}

// proxy answers only who has the name and password, and only what is asked of
// the one host that there is behind it.
func proxy(behind http.Handler, user, password string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The header is that of Authorization by another name (RFC 9110, 11.7).
		asked := http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
		u, p, ok := asked.BasicAuth()
		switch {
		case !ok || u != user || subtle.ConstantTimeCompare([]byte(p), []byte(password)) != 1:
			w.Header().Set("Proxy-Authenticate", `Basic realm="scenario"`)
			http.Error(w, "the proxy asks for a name and a password", http.StatusProxyAuthRequired)
		case !r.URL.IsAbs() || !strings.EqualFold(r.URL.Hostname(), behindProxy):
			http.Error(w, "there is no such host behind the proxy", http.StatusBadGateway)
		default:
			behind.ServeHTTP(w, r)
		}
	})
}

// slow bounds how fast answers are written, in bytes a second; 0 does not.
func slow(h http.Handler, rate int64) http.Handler {
	if rate <= 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&slowWriter{w, r.Context(), rate}, r)
	})
}

// slowWriter writes pieces of a tenth of a second. It has no ReadFrom, by which
// a file would go past it.
type slowWriter struct {
	http.ResponseWriter
	ctx  context.Context
	rate int64
}

// Write implements io.Writer.
func (w *slowWriter) Write(p []byte) (n int, err error) {
	piece := int(max(1, w.rate/10))
	for len(p) > 0 {
		part := p[:min(len(p), piece)]
		written, err := w.ResponseWriter.Write(part)
		n += written
		if err != nil {
			return n, err
		}
		if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
			return n, err
		}
		select {
		case <-time.After(time.Duration(len(part)) * time.Second / time.Duration(w.rate)):
		case <-w.ctx.Done():
			return n, w.ctx.Err()
		}
		p = p[len(part):]
	}
	return n, nil
}
