package config

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// madeUp are migrations from format 1 to 3: a key is renamed, then put into a
// list.
func madeUp() []Migration {
	return []Migration{
		{From: 1,
			Up:   func(d map[string]any) error { d["name"] = d["hostname"]; delete(d, "hostname"); return nil },
			Down: func(d map[string]any) error { d["hostname"] = d["name"]; delete(d, "name"); return nil }},
		{From: 2,
			Up: func(d map[string]any) error { d["names"] = []any{d["name"]}; delete(d, "name"); return nil },
			Down: func(d map[string]any) error {
				names, ok := d["names"].([]any)
				if !ok || len(names) == 0 {
					return errors.New("there is no name")
				}
				d["name"] = names[0]
				delete(d, "names")
				return nil
			}},
	}
}

func TestMigrate(t *testing.T) {
	tests := []struct {
		from string
		to   int
		want string // JSON, or the end of the error
	}{
		{`{"format": 1, "hostname": "a"}`, 1, `{"format":1,"hostname":"a"}`},
		{`{"format": 1, "hostname": "a"}`, 2, `{"format":2,"name":"a"}`},
		{`{"format": 1, "hostname": "a"}`, 3, `{"format":3,"names":["a"]}`},
		{`{"format": 3, "names": ["a", "b"], "n": 1.50}`, 1, `{"format":1,"hostname":"a","n":1.50}`},
		{`{"format": 3, "names": []}`, 1, "from format 3 back to 2: there is no name"},
		{`{"format": 3}`, 4, "from format 3 to 4: there is no way"},
		{`{"format": 9}`, 3, "from format 9 back to 8: there is no way"},
		{`{"format": 1}`, 0, "from format 1 back to 0"},
		{`{"format": "1"}`, 1, "does not say its format"},
		{`{}`, 1, "does not say its format"},
		{`{"format": 1.5}`, 1, "1.5 is not a format"},
		{`{"format": 0}`, 1, "0 is not a format"},
		{`{"format": 99999999999}`, 1, "99999999999 is not a format"},
	}
	for _, tt := range tests {
		d, err := decodeObject([]byte(tt.from))
		if err != nil {
			t.Fatal(err)
		}
		if format, _ := formatOf(d); format > tt.to {
			err = downgrade(d, tt.to, madeUp())
		} else {
			err = upgrade(d, tt.to, madeUp())
		}
		got, _ := json.Marshal(d)
		if err == nil && string(got) != tt.want || err != nil && !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("%s to %d: %s, %v", tt.from, tt.to, got, err)
		}
	}
	var newer *FormatError
	if err := upgrade(map[string]any{"format": json.Number("4")}, 3, madeUp()); !errors.As(err, &newer) || *newer != (FormatError{4, 3}) {
		t.Errorf("a newer format: %v", err)
	}
	if err := downgrade(map[string]any{"format": json.Number("1")}, 2, madeUp()); err == nil {
		t.Error("went down from 1 to 2")
	}
	failing := []Migration{{From: 1, Up: func(map[string]any) error { return errors.New("no") }}}
	if err := upgrade(map[string]any{"format": json.Number("1")}, 2, failing); err == nil || !strings.HasSuffix(err.Error(), "from format 1 to 2: no") {
		t.Errorf("a failing migration: %v", err)
	}
}

func TestDowngrade(t *testing.T) {
	got, err := downgradeWith([]byte(`{"format":3,"names":["a"]}`), 2, madeUp())
	if err != nil || string(got) != `{"format":2,"name":"a"}` {
		t.Errorf("%s, %v", got, err)
	}
	whole := indented(rich())
	if got, err := Downgrade(whole, setting.Format); err != nil {
		t.Error(err)
	} else if d, err := setting.Decode(got); err != nil || !d.Equal(rich()) {
		t.Errorf("%v, %s", err, got)
	}
	for _, text := range []string{"", "[]", `{"format": 1} x`} {
		if _, err := Downgrade([]byte(text), 1); err == nil {
			t.Errorf("%q went down", text)
		}
	}
}

// TestMigrationsAreComplete: from each format there is a way to this one.
func TestMigrationsAreComplete(t *testing.T) {
	for i, m := range migrations() {
		if m.From != i+1 || m.Up == nil || m.Down == nil {
			t.Errorf("migration %d leads from %d", i, m.From)
		}
	}
	if n := len(migrations()); n != setting.Format-1 {
		t.Errorf("%d migrations lead to format %d", n, setting.Format)
	}
}
