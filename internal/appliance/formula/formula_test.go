package formula

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

// sizes reads the units that the tests need.
func sizes(text string) (int64, error) {
	for unit, bytes := range map[string]int64{"TiB": 1 << 40, "GiB": 1 << 30, "MiB": 1 << 20, "KB": 1000} {
		digits, ok := strings.CutSuffix(text, unit)
		n, err := strconv.ParseInt(digits, 10, 64)
		if ok && err == nil && n <= math.MaxInt64/bytes {
			return n * bytes, nil
		}
	}
	return 0, fmt.Errorf("%q is not a size", text)
}

func TestFormula(t *testing.T) {
	const memory = 3 << 30
	for _, test := range []struct {
		text  string
		want  int64
		bytes bool
	}{
		{"40%", 1288490188, true}, // 1288490188.8, rounded down
		{"12.5%", 3 << 27, true},
		{"100%", memory, true},
		{"memory", memory, true},
		{"cpus", 4, false},
		{"7", 7, false},
		{"64MiB", 64 << 20, true},
		{"64 MiB + 1 KB", 64<<20 + 1000, true},
		{" cpus*2 ", 8, false},
		{"1 + 2 * 3", 7, false},
		{"(1 + 2) * 3", 9, false},
		{"10 - 2 - 3", 5, false},
		{"100 / 10 / 5", 2, false},
		{"cpus / 3 * 3", 4, false}, // exact between
		{"cpus * 1.5", 6, false},
		{"7 / 2", 3, false},
		{"memory / 64MiB", 48, false},
		{"memory / 8", memory / 8, true},
		{"cpus * 64MiB", 256 << 20, true},
		{"2 * 64MiB * 2", 256 << 20, true},
		{"min(cpus, 2)", 2, false},
		{"max(cpus, 2, 9)", 9, false},
		{"max(128MiB, memory - 512MiB)", memory - 512<<20, true},
		{"max(128MiB, memory - 4GiB)", 128 << 20, true},
		{"memory - 4GiB", 0, true}, // less than nothing is nothing
		{"min(max(1, cpus), 3)", 3, false},
		{"8388607TiB", 8388607 << 40, true},
		{"9223372036854775807", 1<<63 - 1, false},
		{"9223372036854775807 * 2 / 2", 1<<63 - 1, false}, // no overflow on the way
		{"0", 0, false},
		{"010", 10, false},
		{"((((1))))", 1, false},
	} {
		f, err := Parse(test.text, sizes)
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		got, err := f.Eval(memory, 4)
		if got != test.want || err != nil || f.Bytes() != test.bytes || f.String() != test.text {
			t.Errorf("%q = %d (a size: %t), %v; want %d (%t)", f, got, f.Bytes(), err, test.want, test.bytes)
		}
	}
}

func TestFormulaThatCannotBeWorkedOut(t *testing.T) {
	for text, want := range map[string]string{
		"1 / 0":                        "it divides by zero",
		"memory / (cpus - 4)":          "it divides by zero",
		"min(1, 1 / (cpus - cpus))":    "it divides by zero",
		"9223372036854775807 + 1":      "the result is too large",
		"8388607TiB * 8388607":         "the result is too large",
		"9999999999999999999999999999": "the result is too large",
	} {
		f, err := Parse(text, sizes)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, err := f.Eval(1<<30, 4); err == nil || err.Error() != want || got != 0 {
			t.Errorf("%q = %d, %v; want the error %s", text, got, err, want)
		}
	}
	if _, err := (Formula{}).Eval(1, 1); err == nil {
		t.Error("the formula that there is not is worked out")
	}
}

func TestFormulaErrors(t *testing.T) {
	deep := func(n int) string {
		s := "1"
		for range n {
			s = "(" + s + ")"
		}
		return s
	}
	for _, test := range []struct {
		text   string
		column int
		want   string
	}{
		{"", 1, "a value is missing at the end"},
		{"  ", 3, "a value is missing at the end"},
		{"1 +", 4, "a value is missing at the end"},
		{"1 2", 3, `an operator is missing before "2"`},
		{"(1", 3, "a ) is missing for the ( at character 1"},
		{"1)", 2, `an operator is missing before ")"`},
		{"-1", 1, `a value cannot begin with "-"`},
		{"1 + * 2", 5, `a value cannot begin with "*"`},
		{"ram", 1, `there is no "ram"; known are memory, cpus, min( ) and max( )`},
		{"2 * Memory", 5, `there is no "Memory"; known are memory, cpus, min( ) and max( )`},
		{"min", 4, "a ( is missing after min"},
		{"min()", 5, `a value cannot begin with ")"`},
		{"min(1, 2", 9, "a ) is missing for min"},
		{"1.", 1, `"1." is not a number`},
		{"1.2.3", 1, `"1.2.3" is not a number`},
		{"1 + 1.5GiB", 5, `"1.5GiB" is not a size`},
		{"64M", 1, `"64M" is not a size`},
		{"101%", 1, "101% is more than all of the memory"},
		{"memory - 512", 8, "a size and a number cannot be added or subtracted; give the number a unit, as in 64MiB"},
		{"min(cpus, 5%)", 1, "a size and a number cannot be compared; give the number a unit, as in 64MiB"},
		{"memory * memory", 8, "two sizes cannot be multiplied"},
		{"cpus / memory", 6, "a number cannot be divided by a size"},
		{"\x1b[2J", 1, `a value cannot begin with "\x1b"`},
		{"\xff", 1, `a value cannot begin with "\xff"`},
		{deep(maxDepth + 1), maxDepth + 2, "parentheses are nested too deep"},
		{deep(maxText), maxText, "it is longer than 200 characters"},
	} {
		f, err := Parse(test.text, sizes)
		var wrong *Error
		if !errors.As(err, &wrong) || f.root != nil || wrong.Column != test.column || wrong.Message != test.want {
			t.Errorf("%q: %v; want %d: %s", test.text, err, test.column, test.want)
		}
	}
	if _, err := Parse(deep(maxDepth), sizes); err != nil {
		t.Error(err)
	}
}

// FuzzFormula holds that a formula that is read can be worked out or says why
// not, whatever the machine, that parentheses around it change nothing, and
// that twice as much is not less.
func FuzzFormula(f *testing.F) {
	for _, text := range []string{"40%", "max(128MiB, memory - 512MiB)", "cpus * 1.5", "min(16, memory / 64MiB)", "1/0", "(1", "8388607TiB*2"} {
		f.Add(text, int64(1<<30), 2)
	}
	f.Fuzz(func(t *testing.T, text string, memory int64, cpus int) {
		formula, err := Parse(text, sizes)
		if err != nil {
			var wrong *Error
			if !errors.As(err, &wrong) || wrong.Column < 1 || wrong.Column > len(text)+1 || wrong.Message == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		got, err := formula.Eval(memory, cpus)
		if got < 0 || err != nil && got != 0 {
			t.Fatalf("%q = %d, %v", text, got, err)
		}
		if again, e := Parse("max(("+text+"))", sizes); e == nil {
			if same, e := again.Eval(memory, cpus); same != got || (e == nil) != (err == nil) || again.Bytes() != formula.Bytes() {
				t.Fatalf("%q = %d, %v, but in parentheses %d, %v", text, got, err, same, e)
			}
		}
		if twice, e := Parse("2 * ("+text+")", sizes); e == nil && err == nil {
			if double, e := twice.Eval(memory, cpus); e == nil && (double < got || double/2 != got) {
				t.Fatalf("%q = %d, but twice that %d", text, got, double)
			}
		}
	})
}
