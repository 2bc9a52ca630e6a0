package config

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/release"
)

func fuzzEnv() setting.Env {
	return setting.Env{Boot: &release.Boot{Definition: &appliance.Definition{Name: "demo", Version: "1", Settings: []appliance.Setting{
		{Key: "title", Type: "string"}, {Key: "password", Type: "secret"},
	}}}}
}

// FuzzRevision: what is read is what was sealed, and seals to the same.
func FuzzRevision(f *testing.F) {
	r := Revision{Number: 7, Who: "anna", Previous: "x", Document: rich()}
	data, err := sealRevision(&r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"hash": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}`)) // of {}
	f.Add([]byte(`{"number": 7, "hash": ""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkRevision(t, data)
		if body, err := decodeObject(data); err == nil { // a mutation has a wrong hash
			data, _, err := seal(body)
			if err != nil {
				t.Fatal(err)
			}
			checkRevision(t, data)
		}
	})
}

func checkRevision(t *testing.T, data []byte) {
	r, err := parseRecord(data, 7)
	if err != nil {
		if !errors.Is(err, errDamaged) {
			t.Fatal(err)
		}
		return
	}
	body, err := decodeObject(data)
	if err != nil || r.Number != 7 || r.Hash != body["hash"] {
		t.Fatalf("read %+v of %s", r, data)
	}
	again, hash, err := seal(body)
	if err != nil || hash != r.Hash {
		t.Fatalf("sealed again with %s, not %s: %v", hash, r.Hash, err)
	}
	if _, err := parseRecord(again, 7); err != nil {
		t.Fatal(err)
	}
	if d, err := r.decodeDocument(); err == nil && (d.Format != setting.Format || d.Application == nil) {
		t.Fatalf("a document %+v", d)
	}
}

// FuzzHead: a head that is read names a revision, and is written the same.
func FuzzHead(f *testing.F) {
	for _, h := range []head{{Current: 1}, {Current: 3, Pending: &headWaiter{Revision: 3, RevertTo: 2, BootID: "x", Deadline: 99, Settings: []string{"network"}}}} {
		data, _, err := seal(h)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseHead(data)
		if err != nil {
			if !errors.Is(err, errDamaged) || h.Current != 0 {
				t.Fatal(h, err)
			}
			return
		}
		if h.Current < 1 || h.Pending != nil && h.Pending.Revision != h.Current {
			t.Fatalf("read %+v", h)
		}
		again, _, err := seal(h)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseHead(again); err != nil || back.Current != h.Current || (back.Pending == nil) != (h.Pending == nil) {
			t.Fatalf("read back %+v, %v", back, err)
		}
	})
}

// FuzzMerge: a patch gives a document that says what it says, or an error and
// the document as it was; the same patch again changes nothing.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"network": {"dns": null, "hostname": "x"}, "application": {"password": "********"}}`))
	f.Add([]byte(`{"setup": {"eula": {"hash": "x"}}, "firewall": {"rules": [{"action": "drop"}]}}`))
	f.Add([]byte(`{"format": 2, "x": [1, {"y": null}]}`))
	f.Fuzz(func(t *testing.T, patch []byte) {
		d := rich()
		err := EditMerge(fuzzEnv(), patch)(d)
		if err != nil {
			var invalid *InvalidError
			if !errors.As(err, &invalid) || len(invalid.Problems) == 0 || !d.Equal(rich()) {
				t.Fatalf("%v, %+v", err, d)
			}
			return
		}
		once := d.Clone()
		if err := EditMerge(fuzzEnv(), patch)(d); err != nil || !d.Equal(once) {
			t.Fatalf("again: %v\n%s\n%s", err, indented(once), indented(d))
		}
		if d.Format != setting.Format {
			t.Fatalf("format %d", d.Format)
		}
	})
}

