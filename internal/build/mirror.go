package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/host"
)

// MirrorState is a digest of the mirror's package indexes, with the time of the
// newest. It is asked for
// once and kept in the cache's folder, so that a build without network works
// and a warm build asks nobody; refresh asks again, and what was made of
// packages is then rebuilt if the mirror has news.
func MirrorState(ctx context.Context, client *http.Client, cacheDir string, base appliance.Base, refresh bool) (string, error) {
	id := sha256.Sum256([]byte(base.Mirror + " " + base.Release))
	file := filepath.Join(cacheDir, "mirrors", hex.EncodeToString(id[:8]))
	if !refresh {
		state, err := os.ReadFile(file)
		if err == nil {
			return string(state), nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	sum, newest := sha256.New(), time.Time{}
	for _, source := range sources(base.Release, base.Mirror) {
		words := strings.Fields(source) // deb URL SUITE main
		index := strings.TrimSuffix(words[1], "/") + "/dists/" + words[2] + "/InRelease"
		var text bytes.Buffer
		if err := fetchInto(ctx, client, io.MultiWriter(sum, &text), index); err != nil {
			return "", &Error{Kind: KindMirror, Message: fmt.Sprintf("the package mirror %s cannot be reached: %v", base.Mirror, err),
				Hint: "check the network and base.mirror; the environment's http_proxy is used when set", Err: err}
		}
		if t := indexTime(text.Bytes(), time.Now()); t.After(newest) {
			newest = t
		}
	}
	state := mirrorState(hex.EncodeToString(sum.Sum(nil)), newest)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	return state, host.WriteFile(file, []byte(state), 0o644)
}

// fetchInto reads a signed package index; apt checks its signature later, here
// it only tells one state of the mirror from another.
func fetchInto(ctx context.Context, client *http.Client, w io.Writer, url string) error {
	const limit = 8 << 20 // Debian's InRelease files are some 150 KB
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	_, err = io.Copy(w, io.LimitReader(resp.Body, limit))
	return err
}
