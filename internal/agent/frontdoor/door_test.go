package frontdoor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// trial is a door on loopback with an application behind it.
type trial struct {
	*Door
	https, http string
	client      *http.Client
	cert        atomic.Pointer[tls.Certificate]
	application *httptest.Server
}

func certificate(t testing.TB, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func portOf(t testing.TB, address string) int {
	t.Helper()
	_, text, _ := net.SplitHostPort(address)
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// open opens a door before an application until the test ends.
func open(t testing.TB, application http.Handler) *trial {
	t.Helper()
	p := &trial{https: freeAddress(t), http: freeAddress(t), application: httptest.NewServer(application)}
	t.Cleanup(p.application.Close)
	p.cert.Store(certificate(t, "appliance.example"))
	p.Door = New(Options{Application: portOf(t, p.application.Listener.Addr().String()), Certificate: p.cert.Load, HTTPS: p.https, HTTP: p.http})
	run(t, p.Door)
	p.client = p.visitor()
	return p
}

func run(t testing.TB, d *Door) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Error("the door does not close")
		}
	})
	for _, address := range []string{d.opts.HTTPS, d.opts.HTTP} {
		for range 500 {
			c, err := net.Dial("tcp", address)
			if err == nil {
				c.Close()
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// visitor is a browser that trusts the door's certificate, by connections of
// its own.
func (p *trial) visitor() *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(p.cert.Load().Leaf)
	name := p.cert.Load().Leaf.DNSNames[0]
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name}, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (p *trial) get(t testing.TB, path string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "https://"+p.https+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// raw sends bytes as they are over TLS, and returns all that comes back within
// some seconds of silence.
func (p *trial) raw(t testing.TB, text string) string {
	t.Helper()
	c, err := tls.Dial("tcp", p.https, &tls.Config{InsecureSkipVerify: true}) // our own trial's
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return say(t, c, text)
}

func say(t testing.TB, c net.Conn, text string) string {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	answer, err := io.ReadAll(c)
	if err != nil && !os.IsTimeout(err) && len(answer) == 0 {
		return "closed: " + err.Error()
	}
	return string(answer)
}

func TestRequestsGoThrough(t *testing.T) {
	p := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Application", "yes")
		w.Header().Add("Set-Cookie", "a=1")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.RequestURI, r.Host, body)
	}))
	for _, path := range []string{"/", "/a%2Fb/../c?x=%zz;y&z", "/a%20b", "/?"} {
		u := "https://" + p.https + "/"
		req, err := http.NewRequest(http.MethodPut, u, strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "shop.example:8443"
		req.URL.Opaque = path
		resp, err := p.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := "PUT " + path + " shop.example:8443 body"; string(got) != want || resp.StatusCode != http.StatusTeapot {
			t.Errorf("%s: %s %q, want %q", path, resp.Status, got, want)
		}
		if resp.Header.Get("X-Application") != "yes" || resp.Header.Get("Set-Cookie") != "a=1" {
			t.Errorf("%s: the application's headers are lost: %v", path, resp.Header)
		}
	}
	answer := p.raw(t, "GET //double HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
	if !strings.Contains(answer, "GET //double shop.example") {
		t.Errorf("a path with two slashes: %s", answer)
	}
}

// TestCertificateIsLive: the next connection is greeted with the new one.
func TestCertificateIsLive(t *testing.T) {
	p := open(t, http.NotFoundHandler())
	p.get(t, "/", nil)
	p.cert.Store(certificate(t, "renewed.example"))
	p.client = p.visitor()
	resp, _ := p.get(t, "/", nil)
	if got := resp.TLS.PeerCertificates[0].DNSNames[0]; got != "renewed.example" {
		t.Errorf("a new visitor is greeted as %s", got)
	}
	c, err := tls.Dial("tcp", p.https, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11})
	if err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// TestWebSocket shakes hands as RFC 6455 says and sends both ways.
func TestWebSocket(t *testing.T) {
	p := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Connection") != "Upgrade" {
			http.Error(w, "no upgrade is asked for", http.StatusUpgradeRequired)
			return
		}
		c, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", r.Header.Get("Sec-WebSocket-Key"))
		_, _ = io.Copy(c, buffered) // until the visitor goes
	}))
	c, err := tls.Dial("tcp", p.https, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(c, "GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: abc\r\nSec-WebSocket-Version: 13\r\n\r\n")
	in := bufio.NewReader(c)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != "abc" {
		t.Fatalf("the handshake is answered %+v, %v", resp, err)
	}
	for i := range 3 {
		word := fmt.Sprintf("frame %d\n", i)
		if _, err := io.WriteString(c, word); err != nil {
			t.Fatal(err)
		}
		if got, err := in.ReadString('\n'); got != word || err != nil {
			t.Fatalf("came back as %q, %v", got, err)
		}
	}
	answer := p.raw(t, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\r\n")
	if !strings.Contains(answer, " 426 ") {
		t.Errorf("a tunnel of another protocol is let through: %s", answer)
	}
}

// TestStreams: each part of an answer without a length comes when it is sent.
func TestStreams(t *testing.T) {
	next := make(chan string)
	p := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for event := range next {
			fmt.Fprintf(w, "data: %s\n\n", event)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	go func() { next <- "first" }()
	resp, err := p.client.Get("https://" + p.https + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	for _, event := range []string{"first", "second", "third"} {
		if event != "first" {
			next <- event
		}
		line, err := in.ReadString('\n')
		if err != nil || line != "data: "+event+"\n" {
			t.Fatalf("%q, %v instead of the %s event", line, err, event)
		}
		_, _ = in.ReadString('\n')
	}
	close(next)
}

// zeroes are n bytes that nobody keeps.
type zeroes struct{ left int64 }

func (z *zeroes) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	z.left -= n
	clear(p[:n])
	return int(n), nil
}

// TestLargeTransfers: 128 MiB in and out, whole, without memory for it.
func TestLargeTransfers(t *testing.T) {
	const size = 128 << 20
	p := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(size))
		_, _ = io.Copy(w, &zeroes{size})
	}))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	watched, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for watched.Err() == nil {
			runtime.ReadMemStats(&after)
			most.Store(max(most.Load(), after.HeapAlloc))
			time.Sleep(20 * time.Millisecond)
		}
	})
	for _, chunked := range []bool{false, true} {
		req, err := http.NewRequest(http.MethodPut, "https://"+p.https+"/up", io.NopCloser(&zeroes{size}))
		if err != nil {
			t.Fatal(err)
		}
		if !chunked {
			req.ContentLength = size
		}
		resp, err := p.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := fmt.Sprint(size, nil); string(got) != want {
			t.Errorf("of %d bytes came %s (chunked: %v)", size, got, chunked)
		}
	}
	resp, err := p.client.Get("https://" + p.https + "/down")
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if n != size || err != nil {
		t.Errorf("of %d bytes came %d, %v", size, n, err)
	}
	stop()
	wg.Wait()
	if grown := int64(most.Load()) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("moving %d MiB took %d MiB of memory", 3*size>>20, grown>>20)
	}
}

