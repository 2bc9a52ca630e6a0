package web

import (
	"fmt"
	"testing"
)

// Whatever colour a vendor likes, text on it and in it can be read.
func TestAccentIsLegible(t *testing.T) {
	white, card := colour{1, 1, 1}, colour{0.09, 0.106, 0.133}
	for r := 0; r <= 255; r += 51 {
		for g := 0; g <= 255; g += 51 {
			for b := 0; b <= 255; b += 51 {
				text := fmt.Sprintf("#%02x%02x%02x", r, g, b)
				c, ok := parseColour(text)
				if !ok || c.String() != text {
					t.Fatalf("%s is read as %v", text, c)
				}
				for _, x := range []struct {
					ground  colour
					towards float64
				}{{white, 0}, {card, 1}} {
					got := c.legibleOn(x.ground, x.towards)
					if contrast(got, x.ground) < 4.5 {
						t.Errorf("%s becomes %v, with a contrast of %.1f", text, got, contrast(got, x.ground))
					}
					if contrast(c, x.ground) >= legible && got != c {
						t.Errorf("%s could be read, and becomes %v", text, got)
					}
				}
			}
		}
	}
	for _, bad := range []string{"", "#12345", "2450c8x", "#12345g", "red", "#+12345"} {
		if _, ok := parseColour(bad); ok {
			t.Errorf("%q is a colour", bad)
		}
	}
}
