package keyboards

import "unicode"

// Keymap is what the kernel is told of a layout: for each table (plain, shift,
// AltGr and control: 0, 1, 2 and 4) the symbol of each key code, in the form
// that the ioctl KDSKBENT takes. Symbols of characters above U+00FF are taken
// only while the keyboard is in Unicode mode (K_UNICODE), as the console's is.
type Keymap map[uint8]map[uint8]uint16

// The kernel's tables are numbered by the modifiers that are held: the sum of
// 1<<KG_SHIFT, 1<<KG_ALTGR and 1<<KG_CTRL of linux/keyboard.h.
const (
	tablePlain   = 0
	tableShift   = 1
	tableAltGr   = 2
	tableControl = 4
)

// Kinds of symbols, in the upper byte of one (linux/keyboard.h).
const (
	kindLatin  = 0x00 // KT_LATIN: the character of the lower byte
	kindLetter = 0x0b // KT_LETTER: the same, and Caps Lock acts on it
	symbolHole = 0x0200
)

// Key codes (linux/input-event-codes.h) of the keys of each row, from left to
// right. The last of row C is the key beside Enter, the first of row B that
// between left Shift and Z, which American keyboards lack.
var (
	codesE = [...]uint8{41, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}
	codesD = [...]uint8{16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27}
	codesC = [...]uint8{30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 43}
	codesB = [...]uint8{86, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53}
	// Two more of Japanese keyboards: left of Backspace, left of right Shift.
	codesJ = [...]uint8{124, 89}
)

// Of is the keymap of a layout, that of "us" when there is no such
// layout. Every keymap says something of every key, so that nothing is left of
// the one before.
func Of(name string) Keymap {
	chosen := Layouts()[0]
	for _, l := range Layouts() {
		if l.Name == name {
			chosen = l
		}
	}
	m := Keymap{tablePlain: {}, tableShift: {}, tableAltGr: {}, tableControl: {}}
	m.addRow(codesE[:], chosen.e)
	m.addRow(codesD[:], chosen.d)
	m.addRow(codesC[:], chosen.c)
	m.addRow(codesB[:], chosen.b)
	m.addRow(codesJ[:], chosen.j)
	return m
}

// addRow adds the keys of one row.
func (m Keymap) addRow(codes []uint8, r row) {
	plain, shift, altGr := []rune(r.plain), []rune(r.shift), []rune(r.altGr)
	at := func(runes []rune, i int) rune {
		if i < len(runes) {
			return runes[i]
		}
		return ' '
	}
	for i, code := range codes {
		p, s := at(plain, i), at(shift, i)
		letter := unicode.IsLower(p) && unicode.ToUpper(p) == s
		m[tablePlain][code] = symbol(p, letter)
		m[tableShift][code] = symbol(s, letter)
		m[tableAltGr][code] = symbol(at(altGr, i), false)
		m[tableControl][code] = control(p)
	}
}

// symbol is the kernel's name for a character; a space stands for none: the
// space bar is in no row.
func symbol(r rune, letter bool) uint16 {
	switch {
	case r == ' ':
		return symbolHole
	case r > 0xff:
		return uint16(r) ^ 0xf000
	case letter:
		return kindLetter<<8 | uint16(r)
	}
	return kindLatin<<8 | uint16(r)
}

// control is what a key writes together with Control: the ASCII control
// character of its letter, so that Ctrl+C goes by what the key is labelled.
func control(r rune) uint16 {
	if r >= 'a' && r <= 'z' || r >= '[' && r <= '_' {
		return uint16(r) & 0x1f
	}
	return symbolHole
}
