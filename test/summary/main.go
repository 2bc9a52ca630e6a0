// Command summary reads the output of `go test -json` and prints, of each
// test that failed, what it said, and of each slow one how long it took; with
// --total only the line of counts.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line, see `go doc test2json`.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

const slow = 20 // seconds from which a test is named

func main() {
	total := flag.Bool("total", false, "print only the counts")
	flag.Parse()
	failed, err := summarize(os.Stdin, os.Stdout, *total)
	if err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(2)
	}
	if failed {
		os.Exit(1)
	}
}

func summarize(in io.Reader, out io.Writer, totalOnly bool) (anyFailed bool, err error) {
	var passed, failed, skipped int
	said := map[string]*strings.Builder{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			if !totalOnly {
				fmt.Fprintln(out, lines.Text())
			}
			continue
		}
		id := e.Package + " " + e.Test
		if said[id] == nil {
			said[id] = &strings.Builder{}
		}
		switch e.Action {
		case "output", "build-output":
			said[id].WriteString(e.Output)
			continue
		case "pass":
			if e.Test != "" {
				passed++
			}
		case "fail":
			anyFailed = true
			if e.Test != "" || !strings.Contains(said[id].String(), "FAIL\t") {
				failed++
			}
		case "skip":
			if e.Test != "" {
				skipped++
			}
		default:
			continue
		}
		if !totalOnly {
			report(out, e, said[id].String())
		}
		delete(said, id)
	}
	if totalOnly {
		fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	}
	return anyFailed, lines.Err()
}

func report(out io.Writer, e event, said string) {
	name := strings.TrimPrefix(e.Package, "github.com/ingotvm/ingot/")
	switch {
	case e.Action == "fail":
		fmt.Fprintf(out, "FAIL %s %s (%.1fs)\n%s", name, e.Test, e.Elapsed, said)
	case e.Action == "skip" && e.Test != "":
		fmt.Fprintf(out, "skip %s %s\n%s", name, e.Test, said)
	case e.Test == "" || e.Elapsed >= slow:
		fmt.Fprintf(out, "%-4s %s %s (%.1fs)\n", e.Action, name, e.Test, e.Elapsed)
	}
}
