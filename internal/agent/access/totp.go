package access

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// The numbers that every authenticator app takes (RFC 6238): SHA-1, six
// digits, a new code each 30 seconds. A code is good for one step before and
// after its own, as clocks differ and people type slowly.
const (
	totpStep  = 30 * time.Second
	totpSkew  = 1
	totpBytes = 20 // as RFC 4226 recommends
)

// The recovery codes: ten of 80 bits, which nobody guesses nor finds by their
// hashes.
const (
	recoveryCodes = 10
	recoveryBytes = 10
)

var secretText = base32.StdEncoding.WithPadding(base32.NoPadding)

// totp is the code of a step (RFC 4226, section 5.3).
func totp(key []byte, step int64) string {
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes everything
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[offset:])&0x7fffffff)%1_000_000)
}

// matchTOTP finds the step whose code a text is. Steps up to last were used.
func matchTOTP(secret, code string, now time.Time, last int64) (step int64, ok bool) {
	key, err := secretText.DecodeString(secret)
	if err != nil {
		return 0, false
	}
	current := now.Unix() / int64(totpStep/time.Second)
	if last > current+totpSkew {
		last = 0 // of a clock that was wrong: or nobody would get in until that time
	}
	for s := current - totpSkew; s <= current+totpSkew; s++ {
		if subtle.ConstantTimeCompare([]byte(totp(key, s)), []byte(code)) == 1 && s > last {
			step, ok = s, true
		}
	}
	return step, ok
}

// Code is what an authenticator app shows for a secret at a time; "" when the
// secret is none.
func Code(secret string, at time.Time) string {
	key, err := secretText.DecodeString(secret)
	if err != nil {
		return ""
	}
	return totp(key, at.Unix()/int64(totpStep/time.Second))
}

// FactorURL is what an authenticator app reads from a QR code.
func FactorURL(issuer, account, secret string) string {
	issuer = strings.ReplaceAll(issuer, ":", " ") // ends the issuer
	escape := func(text string) string {          // apps do not read "+" as a space
		return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
	}
	return "otpauth://totp/" + escape(issuer) + ":" + escape(account) + "?secret=" + secret + "&issuer=" + escape(issuer)
}

// newRecovery makes recovery codes for a secret, and what the document keeps
// of them.
func newRecovery(random io.Reader, secret string) (codes []string, hashes string, err error) {
	var list []string
	for range recoveryCodes {
		raw := make([]byte, recoveryBytes)
		if _, err := io.ReadFull(random, raw); err != nil {
			return nil, "", err
		}
		code := strings.ToLower(secretText.EncodeToString(raw))
		list = append(list, hashRecovery(secret, code))
		codes = append(codes, code[:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:])
	}
	return codes, strings.Join(list, " "), nil
}

// hashRecovery hashes a code as [tidyCode] makes it. The secret is its salt.
func hashRecovery(secret, code string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("recovery " + code))
	return hex.EncodeToString(mac.Sum(nil))
}

// tidyCode is a code without what people put between its groups, and with the
// letters that they took for digits.
func tidyCode(code string) string {
	code = strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\u2013", "", "\t", "").Replace(strings.TrimSpace(code))
	if len(code) <= len("123456") {
		return code
	}
	return strings.NewReplacer("0", "o", "1", "l", "8", "b").Replace(strings.ToLower(code))
}