// TestManyAtOnce: 200 visitors, each with several requests over its connection.
func TestManyAtOnce(t *testing.T) {
	p := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%x", sha256.Sum256(body))
	}))
	var wg sync.WaitGroup
	var failed atomic.Int64
	for i := range 200 {
		wg.Go(func() {
			// From several addresses, as visitors come.
			local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%4))}
			tr := &http.Transport{DialContext: (&net.Dialer{LocalAddr: local}).DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
			defer tr.CloseIdleConnections()
			c := &http.Client{Transport: tr}
			for n := range 5 {
				body := bytes.Repeat([]byte{byte(i), byte(n)}, 1000+i)
				resp, err := c.Post("https://"+p.https+"/sum", "application/octet-stream", bytes.NewReader(body))
				if err != nil {
					failed.Add(1)
					return
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if want := fmt.Sprintf("%x", sha256.Sum256(body)); string(got) != want || err != nil {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if failed.Load() != 0 {
		t.Errorf("%d requests failed", failed.Load())
	}
}

// TestContinue: a visitor who asks before sending a body is told to, by the
// application, and is not when that refuses.
func TestContinue(t *testing.T) {
	p := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "got %s", body)
	}))
	for path, want := range map[string]string{"/yes": "HTTP/1.1 100 Continue", "/no": "HTTP/1.1 403 Forbidden"} {
		c, err := tls.Dial("tcp", p.https, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n", path)
		in := bufio.NewReader(c)
		if line, err := in.ReadString('\n'); strings.TrimSpace(line) != want || err != nil {
			t.Errorf("%s: answered %q, %v", path, line, err)
		}
		if path == "/yes" {
			_, _ = io.WriteString(c, "body")
			if rest, err := io.ReadAll(in); !strings.HasSuffix(string(rest), "got body") || err != nil {
				t.Errorf("answered %q, %v", rest, err)
			}
		}
	}
}

// TestVisitorLeaves: the application is told when nobody waits for its answer.
func TestVisitorLeaves(t *testing.T) {
	came, left := make(chan struct{}), make(chan struct{})
	p := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(came)
		<-r.Context().Done()
		close(left)
	}))
	c, err := tls.Dial("tcp", p.https, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-came
	c.Close()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("the application still works for nobody")
	}
}

// TestTakenPort: what is in the way is told, and the door opens once it is gone.
func TestTakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	changed := make(chan struct{}, 9)
	cert := certificate(t, "x.example")
	d := New(Options{Application: 1, Certificate: func() *tls.Certificate { return cert }, HTTPS: taken.Addr().String(), HTTP: "127.0.0.1:0",
		Changed: func() { changed <- struct{}{} }})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { d.Run(ctx); close(ended) }()
	<-changed
	if p := d.Problem(); !strings.Contains(p, "address already in use") {
		t.Errorf("the problem is %q", p)
	}
	taken.Close()
	select {
	case <-changed:
	case <-time.After(2 * openAgain):
		t.Fatal("the port is not tried again")
	}
	if p := d.Problem(); p != "" {
		t.Errorf("open, and there still is a problem: %s", p)
	}
	stop()
	<-ended
}
