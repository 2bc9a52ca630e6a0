package formula

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
)

// Bounds of a formula's text, so that working it out takes no time worth
// mentioning, whatever it says.
const (
	maxText  = 200
	maxDepth = 16
)

// Formula works out a number from the size of the machine:
//
//	formula = product { ( "+" | "-" ) product }
//	product = value { ( "*" | "/" ) value }
//	value   = number | size | number "%" | "memory" | "cpus"
//	        | ( "min" | "max" ) "(" formula { "," formula } ")" | "(" formula ")"
//
// A number may have decimals; a size is a number with a unit, which the caller
// knows; a percentage is one of the memory. Sizes and numbers are kinds of
// their own: adding one to the other, or multiplying two sizes, is an error of
// [Parse].
type Formula struct {
	text string
	root *term
}

// Error is what is wrong with a formula, and where.
type Error struct {
	// Column counts bytes from 1.
	Column  int
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("at character %d: %s", e.Column, e.Message)
}

// term is a part of a formula: a value, or an operation on other terms.
type term struct {
	// op is "value" and "share" (of the memory), both with a value; "memory",
	// "cpus"; "+", "-", "*", "/", "min" and "max" with arguments.
	op    string
	value *big.Rat
	args  []*term
	// size says that it is one, not a mere number.
	size bool
}

// String is the formula as it was written.
func (f Formula) String() string { return f.text }

// Bytes says whether the formula yields a size.
func (f Formula) Bytes() bool { return f.root != nil && f.root.size }

// Eval works out the formula for a machine with that memory, in bytes, and so
// many CPUs: exactly, rounded down at the end, and never less than 0. It fails
// on a division by zero, and on a result beyond 63 bits.
func (f Formula) Eval(memory int64, cpus int) (int64, error) {
	if f.root == nil {
		return 0, errors.New("there is no formula")
	}
	result, err := f.root.eval(new(big.Rat).SetInt64(memory), new(big.Rat).SetInt64(int64(cpus)))
	if err != nil {
		return 0, err
	}
	if result.Sign() <= 0 {
		return 0, nil
	}
	whole := new(big.Int).Quo(result.Num(), result.Denom())
	if !whole.IsInt64() {
		return 0, errors.New("the result is too large")
	}
	return whole.Int64(), nil
}

func (t *term) eval(memory, cpus *big.Rat) (*big.Rat, error) {
	args := make([]*big.Rat, len(t.args))
	for i, arg := range t.args {
		var err error
		if args[i], err = arg.eval(memory, cpus); err != nil {
			return nil, err
		}
	}
	switch t.op {
	case "memory":
		return memory, nil
	case "cpus":
		return cpus, nil
	case "share":
		return new(big.Rat).Mul(t.value, memory), nil
	case "+":
		return new(big.Rat).Add(args[0], args[1]), nil
	case "-":
		return new(big.Rat).Sub(args[0], args[1]), nil
	case "*":
		return new(big.Rat).Mul(args[0], args[1]), nil
	case "/":
		if args[1].Sign() == 0 {
			return nil, errors.New("it divides by zero")
		}
		return new(big.Rat).Quo(args[0], args[1]), nil
	case "min":
		return slices.MinFunc(args, (*big.Rat).Cmp), nil
	case "max":
		return slices.MaxFunc(args, (*big.Rat).Cmp), nil
	}
	return t.value, nil
}

// Parse reads a formula; size reads a size, in bytes. The error is a
// *[Error].
func Parse(text string, size func(text string) (int64, error)) (Formula, error) {
	if len(text) > maxText {
		return Formula{}, &Error{Column: maxText, Message: fmt.Sprintf("it is longer than %d characters", maxText)}
	}
	p := &reader{text: text, size: size}
	p.skip()
	root := p.sum()
	if p.err == nil && p.at < len(text) {
		p.fail("an operator is missing before %s", syntax.Quote(p.rest()))
	}
	if p.err != nil {
		return Formula{}, p.err
	}
	return Formula{text: text, root: root}, nil
}

// reader reads a formula from left to right. The first error stays,
// and ends every loop.
type reader struct {
	text  string
	size  func(text string) (int64, error)
	at    int
	depth int
	err   *Error
}

func (p *reader) fail(format string, args ...any) *term {
	if p.err == nil {
		p.err = &Error{Column: p.at + 1, Message: fmt.Sprintf(format, args...)}
	}
	return &term{op: "value", value: new(big.Rat)}
}

func (p *reader) rest() string { return p.text[p.at:] }

