package console

import (
	"strings"

	"rsc.io/qr"

	"github.com/ingotvm/ingot/internal/console/terminal"
)

// quiet is the white border of a QR code, in modules. The standard wants
// four; scanners do with two, and the screen has not more.
const quiet = 2

// code draws a text as a QR code: two modules to a character with half
// blocks; where there are none, two characters to a module, which takes four
// times the room. nil when it does not fit.
func (m *Model) code(text string, width, height int) []Line {
	if text == "" || width < 25 || height < 13 {
		return nil
	}
	c, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil
	}
	size := c.Size + 2*quiet
	black := func(x, y int) bool { return c.Black(x-quiet, y-quiet) } // false outside
	var out []Line
	if m.charset == terminal.ASCII {
		if 2*size > width || size > height {
			return nil
		}
		for y := range size {
			var b strings.Builder
			for x := range size {
				b.WriteString(map[bool]string{true: "##", false: "  "}[black(x, y)])
			}
			out = append(out, Line{{b.String(), Light}})
		}
		return out
	}
	if size > width || (size+1)/2 > height {
		return nil
	}
	for y := 0; y < size; y += 2 {
		var b strings.Builder
		for x := range size {
			switch upper, lower := black(x, y), black(x, y+1); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteRune(' ')
			}
		}
		out = append(out, Line{{b.String(), Light}})
	}
	return out
}

// beside puts a block at the right of lines, which are cut where it stands.
func beside(lines, block []Line, width int) []Line {
	if len(block) == 0 {
		return lines
	}
	left := width - block[0].width() - 1
	out := make([]Line, max(len(lines), len(block)))
	for i := range out {
		if i < len(lines) {
			out[i] = lines[i]
		}
		if i < len(block) {
			out[i] = append(append(out[i].fit(left), Span{" ", Plain}), block[i]...)
		}
	}
	return out
}
