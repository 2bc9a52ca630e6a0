package api

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/agent/identity"
	"github.com/ingotvm/ingot/internal/api/client"
)

// start serves on a listener until the test ends.
func start(t *testing.T, transport Transport, l net.Listener) {
	t.Helper()
	_, _, handler := newAPI()
	serve(t, transport, handler, l)
}

func serve(t *testing.T, transport Transport, handler http.Handler, l net.Listener) {
	t.Helper()
	s := NewServer(handler, transport, new(Connections))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve() = %v", err)
		}
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
}

func newIdentity(t *testing.T) *identity.Identity {
	t.Helper()
	id, err := identity.Open(t.TempDir(), time.Now, identity.Names{Host: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func startTLS(t *testing.T) (address string, id *identity.Identity) {
	t.Helper()
	id = newIdentity(t)
	l, err := ListenTLS("127.0.0.1:0", id.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	start(t, TLS, l)
	return l.Addr().String(), id
}

func TestUnixSocketKnowsItsPeer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ingotd.sock")
	if err := os.WriteFile(path, nil, 0o600); err != nil { // left behind by a crash
		t.Fatal(err)
	}
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	start(t, Unix, l)
	c := client.NewUnix(path)
	defer c.Close()
	s, err := c.Status(t.Context())
	if err != nil || s.Name != "demo" {
		t.Errorf("Status() = %+v, %v", s, err)
	}
	checks, err := c.Checks(t.Context())
	if os.Getuid() == 0 {
		if err != nil || len(checks.Jobs) != 1 {
			t.Errorf("Checks() by root = %+v, %v", checks, err)
		}
		return
	}
	var answer *client.Error
	if !errors.As(err, &answer) || answer.Status != http.StatusForbidden || answer.Hint == "" {
		t.Errorf("Checks() by a user = %v; want a 403 with a hint", err)
	}
}

func TestClientOfNobody(t *testing.T) {
	_, err := client.NewUnix(filepath.Join(t.TempDir(), "none")).Status(t.Context())
	if !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("Status() = %v; want ErrUnreachable", err)
	}
}

func TestTLSFingerprint(t *testing.T) {
	address, id := startTLS(t)
	for _, test := range []struct {
		name, fingerprint string
		ok                bool
	}{
		{"right", id.Fingerprint(), true},
		{"right, lower case", strings.ToLower(id.Fingerprint()), true},
		{"any", "", true},
		{"wrong", strings.Repeat("00:", 31) + "00", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := client.NewTLS(address, test.fingerprint)
			defer c.Close()
			if _, err := c.Status(t.Context()); (err == nil) != test.ok {
				t.Errorf("Status() = %v", err)
			}
		})
	}
	c := client.NewTLS(address, id.Fingerprint())
	defer c.Close()
	var answer *client.Error
	if _, err := c.Checks(t.Context()); !errors.As(err, &answer) || answer.Status != http.StatusForbidden {
		t.Errorf("Checks() over TLS = %v; want 403", err)
	}
}

func TestPlainHTTPIsRedirected(t *testing.T) {
	address, _ := startTLS(t)
	for _, test := range []struct{ name, request, status, location string }{
		{"page", "GET /a%20b HTTP/1.1\r\nHost: box.example:5480\r\n\r\n", "307", "https://box.example:5480/a%20b"},
		{"IPv6", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:5480\r\n\r\n", "307", "https://[2001:db8::1]:5480/"},
		{"hostile host", "GET / HTTP/1.1\r\nHost: a\"<b>;c/\r\n\r\n", "400", ""},
		{"no host", "GET / HTTP/1.0\r\n\r\n", "400", ""},
		{"nonsense", "HELLO\r\n\r\n", "400", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprint(c, test.request)
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(resp.Status, test.status) || resp.Header.Get("Location") != test.location {
				t.Errorf("= %s, Location %q; want %s, %q", resp.Status, resp.Header.Get("Location"), test.status, test.location)
			}
		})
	}
}

func TestHugeHeadIsRefused(t *testing.T) {
	address, _ := startTLS(t)
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) // the test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		fmt.Fprintf(c, "GET /v1/status HTTP/1.1\r\nHost: x\r\n")
		line := "X-Pad: " + strings.Repeat("p", 1000) + "\r\n"
		for range 1000 {
			if _, err := io.WriteString(c, line); err != nil {
				return
			}
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil && resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a head of 1 MB is answered %s; want 431", resp.Status)
	}
}

func TestSlowHeadIsCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	_, _, handler := newAPI()
	s := NewServer(handler, Unix, new(Connections))
	if s.ReadHeaderTimeout == 0 || s.ReadHeaderTimeout > 10*time.Second || s.WriteTimeout == 0 || s.IdleTimeout == 0 {
		t.Errorf("the server waits too long: %+v", s)
	}
	s.ReadHeaderTimeout = 100 * time.Millisecond
	go s.Serve(l)
	defer s.Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// One byte each 20 ms would go on for ever; the limit counts the whole head.
	go func() {
		for {
			if _, err := c.Write([]byte("G")); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a head that never ends was never cut off")
	}
}
