package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// flow is what a log-in must know when the browser comes back.
type flow struct {
	State, Nonce, Verifier string
	Redirect               string
	Begun                  time.Time
	// Settings is their digest: a log-in does not go on under others.
	Settings string
}

// secret is 256 random bits.
func secret(random io.Reader) (string, error) {
	raw := make([]byte, 32)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// same compares secrets in the same time whatever they are; nothing is like
// nothing.
func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// digest stands for settings; secrets in them cannot be read from it.
func (s settings) digest() string {
	data, _ := json.Marshal([]any{s.OIDC, s.proxy, s.noProxy}) // plain data: cannot fail
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// seal turns flows into keys that only this process can read, and remembers
// which ones were used.
type seal struct {
	box cipher.AEAD

	mu   sync.Mutex
	used map[string]time.Time // by their states
}

// maxKey bounds a key, in bytes: a browser keeps it as a cookie.
const maxKey = 3000

func newSeal(random io.Reader) (*seal, error) {
	key := make([]byte, 32)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fmt.Errorf("cannot make a key for log-ins: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cannot make a key for log-ins: %w", err)
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("cannot make a key for log-ins: %w", err)
	}
	return &seal{box: box, used: map[string]time.Time{}}, nil
}

func (s *seal) close(f flow) (key string, err error) {
	data, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("cannot begin a log-in: %w", err)
	}
	key = base64.RawURLEncoding.EncodeToString(s.box.Seal(nil, nil, data, nil))
	if len(key) > maxKey {
		return "", fmt.Errorf("cannot begin a log-in: the address %.40s is too long", f.Redirect)
	}
	return key, nil
}

// open is the flow of a key that is neither made up nor too old nor used.
func (s *seal) open(key string, now time.Time) (f flow, ok bool) {
	if len(key) > maxKey {
		return flow{}, false
	}
	data, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil {
		return flow{}, false
	}
	if data, err = s.box.Open(nil, nil, data, nil); err != nil || json.Unmarshal(data, &f) != nil {
		return flow{}, false
	}
	if age := now.Sub(f.Begun); age < 0 || age >= Within {
		return flow{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, used := s.used[f.State]
	return f, !used
}

// once says whether a flow is used for the first time.
func (s *seal) once(f flow, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for state, begun := range s.used {
		if now.Sub(begun) >= Within {
			delete(s.used, state)
		}
	}
	_, used := s.used[f.State]
	s.used[f.State] = f.Begun
	return !used
}
