package acceptance

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
)

// The elements and attributes are those that Jenkins, GitLab and GitHub's
// reporters read; there is no standard.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Errors    int         `xml:"errors,attr"`
	Time      string      `xml:"time,attr"`
	Cases     []junitCase `xml:"testcase"`
	SystemOut string      `xml:"system-out,omitempty"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
	Skipped *struct{}     `xml:"skipped"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// maxConsole is how much of a console log goes into the XML file.
const maxConsole = 64 << 10

// WriteJUnit prints the report as JUnit XML: a suite for each firmware, a case
// for each check, and of a failed suite the end of the console log.
func (r Report) WriteJUnit(w io.Writer) error {
	name := firstSet(r.Name, "appliance")
	all := junitSuites{Name: name, Time: fmt.Sprintf("%.3f", r.Seconds)}
	for _, m := range r.Machines {
		suite := junitSuite{Name: name + "." + string(m.Firmware)}
		seconds := 0.0
		for _, c := range m.Checks {
			seconds += c.Seconds
			one := junitCase{Class: suite.Name, Name: c.Name, Time: fmt.Sprintf("%.3f", c.Seconds)}
			switch c.Outcome {
			case Failed:
				first, _, _ := strings.Cut(c.Detail, "\n")
				one.Failure = &junitFailure{Message: inXML(first), Text: inXML(c.Detail)}
			case Skipped:
				one.Skipped = &struct{}{}
			}
			suite.Cases = append(suite.Cases, one)
		}
		suite.Tests, suite.Failures, suite.Skipped = len(m.Checks), m.count(Failed), m.count(Skipped)
		suite.Time = fmt.Sprintf("%.3f", seconds)
		if m.ConsoleLog != "" {
			if data, err := lastBytes(m.ConsoleLog, maxConsole); err == nil { // the path is in the report all the same
				suite.SystemOut = inXML(control.ReplaceAllString(string(data), ""))
			}
		}
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Skipped += suite.Skipped
		all.Suites = append(all.Suites, suite)
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot write JUnit XML: %w", err)
	}
	_, err = w.Write(append([]byte(xml.Header), append(data, '\n')...))
	return err
}

// WriteJUnitFile writes JUnit XML to a file.
func (r Report) WriteJUnitFile(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("cannot write JUnit XML: %w", err)
	}
	if err := r.WriteJUnit(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("cannot write JUnit XML: %w", err)
	}
	return nil
}

// inXML drops what XML 1.0 cannot hold, so that no reader refuses the file.
func inXML(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f && r != '\uFFFE' && r != '\uFFFF' && r != '\uFFFD' {
			return r
		}
		return -1
	}, s)
}
