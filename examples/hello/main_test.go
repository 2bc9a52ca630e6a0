package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestHandler(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	h := handler("Good day & welcome", "box<1>", "1.2.3", now)
	for _, test := range []struct {
		path   string
		status int
		want   []string
	}{
		{"/", 200, []string{"<h1>Good day &amp; welcome</h1>", "box&lt;1&gt;", "1.2.3", "2026-01-02 03:04:05 UTC"}},
		{"/healthz", 200, []string{"ok\n"}},
		{"/absent", 404, nil},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", test.path, nil))
		if w.Code != test.status {
			t.Errorf("%s: status %d, want %d", test.path, w.Code, test.status)
		}
		for _, want := range test.want {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: there is no %q in %q", test.path, want, w.Body)
			}
		}
	}
}

func TestWithoutGreeting(t *testing.T) {
	w := httptest.NewRecorder()
	handler("", "box", "1.2.3", time.Now).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if !strings.Contains(w.Body.String(), "<h1>Hello</h1>") {
		t.Errorf("there is no greeting in %q", w.Body)
	}
}
