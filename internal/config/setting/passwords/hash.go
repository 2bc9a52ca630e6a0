package passwords

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The cost of a password's hash: one of the settings that OWASP's password
// storage cheat sheet calls equivalent, and of them one that fits a small
// machine: 12 MiB, three passes, one thread.
const (
	hashMemory = 12 << 10 // KiB
	hashTime   = 3
	hashKey    = 32 // bytes
	hashSalt   = 16
)

// hashing lets one hash be worked out at a time, so that many log-ins at once
// cannot take the memory of the appliance.
var hashing sync.Mutex

// Hash is the argon2id hash of a password with a new salt, in the PHC string
// form.
func Hash(password string) string {
	salt := make([]byte, hashSalt)
	rand.Read(salt) // never fails: it would end the program
	key := derive(password, salt, hashTime, hashMemory)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, hashMemory, hashTime, b64(salt), b64(key))
}

// Verify says whether a password is the one of a hash. A hash that cannot be
// read is that of no password.
func Verify(hash, password string) bool {
	salt, key, time, memory, ok := parseHash(hash)
	return ok && subtle.ConstantTimeCompare(key, derive(password, salt, time, memory)) == 1
}

// IsHash says whether a text is a hash that [Verify] takes.
func IsHash(hash string) bool {
	_, _, _, _, ok := parseHash(hash)
	return ok
}

// derive works a hash out. Keyboards write the same letter in several ways
// (é, or e and an accent): NIST SP 800-63B wants one of them, NFC.
func derive(password string, salt []byte, time, memory uint32) []byte {
	hashing.Lock()
	defer hashing.Unlock()
	return argon2.IDKey(norm.NFC.Bytes([]byte(password)), salt, time, memory, 1, hashKey)
}

// parseHash reads the PHC form. Costs above four times our own are refused:
// a seed must not be able to make each log-in take a minute.
func parseHash(hash string) (salt, key []byte, time, memory uint32, ok bool) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return nil, nil, 0, 0, false
	}
	var threads uint32
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); n != 3 || err != nil || threads != 1 {
		return nil, nil, 0, 0, false
	}
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	key, errKey := base64.RawStdEncoding.DecodeString(parts[5])
	ok = errSalt == nil && errKey == nil && len(salt) >= 8 && len(key) == hashKey &&
		time >= 1 && time <= 4*hashTime && memory >= 8 && memory <= 4*hashMemory
	return salt, key, time, memory, ok
}
