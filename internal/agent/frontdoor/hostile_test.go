package frontdoor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/words"
)

// mirror answers with the request as it came.
func mirror(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "uri": r.RequestURI, "host": r.Host, "header": r.Header, "body": string(body)})
}

type mirrored struct {
	Method, URI, Host, Body string
	Header                  http.Header
}

func TestForgedHeaders(t *testing.T) {
	p := open(t, http.HandlerFunc(mirror))
	forged := []string{
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-User", "Forwarded",
		"X-Real-Ip", "True-Client-Ip", "X-Client-Ip", "X-Original-Url", "X-Rewrite-Url", "X_Forwarded_For", "X_forwarded-For", "X_Real_Ip",
		"Remote-User", "Proxy", "Front-End-Https",
	}
	header := http.Header{"X-Mine": {"stays"}, "My_own": {"stays"}, "Cookie": {"a=1; __Host-ingot=KEY; b=2", "__host-INGOT-half=KEY"},
		"Connection": {"X-Forwarded-For, X-Hop"}, "X-Hop": {"one hop"}, "Te": {"trailers, deflate"}, "Proxy-Authorization": {"Basic x"}}
	for _, name := range forged {
		header[name] = []string{"6.6.6.6", "evil"}
	}
	resp, body := p.get(t, "/", header)
	var seen mirrored
	if err := json.Unmarshal([]byte(body), &seen); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(err, body)
	}
	want := http.Header{
		"X-Mine": {"stays"}, "My_own": {"stays"}, "Cookie": {"a=1; b=2"}, "Te": {"trailers"}, "User-Agent": {"Go-http-client/1.1"},
		"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {p.https}, "X-Forwarded-Proto": {"https"},
	}
	if !reflect.DeepEqual(seen.Header, want) {
		t.Errorf("the application sees %v\nwant %v", seen.Header, want)
	}
	if seen.Host != p.https {
		t.Errorf("the application is asked as %s", seen.Host)
	}
}

// TestAnswersAreCleaned: an application can neither set the management pages'
// cookies nor promise more of the host than they do.
func TestAnswersAreCleaned(t *testing.T) {
	p := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, c := range []string{"a=1; Path=/", "__Host-ingot=x; Secure; Path=/", " __HOST-INGOT-code=x", "=__Host-ingot=x", "b=__Host-ingot"} {
			w.Header().Add("Set-Cookie", c)
		}
		w.Header().Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains; preload")
	}))
	resp, _ := p.get(t, "/", nil)
	if got, want := resp.Header["Set-Cookie"], []string{"a=1; Path=/", "b=__Host-ingot"}; !slices.Equal(got, want) {
		t.Errorf("cookies %q, want %q", got, want)
	}
	if got := resp.Header.Get("Strict-Transport-Security"); got != managementHSTS {
		t.Errorf("promised is %q", got)
	}
}

// TestManagementCookies: the pages' cookies are those that are kept back.
func TestManagementCookies(t *testing.T) {
	files, err := filepath.Glob("../../web/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no pages", err)
	}
	found := 0
	for _, f := range files {
		source, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"(__Host-|__Secure-)[^"]*"`).FindAllString(string(source), -1) {
			found++
			if !strings.HasPrefix(m, `"`+managementCookies) {
				t.Errorf("%s: the cookie %s would be told to the application", f, m)
			}
		}
		if strings.Contains(string(source), "max-age=") && strings.Contains(string(source), "Strict-Transport-Security") && !strings.Contains(string(source), managementHSTS) {
			t.Errorf("%s promises something else than %s", f, managementHSTS)
		}
	}
	if found < 3 {
		t.Errorf("only %d cookies found", found)
	}
}

