package providertest

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Browse does at the provider what somebody with a browser would: it opens the
// address, fills in the form, and is the address to which the browser is then
// sent.
func (p *Provider) Browse(t testing.TB, address, name, password string) *url.URL {
	t.Helper()
	back, err := p.browse(address, name, password)
	if err != nil {
		t.Fatalf("logging in at the provider: %v", err)
	}
	return back
}

// Refuses is the provider's answer to an address that it does not take.
func (p *Provider) Refuses(t testing.TB, address string) string {
	t.Helper()
	back, err := p.browse(address, "alice", Password)
	if err == nil {
		return back.String()
	}
	return err.Error()
}

func (p *Provider) browse(address, name, password string) (*url.URL, error) {
	client := p.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Get(address)
	for hops := 0; err == nil; hops++ {
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		to, gone := resp.Location()
		switch {
		case hops > 10 || resp.StatusCode >= 400:
			return nil, fmt.Errorf("status %d: %s", resp.StatusCode, body)
		case gone == nil && !strings.HasPrefix(to.String(), p.URL):
			return to, nil
		case gone == nil:
			resp, err = client.Get(to.String())
		default:
			form := regexp.MustCompile(`name="id" value="([^"]+)"`).FindSubmatch(body)
			if form == nil || hops > 5 {
				return nil, fmt.Errorf("the page says %s", body)
			}
			resp, err = client.PostForm(p.URL+"/login/username", url.Values{"id": {string(form[1])}, "username": {name}, "password": {password}})
		}
	}
	return nil, err
}

func hmacSum(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
