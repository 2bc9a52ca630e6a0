package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
)

// maxBody bounds what a request may carry, maxConfig that of one with a
// configuration document: certificates and texts of the application are in it.
// maxBundle bounds a bundle, which is written to the disk as it comes.
const (
	maxBody   = 64 << 10
	maxConfig = 1 << 20
	maxBundle = 64 << 30
)

// maxWork bounds a slow route: the checks of services, both halves of a
// transaction (setting.ApplyTimeout and VerifyTimeout), and the same again to
// put everything back.
const maxWork = 5 * time.Minute

// NewHandler serves the table. Every request must carry a [Caller] in its
// context, put there by one of the servers of this package; without, only
// open routes answer.
func NewHandler(routes []Route, gate *access.Gate) http.Handler {
	paths := map[string]map[string]Route{}
	for _, r := range routes {
		if paths[r.Path] == nil {
			paths[r.Path] = map[string]Route{}
		}
		paths[r.Path][r.Method] = r
	}
	s := &server{gate: gate, origin: http.NewCrossOriginProtection()}
	mux := http.NewServeMux()
	for pattern, byMethod := range paths {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, byMethod) })
	}
	mux.HandleFunc("/", notFound)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The mux would send unclean paths elsewhere; an API's caller has an error.
		if escaped := r.URL.EscapedPath(); path.Clean(escaped) != escaped {
			notFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	writeError(w, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("there is no %s", r.URL.Path)})
}

type server struct {
	gate   *access.Gate
	origin *http.CrossOriginProtection
}

func (s *server) serve(w http.ResponseWriter, r *http.Request, byMethod map[string]Route) {
	method := r.Method
	if method == http.MethodHead { // net/http drops the body of the answer
		method = http.MethodGet
	}
	route, ok := byMethod[method]
	if !ok {
		w.Header().Set("Allow", allowed(byMethod))
		writeError(w, &Error{Status: http.StatusMethodNotAllowed,
			Message: fmt.Sprintf("%s does not take %s", r.URL.Path, r.Method),
			Hint:    "it takes " + allowed(byMethod)})
		return
	}
	body, err := s.answer(w, r, route)
	if err != nil {
		writeError(w, err)
		return
	}
	writeBody(w, body)
}

// answer is what happens to a request: who sent it, may they, what do they
// send, and then the handler.
func (s *server) answer(w http.ResponseWriter, r *http.Request, route Route) (any, error) {
	caller := identify(s.gate, CallerOf(r.Context()), r)
	if caller.Transport == TLS {
		if err := s.origin.Check(r); err != nil {
			return nil, &Error{Status: http.StatusForbidden, Message: "a page of another site may not do this"}
		}
	}
	if err := route.Access.Allow(caller); err != nil {
		return nil, err
	}
	if (route.Access != Open{}) {
		if err := caller.within(route.scope()); err != nil {
			return nil, err
		}
	}
	ctx := WithCaller(r.Context(), caller)
	if route.IfMatch {
		base, err := ifMatch(r.Header.Get("If-Match"), caller)
		if err != nil {
			return nil, err
		}
		ctx = context.WithValue(ctx, baseKey{}, base)
	}
	limit := int64(maxBody)
	if route.MaxBody != 0 {
		limit = route.MaxBody
	}
	if route.Stream {
		r = r.WithContext(ctx)
		r.Body = &streamed{ReadCloser: http.MaxBytesReader(w, r.Body, limit), c: http.NewResponseController(w)}
		return route.Handle(r)
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return nil, unreadable(err)
	}
	if route.Slow {
		var done context.CancelFunc
		ctx, done = context.WithTimeout(context.WithoutCancel(ctx), maxWork)
		defer done()
		extend(w)
	}
	r = r.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(data))
	return route.Handle(r)
}

// extend gives a slow answer the time it takes: the server's deadlines are for
// quick ones. A writer without deadlines, as in tests, needs none.
func extend(w http.ResponseWriter) {
	c := http.NewResponseController(w)
	end := time.Now().Add(maxWork + writeTimeout)
	_ = c.SetWriteDeadline(end)
	_ = c.SetReadDeadline(end)
}

// streamed is a body that may take as long as it likes, as long as something
// comes.
type streamed struct {
	io.ReadCloser
	c *http.ResponseController
}

func (s *streamed) Read(p []byte) (int, error) {
	end := time.Now().Add(readTimeout)
	_ = s.c.SetReadDeadline(end) // as in extend
	_ = s.c.SetWriteDeadline(end.Add(maxWork))
	return s.ReadCloser.Read(p)
}

func allowed(byMethod map[string]Route) string {
	var list []string
	for _, m := range []string{get, post, put, patch, del} {
		if _, ok := byMethod[m]; ok {
			list = append(list, m)
		}
	}
	return strings.Join(list, ", ")
}

type baseKey struct{}

// baseOf is the revision that the caller has seen; 0 when it does not care.
func baseOf(ctx context.Context) int {
	base, _ := ctx.Value(baseKey{}).(int)
	return base
}

// etag is the entity tag of a revision.
func etag(revision int) string { return `"` + strconv.Itoa(revision) + `"` }

// ifMatch reads the header: one revision's tag or, on the appliance itself
// where scripts may mean it, "*" for whichever is in force.
func ifMatch(header string, c Caller) (base int, err error) {
	switch {
	case header == "":
		return 0, &Error{Status: http.StatusPreconditionRequired, Message: "the header If-Match is missing",
			Hint: "send the ETag of the configuration that the change was made from"}
	case header == "*" && c.Transport == Unix:
		return 0, nil
	case header == "*":
		return 0, &Error{Status: http.StatusForbidden, Message: "If-Match: * is taken on the unix socket only",
			Hint: "send the ETag of the configuration that the change was made from"}
	}
	base, err = strconv.Atoi(strings.Trim(header, `"`))
	if err != nil || base < 1 || header != etag(base) { // 0 would mean that it does not matter
		return 0, &Error{Status: http.StatusBadRequest, Message: "the header If-Match is not the ETag of a configuration"}
	}
	return base, nil
}

// decode reads a body strictly: a key that is not known is most likely one
// that was misspelt.
func decode(r *http.Request, into any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, end := dec.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something follows it")
		}
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("it is empty")
	}
	if err != nil {
		return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf("cannot read the request's body: %v", err)}
	}
	return nil
}

// tagged is a body that goes with the ETag of a revision.
type tagged struct {
	body     any
	revision int
}

func writeBody(w http.ResponseWriter, body any) {
	if t, ok := body.(tagged); ok {
		w.Header().Set("ETag", etag(t.revision))
		body = t.body
	}
	if raw, ok := body.(Raw); ok {
		write(w, http.StatusOK, raw.Type, raw.Data)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		status = http.StatusInternalServerError
		data = []byte(`{"error":{"message":"cannot encode the answer"}}`)
	}
	write(w, status, "application/json", append(data, '\n'))
}

func write(w http.ResponseWriter, status int, kind string, data []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(data) // a caller that went away needs no answer
}
