package frontdoor

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	// keepIdle is how long a connection to the application waits for the next
	// request. It is shorter than any server's own patience (gunicorn's is 2 s):
	// a request with a body cannot be sent again when both meet.
	keepIdle = time.Second
	// maxAnswerHead bounds the head of an answer, in bytes.
	maxAnswerHead = 256 << 10
	// copySize is a TLS record.
	copySize = 16 << 10
)

// newHandler hands requests to the application on a port of loopback.
func newHandler(port int) http.Handler {
	application := &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(pr *httputil.ProxyRequest) { rewrite(pr, application) },
		ModifyResponse: func(r *http.Response) error { cleanAnswer(r.Header); return nil },
		ErrorHandler:   answerError,
		ErrorLog:       log.New(io.Discard, "", 0),
		BufferPool:     &buffers{},
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
			DisableCompression:     true, // what the visitor asked for goes through
			MaxIdleConnsPerHost:    maxVisitors,
			IdleConnTimeout:        keepIdle,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: maxAnswerHead,
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch _, ok := hostOf(r.Host); {
		case !ok || !isWeb(r.URL):
			refuse(w, http.StatusBadRequest)
			return
		case r.Method == http.MethodConnect, r.Method == http.MethodTrace:
			// The one is for forward proxies, the other shows a script the
			// headers that it must not read.
			refuse(w, http.StatusMethodNotAllowed)
			return
		}
		if r.Body != http.NoBody {
			body := &patientBody{ReadCloser: r.Body, deadline: http.NewResponseController(w).SetReadDeadline}
			r.Body = body
			defer body.done()
		}
		proxy.ServeHTTP(w, r)
	})
}

// isWeb says whether a request's target is a path, perhaps with a host before
// it. Who asks for anything else is no browser.
func isWeb(u *url.URL) bool {
	return (u.Scheme == "" || u.Scheme == "http" || u.Scheme == "https") && u.Opaque == "" && strings.HasPrefix(u.Path, "/")
}

// rewrite makes of a visitor's request the one for the application.
func rewrite(pr *httputil.ProxyRequest, application *url.URL) {
	out := pr.Out
	out.URL.Scheme, out.URL.Host = application.Scheme, application.Host
	out.Host = pr.In.Host
	// How the application reads a query is its own affair.
	out.URL.RawQuery = pr.In.URL.RawQuery
	cleanRequest(out.Header)
	pr.SetXForwarded()
}

// answerError says that the application did not answer, or lets the visitor go
// who did not end the request.
func answerError(w http.ResponseWriter, r *http.Request, err error) {
	var visitor *bodyError
	var op *net.OpError
	switch {
	case errors.As(err, &visitor) && visitor.slow():
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusRequestTimeout)
	case errors.As(err, &visitor), r.Context().Err() != nil:
		panic(http.ErrAbortHandler) // nobody is there
	case errors.As(err, &op) && op.Op == "dial", errors.Is(err, context.DeadlineExceeded):
		sayAway(w, r, http.StatusServiceUnavailable)
	default:
		sayAway(w, r, http.StatusBadGateway)
	}
}

// buffers are those that answers are copied by.
type buffers struct{ pool sync.Pool }

// Get implements [httputil.BufferPool].
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[copySize]byte); ok {
		return p[:]
	}
	return make([]byte, copySize)
}

// Put implements [httputil.BufferPool].
func (b *buffers) Put(p []byte) { b.pool.Put((*[copySize]byte)(p)) }
