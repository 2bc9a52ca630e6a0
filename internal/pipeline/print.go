package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// PrintOptions says what of a plan to print.
type PrintOptions struct {
	// Keys of the stages, as Keys returns them; without them neither keys nor
	// digests of file inputs are printed, so that the text is the same
	// whatever the files hold.
	Keys map[string]string
	// Full prints long values whole instead of their digests.
	Full bool
}

// Print writes the plan for people to read and compare.
func (p *Plan) Print(w io.Writer, o PrintOptions) error {
	for i, s := range p.Stages {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "stage %s: %s\n", s.Name, s.Kind)
		if o.Keys != nil {
			fmt.Fprintf(w, "  key %s\n", o.Keys[s.Name])
		}
		for _, need := range s.Needs {
			fmt.Fprintf(w, "  needs %s\n", need)
		}
		for _, f := range s.Files {
			if o.Keys != nil {
				fmt.Fprintf(w, "  file %s = %s\n", f.Name, shortDigest(f.Digest))
			} else {
				fmt.Fprintf(w, "  file %s\n", f.Name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(s.Inputs)) {
			printInput(w, name, s.Inputs[name], o.Full)
		}
		if _, err := fmt.Fprintf(w, "  makes %s\n", strings.Join(s.Outputs, ", ")); err != nil {
			return err
		}
	}
	return nil
}

func printInput(w io.Writer, name, value string, full bool) {
	if !full || shortValue(value) == value {
		fmt.Fprintf(w, "  input %s = %s\n", name, showValue(shortValue(value)))
		return
	}
	fmt.Fprintf(w, "  input %s =\n", name)
	var indented bytes.Buffer
	if json.Indent(&indented, []byte(value), "", "  ") == nil {
		value = indented.String() // readable, and differences have lines of their own
	}
	for line := range strings.Lines(value) {
		fmt.Fprintf(w, "    | %s\n", strings.TrimRight(line, "\n"))
	}
}
