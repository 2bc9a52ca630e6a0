package passwords

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What a password must be, after NIST SP 800-63B: long enough, and none that
// is tried first. No kinds of characters are asked for.
const (
	Minimum = 10  // characters
	maximum = 256 // characters; a hash takes longer the longer it is
	// fewBesides is how many characters a password must have besides the
	// names of the account and of the appliance.
	fewBesides = 5
)

// common are long passwords that many people choose: one on a line,
// in lower case. Shorter ones are refused for their length.
//
//go:embed common.txt
var common string

// Check says what is wrong with a new password, as a phrase that can stand
// after "the password"; account and more names (such as the appliance's) are
// those that it must not be made of.
func Check(password, account string, names ...string) error {
	if utf8.ValidString(password) {
		password = norm.NFC.String(password)
	}
	switch n := utf8.RuneCountInString(password); {
	case password == "":
		return errors.New("is missing")
	case !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl):
		return errors.New("holds a character that cannot be typed")
	case n < Minimum:
		return fmt.Errorf("is too short: it must have at least %d characters", Minimum)
	case isForeignHash(password):
		return errors.New("looks like a password's hash, and not like one that is taken here: argon2id with at most 48 MiB and 12 passes")
	case n > maximum:
		return fmt.Errorf("is too long: it may have at most %d characters", maximum)
	}
	lower := strings.ToLower(password)
	for _, name := range append([]string{account}, names...) {
		name = strings.ToLower(name)
		if len(name) >= 3 && strings.Contains(lower, name) && utf8.RuneCountInString(strings.ReplaceAll(lower, name, "")) < fewBesides {
			return errors.New("is little more than a name: somebody could guess it")
		}
	}
	if isSequence(lower) {
		return errors.New("is a mere sequence: somebody could guess it")
	}
	for line := range strings.Lines(common) {
		if lower == strings.TrimSpace(line) {
			return errors.New("is one that many people choose: somebody could guess it")
		}
	}
	return nil
}

// isForeignHash says whether a text looks like the hash of a password that
// crypt(5) or argon2 made. Somebody meant the password behind it, which then
// nobody could log in with.
func isForeignHash(s string) bool {
	for _, scheme := range []string{"$argon2", "$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$", "$y$"} {
		if strings.HasPrefix(s, scheme) {
			return true
		}
	}
	return false
}

// isSequence says whether a text is a character again and again, or counts up
// or down (1234567890 with its turn from 9 to 0 included).
func isSequence(s string) bool {
	runes := []rune(s)
	steps := map[rune]int{}
	for i := 1; i < len(runes); i++ {
		steps[runes[i]-runes[i-1]]++
	}
	for _, step := range []rune{0, 1, -1} {
		if steps[step] >= len(runes)-2 {
			return true
		}
	}
	return false
}
