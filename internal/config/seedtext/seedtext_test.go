package seedtext

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

type tree = map[string]any

func TestParse(t *testing.T) {
	for text, want := range map[string]tree{
		"":                                       {},
		"# nothing\n":                            {},
		"---\na: b\n":                            {"a": "b"},
		"\uFEFFa: b\r\nc: d\r\n":                 {"a": "b", "c": "d"},
		"network.hostname: web1":                 {"network.hostname": "web1"},
		"a: 1.10\nb: 0755\nc: 1.5e3":             {"a": json.Number("1.10"), "b": "0755", "c": json.Number("1.5e3")},
		"a: yes\nb: true\nc: null":               {"a": "yes", "b": true, "c": nil},
		"a:\nb: ''":                              {"a": nil, "b": ""},
		"a: |\n  x\n  y\n":                       {"a": "x\ny\n"},
		"a: [1, two]\nb: {c: d}":                 {"a": []any{json.Number("1"), "two"}, "b": tree{"c": "d"}},
		`{"a": 1.10, "b": [null]}`:               {"a": json.Number("1.10"), "b": []any{nil}},
		"a: {b: [2001:db8::9/64, c: d, {e: f}]}": {"a": tree{"b": []any{"2001:db8::9/64", tree{"c": "d"}, tree{"e": "f"}}}},
		"{a: b}":                                 {"a": "b"},
		"{}":                                     {},
		"\t{\n\t\"a\": \"b\"\n\t}\n":             {"a": "b"},
	} {
		got, err := Parse([]byte(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Parse(%q) = %#v, %v; want %#v", text, got, err, want)
		}
	}
}

func TestParseSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"a: b\n c: d\n":           "line 1, column 4: it is not YAML",
		"a:\n\tb: c\n":            "line 2, column 1: the line is indented with a tab",
		"a: b\na: c\n":            "line 2, column 1: ",
		"a: &x [b]\nc: *x\n":      "line 1, column 4: anchors",
		"a: !!str b\n":            "line 1, column 4: tags",
		"a: b\n---\nc: d\n":       "line 2, column 1: a second document",
		"{\n\"a\": 1,\n}":         "line 3, column 1: it is not JSON",
		"{\"a\": 1} {":            "line 1, column 10: it is not JSON",
		"{\"a\":\n":               "line 1, column 6: it is not JSON: it ends too soon",
		"- a\n- b\n":              "it is not a mapping",
		"just words":              "it is not a mapping",
		"a: \xff":                 "not UTF-8",
		strings.Repeat("[", 1000): "nested more than",
		`{"a":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + "}": "nested more than",
		strings.Repeat("a: b\n", maxTokens):                               "too long",
		strings.Repeat("#", MaxBytes+1):                                   "larger than",
	} {
		got, err := Parse([]byte(text))
		if err == nil || got != nil || !strings.HasPrefix(err.Error(), want) && !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.40q) = %v, %v; want an error that says %q", text, got, err, want)
		}
	}
}

func TestSplit(t *testing.T) {
	read, err := Parse([]byte("network.hostname: web1\nnetwork.dns: [192.0.2.1, 192.0.2.2]\ntime.zone:\nfirewall.rules: [{a: b}]\n" +
		"network: {mtu: 1400}\nsetup: {eula: accept, adopt: no, complete: true}\n"))
	if err != nil {
		t.Fatal(err)
	}
	values, bad := Split(read)
	if want := map[string]string{"network.hostname": "web1", "network.dns": "192.0.2.1 192.0.2.2", "setup.eula": "accept", "setup.adopt": "no"}; !reflect.DeepEqual(values, want) {
		t.Errorf("values = %v; want %v", values, want)
	}
	if want := []string{"firewall.rules", "time.zone"}; !slices.Equal(bad, want) {
		t.Errorf("bad = %q; want %q", bad, want)
	}
	if want := (tree{"network": tree{"mtu": json.Number("1400")}, "setup": tree{"complete": true}}); !reflect.DeepEqual(read, want) {
		t.Errorf("the rest is %v; want %v", read, want)
	}
	// An export records who accepted; that is no answer.
	export := tree{"setup": tree{"eula": tree{"hash": "00"}}}
	if values, bad := Split(export); len(values)+len(bad) != 0 || len(export) != 1 {
		t.Errorf("Split() of an export = %v, %v, and leaves %v", values, bad, export)
	}
}

func TestCompose(t *testing.T) {
	text, err := Compose([][]byte{
		[]byte("format: 1\nnetwork: {hostname: one, mtu: 1400}\ntime.zone: UTC"), []byte(`{"format": 1, "network": {"hostname": "two"}}`),
		[]byte("access: {password: x}\nnetwork: {dns: [a, b]}"),
	}, map[string]string{"time.zone": "Europe/Berlin"})
	if want := `{"access.password":"x","format":1,"network":{"hostname":"two","mtu":1400},"network.dns":["a","b"],"time.zone":"Europe/Berlin"}`; err != nil || string(text) != want {
		t.Errorf("Compose() = %s, %v; want %s", text, err, want)
	}
	if _, err := Compose([][]byte{[]byte("- a")}, nil); err == nil {
		t.Error("Compose() of a list succeeded")
	}
}

// FuzzParse: what is read can be written as JSON and is read again the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"a: b", "a: [1, {b: c}]\nd: |\n  x", `{"a": [1.5e3, null, true]}`, "a: 0x1f\nb: .inf\nc: 1_000", "? a\n: b", "#cloud-config\nhostname: x", "a: &b c", "{a: b, 'c': \"d\"}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := Parse(text)
		if err != nil {
			if first != nil {
				t.Errorf("Parse() = %v with the error %v", first, err)
			}
			return
		}
		again, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("%#v cannot be written: %v", first, err)
		}
		if len(again) > MaxBytes {
			return // escapes
		}
		second, err := Parse(again)
		if err != nil || !reflect.DeepEqual(first, second) {
			t.Errorf("%q was read as %#v, and that again as %#v, %v", text, first, second, err)
		}
	})
}
