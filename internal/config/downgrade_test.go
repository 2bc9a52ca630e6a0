package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// storeOf writes a store whose revisions have the documents, the last of them
// in force.
func storeOf(t *testing.T, pending *headWaiter, documents ...string) string {
	t.Helper()
	dir := t.TempDir()
	s, err := openStore(dir, realDisk{}, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	previous := ""
	for i, d := range documents {
		data, hash, err := seal(record{Revision: Revision{Number: i + 1, Who: "admin", Previous: previous}, Document: json.RawMessage(d)})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.disk.Write(s.file(i+1), data, 0o600, -1, -1); err != nil {
			t.Fatal(err)
		}
		previous = hash
	}
	if err := s.setHead(head{Current: len(documents), Pending: pending}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDowngradeFolder(t *testing.T) {
	now := time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name      string
		documents []string
		pending   *headWaiter
		to        int
		want      string // the document in force; "" for an error
		current   int
		of        int // the revision that it follows, 0 when nothing changes
	}{
		{"two formats down", []string{`{"format":3,"names":["a"],"n":1.50}`}, nil, 1, `{"format":1,"hostname":"a","n":1.50}`, 2, 1},
		{"one format down", []string{`{"format":1,"hostname":"x"}`, `{"format":3,"names":["a"]}`}, nil, 2, `{"format":2,"name":"a"}`, 3, 2},
		{"the same format", []string{`{"format":2,"name":"a"}`}, nil, 2, `{"format":2,"name":"a"}`, 1, 0},
		{"an older format", []string{`{"format":1,"hostname":"a"}`}, nil, 2, `{"format":1,"hostname":"a"}`, 1, 0},
		{"a change that waits", []string{`{"format":3,"names":["a"]}`, `{"format":3,"names":["b"]}`},
			&headWaiter{Revision: 2, RevertTo: 1}, 2, `{"format":2,"name":"a"}`, 3, 1},
		{"what cannot be said", []string{`{"format":3,"names":[]}`}, nil, 2, "", 1, 0},
		{"no way", []string{`{"format":9}`}, nil, 2, "", 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := storeOf(t, tt.pending, tt.documents...)
			changed, err := downgradeFolder(dir, tt.to, now, madeUp())
			if changed != (tt.of > 0) || (err != nil) != (tt.want == "") {
				t.Fatalf("%v, %v", changed, err)
			}
			s, err := openStore(dir, realDisk{}, t.Logf)
			if err != nil {
				t.Fatal(err)
			}
			h, err := s.readHead()
			if err != nil || h.Current != tt.current || changed && h.Pending != nil {
				t.Fatalf("%+v, %v", h, err)
			}
			if tt.want == "" {
				return
			}
			r, err := s.read(h.Current)
			if err != nil || compact(t, r.Document) != tt.want {
				t.Errorf("%s, %v", r.Document, err)
			}
			if tt.of > 0 {
				if of, err := s.read(tt.of); err != nil || of.Hash != r.Previous || r.Who != "system" || !r.Time.Equal(now) {
					t.Errorf("%+v follows %+v, %v", r, of, err)
				}
			}
		})
	}
	if _, err := downgradeFolder(t.TempDir(), 1, now, madeUp()); err == nil {
		t.Error("an empty folder was brought down")
	}
	dir := storeOf(t, nil, `{"format":3,"names":["a"]}`)
	if err := os.WriteFile(filepath.Join(dir, "head.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := downgradeFolder(dir, 1, now, madeUp()); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged head: %v", err)
	}
}

func compact(t *testing.T, data []byte) string {
	t.Helper()
	object, err := decodeObject(data)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