// FuzzReplace: what is taken strictly is what setting.Decode takes, too.
func FuzzReplace(f *testing.F) {
	f.Add(indented(rich()))
	f.Add([]byte(`{"format": 1, "network": {"interfaces": [{}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d := &setting.Document{}
		if err := EditReplace(setting.Env{}, text)(d); err != nil {
			return
		}
		want, err := setting.Decode(text)
		if err != nil {
			t.Fatalf("taken, but %v", err)
		}
		if want.Application == nil {
			want.Application = map[string]string{}
		}
		if !d.Equal(want) {
			t.Fatalf("%s\n%s", indented(d), indented(want))
		}
	})
}

// FuzzDowngrade: a document stays what it is, or there is an error.
func FuzzDowngrade(f *testing.F) {
	f.Add([]byte(`{"format": 3, "names": ["a"]}`), 1)
	f.Add([]byte(`{"format": 2, "name": "a"}`), 2)
	f.Fuzz(func(t *testing.T, text []byte, to int) {
		got, err := downgradeWith(text, to, madeUp())
		if err != nil {
			return
		}
		d, err := decodeObject(got)
		if err != nil {
			t.Fatal(err)
		}
		if format, err := formatOf(d); err != nil || format != to {
			t.Fatalf("format %d, not %d: %v", format, to, err)
		}
	})
}

// FuzzImport: a seed never makes a document that is not one; and exporting
// what it made gives a seed that makes the same.
func FuzzImport(f *testing.F) {
	env := fuzzEnv()
	for _, secrets := range []bool{true, false} {
		text, err := Export(env, rich(), secrets)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, text := range oddTexts() {
		f.Add("format: 1\napplication: {title: " + text + "}\n")
	}
	f.Add("network: {hostname: a}\nsetup: {eula: accept}\n")
	f.Add("format: 1\ntls: {source: uploaded, chain: x, acme: {names: [a]}}\n")
	f.Add("format: 1\nnetwork: {interfaces: [{name: x}]}\nsetup: {eula: {hash: 5}}\nnetwork.dns: [a, b]\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "password") {
			return // hashing takes its time
		}
		real, err := Import(env, []byte(text))
		if d := setting.Default(env); err == nil {
			if err := real.Edit(d); err != nil {
				t.Fatal(err)
			}
		}
		seed, err := importSeed(env, []byte(text), loose(env))
		if err != nil {
			if seed.Edit != nil {
				t.Fatal("an edit with an error")
			}
			return
		}
		d := setting.Default(env)
		if err := seed.Edit(d); err != nil {
			t.Fatal(err)
		}
		if d.Format != setting.Format || d.Setup.Complete || len(d.Setup.Done) > 0 {
			t.Fatalf("became %s", indented(d))
		}
		again, err := Export(env, d, true)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > 1<<20 {
			return
		}
		back, err := importSeed(env, again, loose(env))
		got := setting.Default(env)
		if err != nil || back.Edit(got) != nil || !got.Equal(exported(env, d)) && !strings.Contains(string(again), setting.Hidden) {
			t.Fatalf("%v %v\n%s\nbecame\n%s\nnot\n%s", err, back.Problems, again, indented(got), indented(d))
		}
	})
}

// FuzzYAMLText: any text survives the way through a seed.
func FuzzYAMLText(f *testing.F) {
	for _, text := range oddTexts() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || len(text) > 100_000 || strings.Contains(text, setting.Hidden) {
			return
		}
		d := setting.Default(fuzzEnv())
		d.Application["title"] = text
		d.Network.DNS = []string{text, "x"}
		data, err := Export(fuzzEnv(), d, true)
		if err != nil {
			t.Fatal(err)
		}
		seed, err := importSeed(fuzzEnv(), data, loose(fuzzEnv()))
		got := setting.Default(fuzzEnv())
		if err != nil || len(seed.Problems) > 0 || seed.Edit(got) != nil || got.Application["title"] != text || got.Network.DNS[0] != text {
			t.Fatalf("%v %v: %q became %q and %q by\n%s", err, seed.Problems, text, got.Application["title"], got.Network.DNS, data)
		}
	})
}

// FuzzManifest: whatever stands in the manifest, nothing outside /etc and /run
// is touched.
func FuzzManifest(f *testing.F) {
	f.Add("/etc/x", "/run/../data/y", true)
	f.Add("/etc/../../x", "", false)
	f.Fuzz(func(t *testing.T, a, b string, busy bool) {
		data, err := json.Marshal(manifest{Busy: busy, Files: map[string]string{a: "a", b: "b"}})
		if err != nil {
			t.Fatal(err)
		}
		var m manifest
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		for name := range m.Files {
			if allowed(name) && (strings.Contains(name, "/../") || strings.HasSuffix(name, "/..") || !strings.HasPrefix(name, "/etc/") && !strings.HasPrefix(name, "/run/")) {
				t.Fatalf("%q is allowed", name)
			}
		}
	})
}
