package build

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const dpkgStatus = `Package: libssl3t64
Status: install ok installed
Source: openssl (3.5.1-1)
Version: 3.5.1-1+deb13u1
Architecture: amd64
Description: Secure Sockets Layer toolkit
 Package: not-one
 more text

Package: perl-base
Version: 5.40.1-6
Architecture: amd64
`

func TestParseStatus(t *testing.T) {
	list := parseStatus([]byte(dpkgStatus))
	if len(list) != 2 || list[0]["Package"] != "libssl3t64" || list[0]["Source"] != "openssl (3.5.1-1)" || list[1]["Version"] != "5.40.1-6" {
		t.Errorf("%v", list)
	}
}

// TestSPDX holds the list to what SPDX 2.3 asks for (chapters 6, 7 and 11).
func TestSPDX(t *testing.T) {
	l := &list{name: "hello 1.0.0", namespace: "https://ingotvm.org/spdx/1", release: "trixie", packages: map[string]spdxPackage{}, contains: map[string][]string{}}
	for _, p := range parseStatus([]byte(dpkgStatus)) {
		l.add("", "deb", l.debianPackage(p))
	}
	self, err := os.Executable() // a Go program
	if err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"ingotd": self, "a script": text, "web/files": t.TempDir()} {
		if err := l.program(name, file); err != nil {
			t.Fatal(err)
		}
	}
	d := l.document()
	if d.Version != "SPDX-2.3" || d.License != "CC0-1.0" || d.ID != "SPDXRef-DOCUMENT" || !strings.HasPrefix(d.Namespace, "https://") || strings.Contains(d.Namespace, "#") ||
		d.Creation.Created != "2025-08-09T00:00:00Z" || len(d.Creation.Creators) == 0 {
		t.Errorf("the document is %+v", d)
	}
	ids, names := map[string]bool{d.ID: true}, map[string]spdxPackage{}
	for _, p := range d.Packages {
		if !regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`).MatchString(p.ID) || ids[p.ID] || p.Name == "" || p.Download == "" {
			t.Errorf("a package is %+v", p)
		}
		ids[p.ID], names[p.Name] = true, p
	}
	related := map[string]bool{}
	for _, r := range d.Relationships {
		if !ids[r.Element] || !ids[r.Related] || r.Type != "DESCRIBES" && r.Type != "CONTAINS" {
			t.Errorf("a relationship is %+v", r)
		}
		related[r.Related] = true
	}
	for id := range ids {
		if id != d.ID && !related[id] {
			t.Errorf("%s belongs to nothing", id)
		}
	}
	ssl := names["libssl3t64"]
	if ssl.Version != "3.5.1-1+deb13u1" || ssl.Source != "built from openssl (3.5.1-1)" || len(ssl.Refs) != 1 ||
		ssl.Refs[0].Locator != "pkg:deb/debian/libssl3t64@3.5.1-1%2Bdeb13u1?arch=amd64&distro=trixie" {
		t.Errorf("a Debian package is %+v", ssl)
	}
	if names["stdlib"].Version == "" {
		t.Error("what Go says of a program is missing")
	}
	if _, ok := names["a script"]; !ok {
		t.Error("a program that is not of Go is missing")
	}
}
