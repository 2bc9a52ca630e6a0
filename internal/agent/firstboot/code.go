package firstboot

import (
	"crypto/rand"
	"crypto/subtle"
	"strings"
)

// alphabet has no two characters that people take for one another.
const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// codeLength gives 40 bits; how often somebody may guess is the API's to bound.
const codeLength = 8

// Code is the one-time code that the console shows and a remote wizard gives.
type Code string

// NewCode makes a code.
func NewCode() Code {
	raw := make([]byte, codeLength)
	rand.Read(raw) // never fails: it would end the program
	for i, b := range raw {
		raw[i] = alphabet[int(b)%len(alphabet)] // 32 divides 256: no bias
	}
	return Code(raw)
}

// String is the code as the console shows it: ABCD-EFGH.
func (c Code) String() string { return string(c[:codeLength/2] + "-" + c[codeLength/2:]) }

// Matches compares a guess, in either case and with or without the dash.
func (c Code) Matches(guess string) bool {
	plain := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(guess))
	return c != "" && subtle.ConstantTimeCompare([]byte(plain), []byte(c)) == 1
}
