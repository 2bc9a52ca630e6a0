package syntax

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"binary", "build", "data", "files", "health", "ports", "title"}
	for word, want := range map[string]string{
		"bniary": "binary", "Binary": "binary", "prots": "ports", "port": "ports", "heatlh": "health", "titel": "title",
		"dta": "data", "colour": "", "x": "", "": "", "datum": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