func (p *reader) skip() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// take takes one of the characters and the spaces behind it.
func (p *reader) take(chars string) (byte, bool) {
	if p.err != nil || p.at == len(p.text) || strings.IndexByte(chars, p.text[p.at]) < 0 {
		return 0, false
	}
	c := p.text[p.at]
	p.at++
	p.skip()
	return c, true
}

func (p *reader) sum() *term {
	left := p.product()
	for {
		at := p.at
		op, ok := p.take("+-")
		if !ok {
			return left
		}
		left = p.join(at, string(op), left, p.product())
	}
}

func (p *reader) product() *term {
	left := p.value()
	for {
		at := p.at
		op, ok := p.take("*/")
		if !ok {
			return left
		}
		left = p.join(at, string(op), left, p.value())
	}
}

// join makes an operation of its arguments, if their kinds allow it. Its
// place is for the error.
func (p *reader) join(at int, op string, args ...*term) *term {
	if p.err != nil {
		return args[0]
	}
	t := &term{op: op, args: args, size: args[0].size}
	message := ""
	for _, arg := range args[1:] {
		same := arg.size == args[0].size
		switch {
		case op == "*" && arg.size && args[0].size:
			message = "two sizes cannot be multiplied"
		case op == "*":
			t.size = arg.size || args[0].size
		case op == "/" && arg.size && !args[0].size:
			message = "a number cannot be divided by a size"
		case op == "/":
			t.size = args[0].size && !arg.size
		case !same && (op == "min" || op == "max"):
			message = "a size and a number cannot be compared; give the number a unit, as in 64MiB"
		case !same:
			message = "a size and a number cannot be added or subtracted; give the number a unit, as in 64MiB"
		}
	}
	if message != "" {
		p.at = at
		return p.fail("%s", message)
	}
	return t
}

func (p *reader) value() *term {
	if p.err != nil {
		return p.fail("")
	}
	at := p.at
	if _, ok := p.take("("); ok {
		inner := p.nested()
		if _, ok := p.take(")"); !ok {
			return p.fail("a ) is missing for the ( at character %d", at+1)
		}
		return inner
	}
	if at == len(p.text) {
		return p.fail("a value is missing at the end")
	}
	if syntax.IsDigit(p.text[at]) {
		return p.number()
	}
	word := p.word(syntax.IsAlnum)
	switch word {
	case "":
		return p.fail("a value cannot begin with %s", syntax.Quote(p.rest()[:1]))
	case "memory", "cpus":
		p.skip()
		return &term{op: word, size: word == "memory"}
	case "min", "max":
		p.skip()
		return p.call(at, word)
	}
	p.at = at
	return p.fail("there is no %s; known are memory, cpus, min( ) and max( )", syntax.Quote(word))
}

// nested is a formula inside parentheses.
func (p *reader) nested() *term {
	if p.depth++; p.depth > maxDepth {
		return p.fail("parentheses are nested too deep")
	}
	inner := p.sum()
	p.depth--
	return inner
}

func (p *reader) call(at int, name string) *term {
	if _, ok := p.take("("); !ok {
		return p.fail("a ( is missing after %s", name)
	}
	args := []*term{p.nested()}
	for {
		if _, ok := p.take(","); !ok {
			break
		}
		args = append(args, p.nested())
	}
	if _, ok := p.take(")"); !ok {
		return p.fail("a ) is missing for %s", name)
	}
	return p.join(at, name, args...)
}

// word takes characters of a kind.
func (p *reader) word(of func(byte) bool) string {
	at := p.at
	for p.at < len(p.text) && of(p.text[p.at]) {
		p.at++
	}
	return p.text[at:p.at]
}

// number takes a number, with a unit or a percent sign if it has one.
func (p *reader) number() *term {
	at := p.at
	digits := p.word(func(c byte) bool { return syntax.IsDigit(c) || c == '.' })
	value, ok := new(big.Rat).SetString(digits)
	if !ok || strings.HasSuffix(digits, ".") {
		p.at = at
		return p.fail("%s is not a number", syntax.Quote(digits))
	}
	end := p.at
	if _, ok := p.take("%"); ok {
		if value.Cmp(big.NewRat(100, 1)) > 0 {
			p.at = at
			return p.fail("%s%% is more than all of the memory", digits)
		}
		return &term{op: "share", value: value.Mul(value, big.NewRat(1, 100)), size: true}
	}
	p.skip()
	if unit := p.word(syntax.IsAlnum); unit != "" && !syntax.IsDigit(unit[0]) {
		size, err := p.size(digits + unit)
		if err != nil {
			p.at = at
			return p.fail("%s", err)
		}
		p.skip()
		return &term{op: "value", value: new(big.Rat).SetInt64(size), size: true}
	}
	p.at = end
	p.skip()
	return &term{op: "value", value: value}
}
