package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSeedText(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	properties := file("p.yaml", "network: {hostname: web1} # ours\n")
	export := file("export.json", `{"format": 1, "time": {"zone": "UTC"}}`)
	odd := file("a=b.yaml", "time.zone: UTC\n") // a path with a slash is no key
	made := map[string]string{"access.password": "x", "network.hostname": "made-up"}
	for name, test := range map[string]struct {
		flags   []string
		answers map[string]string
		want    string
	}{
		"nothing":                  {},
		"one file, as it was":      {flags: []string{properties}, want: "network: {hostname: web1} # ours\n"},
		"pairs win":                {flags: []string{"network.hostname=a=b", properties}, want: `{"network.hostname":"a=b"}`},
		"an empty value":           {flags: []string{"network.proxy="}, want: `{"network.proxy":""}`},
		"files in order":           {flags: []string{odd, properties}, want: `{"network.hostname":"web1","time.zone":"UTC"}`},
		"answers of the test":      {answers: made, want: `{"access.password":"x","network.hostname":"made-up"}`},
		"answers give way":         {flags: []string{properties}, answers: made, want: `{"access.password":"x","network.hostname":"web1"}`},
		"not to a document":        {flags: []string{export}, answers: made, want: `{"format": 1, "time": {"zone": "UTC"}}`},
		"a pair over the document": {flags: []string{export, "time.zone=Europe/Berlin"}, want: `{"format":1,"time":{"zone":"UTC"},"time.zone":"Europe/Berlin"}`},
	} {
		in, err := readSeed(test.flags)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := in.text(test.answers)
		if err != nil || string(got) != test.want || (got == nil) != (test.want == "") {
			t.Errorf("%s: %s, %v; want %s", name, got, err, test.want)
		}
	}
}
