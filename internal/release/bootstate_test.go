package release

import (
	"errors"
	"strings"
	"testing"
)

func TestBootState(t *testing.T) {
	for _, s := range []BootState{
		{Good: "1.0.0"},
		{Good: "1.0.0", Trial: "1.1.0", Tries: 3},
		{Good: "1.0.0-rc.1", Trial: "2.0.0", Tries: 0},
	} {
		block, err := s.Block()
		if err != nil || len(block) != BootStateSize {
			t.Fatalf("%+v: %d bytes, %v", s, len(block), err)
		}
		if got, err := ParseBootState(block); err != nil || got != s {
			t.Errorf("%+v came back as %+v, %v", s, got, err)
		}
		// Torn at every byte: old bytes behind new ones, or the other way round.
		for i := range block {
			for _, rest := range []string{"\x00", "#", "="} {
				torn := append(append([]byte{}, block[:i]...), strings.Repeat(rest, len(block)-i)...)
				got, err := ParseBootState(torn)
				if err == nil && got != s || err != nil && !errors.Is(err, ErrTorn) {
					t.Fatalf("torn after %d bytes it is %+v, %v", i, got, err)
				}
			}
		}
	}
	for _, s := range []BootState{{}, {Good: "1\nwhole=yes"}, {Good: "1.0.0", Tries: 4}, {Good: "1.0.0-" + strings.Repeat("1", 600)}} {
		if _, err := s.Block(); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

func FuzzBootState(f *testing.F) {
	block, _ := BootState{Good: "1.0.0", Trial: "1.1.0", Tries: 2}.Block()
	f.Add(block)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseBootState(data)
		if err != nil {
			return
		}
		again, err := s.Block()
		if err != nil {
			return // too long with the rest in canonical form
		}
		if got, err := ParseBootState(again); err != nil || got != s {
			t.Errorf("%+v came back as %+v, %v", s, got, err)
		}
	})
}
