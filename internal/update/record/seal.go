package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
)

// sealed is a value as a file keeps it.
type sealed struct {
	// Hash is the SHA-256 of Body as it stands, in hex.
	Hash string          `json:"hash"`
	Body json.RawMessage `json:"body"`
}

// Seal encodes a value as JSON with its hash.
func Seal(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(sealed{Hash: digest(body), Body: body})
	return append(data, '\n'), err
}

// Unseal decodes what [Seal] made, and nothing else.
func Unseal(data []byte, v any) error {
	var s sealed
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&s); err != nil {
		return errors.New("it is no JSON")
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows it")
	}
	if s.Hash != digest(s.Body) {
		return errors.New("its hash is wrong")
	}
	return json.Unmarshal(s.Body, v)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
