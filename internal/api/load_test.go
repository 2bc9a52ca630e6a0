package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passwords"
)

// TestOpenRoutesUnderLoad has several machines ask the open routes as often as
// they can, with real hashes of passwords. Meanwhile an administrator who is
// logged in goes on working, and the memory stays bounded.
func TestOpenRoutesUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three seconds")
	}
	const (
		password              = "three plums in a hat"
		strangers, each, long = 4, 8, 3 * time.Second
	)
	accounts := setting.Access{Accounts: []setting.Account{{Name: "admin", Role: setting.Admin, Hash: passwords.Hash(password)}}}
	gate := access.New(func() setting.Access { return accounts }, access.Options{})
	id := newIdentity(t)
	l, err := ListenTLS("127.0.0.1:0", id.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, TLS, NewHandler(Routes(new(fakeSource), gate), gate), l)

	me := client.NewTLS(l.Addr().String(), id.Fingerprint())
	defer me.Close()
	session, err := me.Login(t.Context(), wire.Login{Account: "admin", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	me = me.WithToken(session.Token)
	before := inUse()

	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var asked atomic.Int64
	var wg sync.WaitGroup
	for i := range strangers * each {
		stranger := strangerAt(t, fmt.Sprintf("127.0.1.%d", 1+i%strangers), l.Addr().String())
		wg.Go(func() {
			for ctx.Err() == nil {
				asked.Add(stranger(ctx, i))
			}
		})
	}
	var slowest time.Duration
	var most uint64
	rounds := 0
	for ; ctx.Err() == nil; rounds++ {
		start := time.Now()
		if _, err := me.Session(t.Context()); err != nil {
			t.Fatalf("the administrator is refused: %v", err)
		}
		slowest = max(slowest, time.Since(start))
		most = max(most, inUse())
		time.Sleep(20 * time.Millisecond)
	}
	wg.Wait()
	t.Logf("%d requests a second; the administrator waited %s at most, of %d times; %d MiB more in use",
		asked.Load()/int64(long/time.Second), slowest.Round(time.Millisecond), rounds, (most-before)>>20)
	// A machine that is busy otherwise answers late, but not that late.
	if slowest > 2*time.Second || rounds < 3 {
		t.Errorf("the administrator waited %s, of %d times", slowest, rounds)
	}
	if asked.Load() < 100 {
		t.Errorf("only %d requests were answered: that is no load", asked.Load())
	}
	// One hash takes 12 MiB; 32 at once would take 384. The strangers are in
	// this process too.
	if grown := int64(most) - int64(before); grown > 96<<20 {
		t.Errorf("%d MiB more are in use", grown>>20)
	}
}

// inUse is the memory of the program's objects and stacks, garbage included.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// strangerAt asks the open routes in turn, over one connection from an address;
// it gives how many answers there were.
func strangerAt(t *testing.T, from, to string) func(ctx context.Context, i int) int64 {
	transport := &http.Transport{
		DialContext:     (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // whoever floods does not look
		MaxConnsPerHost: 1,
	}
	t.Cleanup(transport.CloseIdleConnections)
	n := 0
	return func(ctx context.Context, i int) int64 {
		n++
		method, path, body := http.MethodGet, "/v1/status", ""
		switch n % 4 {
		case 1:
			method, path, body = http.MethodPost, "/v1/login", fmt.Sprintf(`{"account":"user%d-%d","password":"guess"}`, i, n)
		case 2:
			method, path, body = http.MethodPost, "/v1/setup", `{"code":"AAAA-AAAA"}`
		case 3:
			path = "/v1/setup"
		}
		req, err := http.NewRequestWithContext(ctx, method, "https://"+to+path, bytes.NewReader([]byte(body)))
		if err != nil {
			return 0
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return 1
	}
}

// TestUnixConnectionsAreBounded: a service that is taken over cannot keep the
// agent's watchdog from it, but root can have as many as it likes.
func TestUnixConnectionsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ingotd.sock")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	start(t, Unix, l)
	refused := 0
	for range maxConnsPerPeer + 5 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err != nil {
			refused++
		}
	}
	if want := map[bool]int{true: 0, false: 5}[os.Getuid() == 0]; refused != want {
		t.Errorf("%d connections were refused, want %d", refused, want)
	}
}
