// Package grubmodel is a model of what GRUB does with the boot state: of the
// script in internal/build/grub.go, line by line, for tests that ask which
// version a disk would boot. TestGrub in test/vm compares it with GRUB.
package grubmodel

import (
	"bytes"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/release"
)

const signature = "# GRUB Environment Block\n"

// Boot is what GRUB boots of a disk: the version, "" when it finds none, and
// what the copies of the boot state are then. a and b are the copies, nil for a
// file that is not there, slots the versions whose kernel it can read.
func Boot(a, b []byte, slots []string) (version string, newA, newB []byte) {
	vars := map[string]string{}
	load(vars, a)
	if vars["whole"] != "yes" {
		load(vars, b)
	}
	if vars["whole"] != "yes" {
		vars["trial"] = ""
		for _, s := range slices.Sorted(slices.Values(slots)) { // as the shell's pattern finds them
			vars["good"] = s
		}
	}
	slot := vars["good"]
	if vars["trial"] != "" {
		switch vars["tries"] {
		case "3":
			slot, vars["tries"] = vars["trial"], "2"
		case "2":
			slot, vars["tries"] = vars["trial"], "1"
		case "1":
			slot, vars["tries"] = vars["trial"], "0"
		}
		if slot == vars["trial"] {
			vars["whole"] = "yes"
			a, b = save(a, vars), save(b, vars)
		}
	}
	for _, s := range []string{slot, vars["good"]} {
		if slices.Contains(slots, s) {
			return s, a, b
		}
	}
	return "", a, b
}

// load is load_env with names: variables that the block has are set, the
// others stay as they were.
func load(vars map[string]string, block []byte) {
	if len(block) != release.BootStateSize || !strings.HasPrefix(string(block), signature) {
		return
	}
	for line := range strings.Lines(string(block[len(signature):])) {
		line, whole := strings.CutSuffix(line, "\n")
		name, value, ok := strings.Cut(line, "=")
		if ok && whole && slices.Contains([]string{"good", "trial", "tries", "whole"}, name) {
			vars[name] = value
		}
	}
}

// save is save_env: a new block, or the same one when GRUB finds none there, or
// no room in it for all that is to be said.
func save(block []byte, vars map[string]string) []byte {
	if len(block) != release.BootStateSize || !strings.HasPrefix(string(block), signature) {
		return block
	}
	text := string(bytes.TrimRight(block, "#"))
	for _, name := range []string{"good", "trial", "tries", "whole"} {
		line := name + "=" + vars[name] + "\n"
		at := strings.Index(text, "\n"+name+"=")
		if at < 0 {
			text += line
			continue
		}
		end := strings.IndexByte(text[at+1:], '\n')
		if end < 0 {
			return block
		}
		text = text[:at+1] + line + text[at+1+end+1:]
	}
	if len(text) > len(block) {
		return block
	}
	return []byte(text + strings.Repeat("#", len(block)-len(text)))
}
