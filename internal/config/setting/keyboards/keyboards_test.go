package keyboards_test

import (
	"reflect"
	"testing"
	"unicode"

	"github.com/ingotvm/ingot/internal/config/setting/keyboards"
)

// The kernel's numbers, written down anew from linux/keyboard.h.
const (
	letterKind = 0x0b00
	noSymbol   = 0x0200
)

// character is what a symbol writes, and whether Caps Lock acts on it.
func character(symbol uint16) (r rune, letter bool) {
	switch {
	case symbol == noSymbol:
		return 0, false
	case symbol>>8 >= 0xc0: // a character in the kernel's Unicode form
		return rune(symbol ^ 0xf000), false
	}
	return rune(symbol & 0xff), symbol&0xff00 == letterKind
}

func TestKnownKeys(t *testing.T) {
	const plain, shift, altGr, control = 0, 1, 2, 4
	for _, test := range []struct {
		layout string
		table  uint8
		code   uint8
		want   rune
		letter bool
	}{
		{"us", plain, 16, 'q', true}, {"us", shift, 3, '@', false}, {"us", plain, 43, '\\', false}, {"us", plain, 53, '/', false},
		{"gb", shift, 4, '£', false}, {"gb", shift, 3, '"', false}, {"gb", plain, 43, '#', false}, {"gb", altGr, 5, '€', false},
		{"gb", shift, 40, '@', false}, {"gb", plain, 86, '\\', false},
		{"de", plain, 21, 'z', true}, {"de", plain, 44, 'y', true}, {"de", altGr, 16, '@', false}, {"de", altGr, 18, '€', false},
		{"de", plain, 26, 'ü', true}, {"de", shift, 26, 'Ü', true}, {"de", plain, 12, 'ß', false}, {"de", shift, 12, '?', false},
		{"de", altGr, 12, '\\', false}, {"de", altGr, 8, '{', false}, {"de", altGr, 86, '|', false}, {"de", altGr, 27, '~', false},
		{"de", shift, 8, '/', false}, {"de", plain, 53, '-', false}, {"de", control, 21, 0x1a, false}, {"de", control, 46, 3, false},
		{"ch", plain, 21, 'z', true}, {"ch", shift, 26, 'è', false}, {"ch", altGr, 3, '@', false}, {"ch", plain, 43, '$', false},
		{"ch", altGr, 40, '{', false}, {"ch", shift, 4, '*', false}, {"ch", altGr, 86, '\\', false}, {"ch", altGr, 26, '[', false},
		{"fr", plain, 16, 'a', true}, {"fr", plain, 30, 'q', true}, {"fr", plain, 39, 'm', true}, {"fr", shift, 2, '1', false},
		{"fr", plain, 3, 'é', false}, {"fr", altGr, 11, '@', false}, {"fr", altGr, 9, '\\', false}, {"fr", plain, 50, ',', false},
		{"fr", shift, 51, '.', false}, {"fr", shift, 52, '/', false}, {"fr", control, 16, 1, false}, {"fr", altGr, 5, '{', false},
		{"be", plain, 16, 'a', true}, {"be", altGr, 3, '@', false}, {"be", plain, 13, '-', false}, {"be", altGr, 86, '\\', false},
		{"es", plain, 39, 'ñ', true}, {"es", altGr, 3, '@', false}, {"es", shift, 8, '/', false}, {"es", altGr, 41, '\\', false},
		{"pt", plain, 39, 'ç', true}, {"pt", altGr, 3, '@', false}, {"pt", plain, 41, '\\', false},
		{"it", altGr, 39, '@', false}, {"it", altGr, 40, '#', false}, {"it", plain, 26, 'è', false}, {"it", altGr, 8, '{', false},
		{"se", plain, 26, 'å', true}, {"se", altGr, 3, '@', false}, {"se", altGr, 12, '\\', false}, {"se", shift, 40, 'Ä', true},
		{"dk", plain, 39, 'æ', true}, {"dk", plain, 40, 'ø', true}, {"dk", altGr, 13, '|', false}, {"dk", altGr, 86, '\\', false},
		{"no", plain, 39, 'ø', true}, {"no", plain, 40, 'æ', true}, {"no", plain, 13, '\\', false}, {"no", plain, 41, '|', false},
		{"pl", altGr, 30, 'ą', false}, {"pl", altGr, 44, 'ż', false}, {"pl", altGr, 45, 'ź', false}, {"pl", plain, 44, 'z', true},
		{"jp", shift, 3, '"', false}, {"jp", plain, 26, '@', false}, {"jp", plain, 124, '\\', false}, {"jp", shift, 89, '_', false},
		{"jp", plain, 43, ']', false}, {"jp", plain, 41, 0, false}, {"jp", shift, 11, 0, false},
		{"no such layout", plain, 16, 'q', true},
	} {
		symbol, ok := keyboards.Of(test.layout)[test.table][test.code]
		if r, letter := character(symbol); !ok || r != test.want || letter != test.letter {
			t.Errorf("%s: table %d, key %d: %#04x is %q, letter %t; want %q, %t", test.layout, test.table, test.code, symbol, r, letter, test.want, test.letter)
		}
	}
	if got := keyboards.Of("de")[altGr][18]; got != 0x20ac^0xf000 {
		t.Errorf("the euro is %#04x", got)
	}
}

// TestLayoutsAreWhole holds what is true of every keyboard: it has all that is
// needed to type ASCII, each letter and digit once, and says something of
// each key in each table, so that nothing of another layout stays.
func TestLayoutsAreWhole(t *testing.T) {
	reference := keyboards.Of("us")
	layouts := keyboards.Layouts()
	if len(layouts) < 12 {
		t.Errorf("only %d layouts", len(layouts))
	}
	for _, layout := range layouts {
		keymap := keyboards.Of(layout.Name)
		if !reflect.DeepEqual(keyCodes(keymap), keyCodes(reference)) {
			t.Errorf("%s has other keys than us", layout.Name)
		}
		typed := map[rune]int{}
		for _, table := range []uint8{0, 1, 2} {
			for _, symbol := range keymap[table] {
				r, letter := character(symbol)
				typed[r]++
				if letter && !unicode.IsLetter(r) {
					t.Errorf("%s: %q counts as a letter", layout.Name, r)
				}
			}
		}
		for r := '!'; r <= '~'; r++ {
			if typed[r] == 0 {
				t.Errorf("%s cannot type %q", layout.Name, r)
			}
			if alphanumeric := r < 0x7f && (unicode.IsLetter(r) || unicode.IsDigit(r)); alphanumeric && typed[r] != 1 {
				t.Errorf("%s has %d keys for %q", layout.Name, typed[r], r)
			}
		}
		controls := map[uint16]bool{}
		for _, symbol := range keymap[4] {
			controls[symbol] = true
		}
		for c := uint16(1); c <= 26; c++ {
			if !controls[c] {
				t.Errorf("%s has no Ctrl+%c", layout.Name, 'A'+c-1)
			}
		}
	}
}

// keyCodes are the keys that each table says something of.
func keyCodes(m keyboards.Keymap) map[uint8]map[uint8]bool {
	codes := map[uint8]map[uint8]bool{}
	for table, symbols := range m {
		codes[table] = map[uint8]bool{}
		for code := range symbols {
			codes[table][code] = true
		}
	}
	return codes
}