// TestHostileRequests: none gets past the door as two, to somewhere else, or
// with a head that an application may read in another way.
func TestHostileRequests(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	p := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		seen = append(seen, r.Method+" "+r.RequestURI+" "+r.Host+" "+strings.Join(r.TransferEncoding, ",")+string(body))
		mu.Unlock()
	}))
	for _, test := range []struct {
		name, request string
		status        string // of the first answer, "" for a closed connection
		seen          []string
	}{
		{"length and chunks", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nz\r\n0\r\n\r\n", "200", []string{"POST /a x chunkedz"}},
		{"length and chunks, and a request in between", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 49\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200", []string{"POST /a x chunked", "GET /admin x "}},
		{"two lengths", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", "400", nil},
		{"a length with a sign", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd", "400", nil},
		{"chunks that are no chunks", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501", nil},
		{"two codings", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501", nil},
		{"a space before the colon", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400", nil},
		{"a folded header", "GET /a HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\nConnection: close\r\n\r\n", "200", []string{"GET /a x "}},
		{"another host's URI", "GET http://evil.example/a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200", []string{"GET /a?b evil.example "}},
		{"a URI without slashes", "GET http:.evil.example/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "400", nil},
		{"another scheme", "GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "400", nil},
		{"a tunnel", "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\nConnection: close\r\n\r\n", "400", nil},
		{"a tunnel with a path", "CONNECT /x HTTP/1.1\r\nHost: 127.0.0.1:22\r\nConnection: close\r\n\r\n", "405", nil},
		{"an echo", "TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "405", nil},
		{"no host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "400", nil},
		{"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n", "400", nil},
		{"an account in the host", "GET / HTTP/1.1\r\nHost: x@y\r\nConnection: close\r\n\r\n", "400", nil},
		{"a path in the host", "GET / HTTP/1.1\r\nHost: x/../y\r\nConnection: close\r\n\r\n", "400", nil},
		{"markup in the host", "GET / HTTP/1.1\r\nHost: <script>\r\nConnection: close\r\n\r\n", "400", nil},
		{"the whole server", "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200", nil},
		{"another protocol", "SSH-2.0-x\r\n\r\n", "400", nil},
		{"HTTP/2 at once", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", nil},
		{"a head without end", "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", maxHeader+8<<10), "431", nil},
		{"a zero in a header", "GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", "400", nil},
		{"a line end alone in a header", "GET / HTTP/1.1\r\nHost: x\r\nX: a\rY: b\r\n\r\n", "400", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			mu.Lock()
			seen = nil
			mu.Unlock()
			answer := p.raw(t, test.request)
			if got := strings.TrimPrefix(answer, "HTTP/1.1 "); !strings.HasPrefix(got, test.status+" ") {
				t.Errorf("answered %.300q, want %s", answer, test.status)
			}
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(seen, test.seen) {
				t.Errorf("the application saw %q, want %q", seen, test.seen)
			}
		})
	}
}

// TestSecured: whoever asks on port 80 is sent to the same place over https,
// and nowhere else.
func TestSecured(t *testing.T) {
	p := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Error("asked over http:", r.URL) }))
	for _, test := range []struct{ method, target, host, want string }{
		{"GET", "/", "shop.example", "https://shop.example/"},
		{"POST", "/a%20b/c%2Fd?x=1&y=%zz;z", "shop.example:80", "https://shop.example/a%20b/c%2Fd?x=1&y=%zz;z"},
		{"GET", "/?", "192.0.2.7:8080", "https://192.0.2.7/?"},
		{"GET", "/", "[2001:db8::1]:80", "https://[2001:db8::1]/"},
		{"GET", "//evil.example/", "shop.example", "https://shop.example//evil.example/"},
		{"GET", "/\\evil.example", "shop.example", "https://shop.example/%5Cevil.example"},
		{"GET", "/?<script>\"ü", "shop.example", "https://shop.example/?%3Cscript%3E%22%C3%BC"},
		{"GET", "http://other.example/x", "shop.example", "https://other.example/x"},
		{"GET", "/.well-known/acme-challenge/x", "shop.example", "https://shop.example/.well-known/acme-challenge/x"},
		{"GET", "http:.evil.example/", "shop.example", ""},
		{"GET", "/", "shop.example@evil.example", ""},
		{"GET", "/", "shop.example:80@evil.example", ""},
		{"GET", "/", "evil.example/", ""},
		{"GET", "/", "[::1", ""},
		{"GET", "/", "[::1%25eth0]", ""},
		{"GET", "/", "::1", ""},
		{"GET", "/", "a..b", ""},
		{"CONNECT", "evil.example:443", "evil.example:443", ""},
	} {
		c, err := net.Dial("tcp", p.http)
		if err != nil {
			t.Fatal(err)
		}
		answer := say(t, c, test.method+" "+test.target+" HTTP/1.1\r\nHost: "+test.host+"\r\n\r\n")
		c.Close()
		location := ""
		if m := regexp.MustCompile(`\r\nLocation: ([^\r]*)\r\n`).FindStringSubmatch(answer); m != nil {
			location = m[1]
		}
		status := "HTTP/1.1 308 "
		if test.want == "" {
			status = "HTTP/1.1 400 "
		}
		if location != test.want || !strings.HasPrefix(answer, status) {
			t.Errorf("%s %s of %s leads to %q, want %q: %.80q", test.method, test.target, test.host, location, test.want, answer)
		}
		if test.want != "" && (!strings.Contains(answer, "\r\nCache-Control: no-store\r\n") || !strings.Contains(answer, "\r\nConnection: close\r\n")) {
			t.Errorf("%s: the answer is to be remembered, or the connection stays: %q", test.target, answer)
		}
	}
}

func FuzzSecured(f *testing.F) {
	for _, seed := range [][2]string{{"shop.example:80", "/a?b"}, {"[::1]", "//x"}, {"x@y", "http:.evil"}, {"a.b", "/%zz"}, {"x", "/\\y?\r\n"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, host, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		got, ok := secured(&http.Request{Host: host, URL: u})
		if !ok {
			return
		}
		back, err := url.Parse(got)
		if err != nil || back.Scheme != "https" || back.User != nil || back.Fragment != "" || back.Port() != "" {
			t.Fatalf("%q of %q leads to %q: %v", target, host, got, err)
		}
		if name, _ := hostOf(host); back.Host != name || !strings.HasPrefix(strings.ToLower(host), strings.ToLower(strings.TrimSuffix(name, "]"))) && !strings.HasPrefix(host, "[") {
			t.Fatalf("%q leads to the host %q", host, back.Host)
		}
		if back.Path != u.Path || strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Fatalf("%q of %q leads to %q", target, host, got)
		}
	})
}

func FuzzCookies(f *testing.F) {
	f.Add("a=1; __Host-ingot=KEY; b=2")
	f.Add("__Host-ingot-half=KEY")
	f.Add(`a="x; __Host-ingot=KEY"; =__Host-ingot`)
	f.Fuzz(func(t *testing.T, header string) {
		kept := withoutManagement([]string{header})
		for _, c := range (&http.Request{Header: http.Header{"Cookie": kept}}).Cookies() {
			if strings.HasPrefix(c.Name, managementCookies) {
				t.Fatalf("of %q stays %q", header, kept)
			}
		}
		for _, c := range (&http.Request{Header: http.Header{"Cookie": {header}}}).Cookies() {
			if isManagement(c.Name) || strings.Contains(header, `"`) {
				continue
			}
			if !slices.ContainsFunc((&http.Request{Header: http.Header{"Cookie": kept}}).Cookies(), func(k *http.Cookie) bool { return k.String() == c.String() }) {
				t.Fatalf("of %q only %q stays", header, kept)
			}
		}
	})
}

func FuzzSpoken(f *testing.F) {
	f.Add("fr, de-AT;q=0.8, en;q=0.5")
	f.Add("ja")
	f.Fuzz(func(t *testing.T, accept string) {
		if l := words.Spoken(accept).Language(); !slices.Contains([]string{"en", "de", "ja"}, l) {
			t.Fatalf("%q is spoken to in %q", accept, l)
		}
	})
}

// TestAway: what a visitor is told when the application does not answer, and
// that it says nothing of why.
func TestAway(t *testing.T) {
	broken := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if r.URL.Path == "/garbage" {
			_, _ = io.WriteString(c, "SECRET not HTTP\r\n\r\n")
		}
		c.Close()
	})
	p := open(t, broken)
	page := http.Header{"Accept": {"text/html,*/*"}}
	for _, test := range []struct {
		path, language string
		header         http.Header
		status         int
		says           string
	}{
		{"/", "", page, 502, `<html lang="en">`},
		{"/garbage", "de-AT, en;q=0.5", page, 502, "Die Anwendung antwortet nicht"},
		{"/", "ja", page, 502, "アプリケーションが応答していません"},
		{"/api", "fr", nil, 502, "The application does not answer. It may"},
		{"/", "de", page, 503, `<html lang="de">`},
		{"/api", "", nil, 503, "The application does not answer. It may"},
	} {
		if test.status == 503 {
			p.application.Close()
		}
		header := http.Header{"Accept-Language": {test.language}}
		if test.header != nil {
			header["Accept"] = test.header["Accept"]
		}
		resp, body := p.get(t, test.path, header)
		if resp.StatusCode != test.status || !strings.Contains(body, test.says) {
			t.Errorf("%s: %s %q, want %d and %q", test.path, resp.Status, body, test.status, test.says)
		}
		port := strings.Split(p.application.Listener.Addr().String(), ":")[1]
		if resp.Header.Get("Retry-After") == "" || strings.Contains(body, "SECRET") || strings.Contains(body, "127.0.0.1") || strings.Contains(body, port) {
			t.Errorf("%s: %v %s", test.path, resp.Header, body)
		}
		if html := strings.HasPrefix(body, "<!DOCTYPE html>"); html != (test.header != nil) {
			t.Errorf("%s: a page: %v", test.path, html)
		}
	}
}

// TestBrokenAnswer: an answer that breaks off does not look whole.
func TestBrokenAnswer(t *testing.T) {
	p := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	resp, err := p.client.Get("https://" + p.https + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("half an answer is taken for whole: %q", got)
	}
}

// TestChallenges: an authority is answered on port 80 beside the way to 443.
func TestChallenges(t *testing.T) {
	p := open(t, http.NotFoundHandler())
	ask := func(path string) (int, string) {
		resp, err := p.client.Get("http://" + p.http + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	stop, err := p.Answer(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "answer to "+r.URL.Path) }))
	if err != nil {
		t.Fatal(err)
	}
	if status, body := ask(challengePath + "token"); status != 200 || body != "answer to "+challengePath+"token" {
		t.Errorf("the authority is answered %d %s", status, body)
	}
	if status, _ := ask("/shop"); status != http.StatusPermanentRedirect {
		t.Errorf("beside the authority, others are answered %d", status)
	}
	stop()
	if status, _ := ask(challengePath + "token"); status != http.StatusPermanentRedirect {
		t.Errorf("afterwards the authority is answered %d", status)
	}
}

// TestChallengesOfTakenPort: an authority is not waited for in vain.
func TestChallengesOfTakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	d := New(Options{Application: 1, HTTPS: freeAddress(t), HTTP: taken.Addr().String()})
	run(t, d)
	if _, err := d.Answer(t.Context(), http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("answers on a port that somebody else has: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(Options{}).Answer(ctx, http.NotFoundHandler()); !errors.Is(err, context.Canceled) {
		t.Errorf("a door that never opened: %v", err)
	}
}

// TestSlowVisitors: who does not go on with a body or takes no answer is let
// go; who is slow in a transfer that moves is not.
func TestSlowVisitors(t *testing.T) {
	handler := func(body io.ReadCloser, set func(time.Time) error) io.ReadCloser {
		return &patientBody{ReadCloser: body, deadline: set}
	}
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		body := handler(there, there.SetReadDeadline)
		go func() {
			for range 5 {
				time.Sleep(stall - time.Second)
				_, _ = here.Write([]byte("x"))
			}
		}()
		start := time.Now()
		n, err := io.Copy(io.Discard, body)
		var slow *bodyError
		if n != 5 || !errors.As(err, &slow) || !slow.slow() {
			t.Errorf("of a body that stalls came %d bytes, %v", n, err)
		}
		if took := time.Since(start); took != 5*(stall-time.Second)+stall {
			t.Errorf("it was broken off after %v", took)
		}
		out := &patientConn{Conn: there}
		start = time.Now()
		if _, err := out.Write([]byte("x")); !os.IsTimeout(err) || time.Since(start) != stall {
			t.Errorf("an answer that nobody takes was broken off after %v: %v", time.Since(start), err)
		}
		_ = out.SetWriteDeadline(time.Now().Add(time.Second))
		start = time.Now()
		if _, err := out.Write([]byte("x")); !os.IsTimeout(err) || time.Since(start) != time.Second {
			t.Errorf("a shorter time that was set is not kept: %v", time.Since(start))
		}
	})
}

// TestHeadWithoutEnd: the door lets go of it, in real time.
func TestHeadWithoutEnd(t *testing.T) {
	t.Parallel()
	p := open(t, http.NotFoundHandler())
	c, err := net.Dial("tcp", p.http)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n")
	_ = c.SetReadDeadline(time.Now().Add(2 * headTimeout))
	_, _ = io.ReadAll(c)
	if took := time.Since(start); took > headTimeout+2*time.Second {
		t.Errorf("a head that never ends was let go after %v", took)
	}
}

// TestSlowBodyIsAnswered: 408, and the application is not left waiting.
func TestSlowBodyIsAnswered(t *testing.T) {
	w := httptest.NewRecorder()
	answerError(w, httptest.NewRequest(http.MethodPost, "/", nil), &bodyError{os.ErrDeadlineExceeded})
	if w.Code != http.StatusRequestTimeout || w.Header().Get("Connection") != "close" {
		t.Errorf("answered %d %v", w.Code, w.Header())
	}
}
