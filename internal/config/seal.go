package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// errDamaged says that a file is not what was written.
var errDamaged = errors.New("it is damaged")

// seal encodes a value as a JSON object with the member "hash": the SHA-256,
// in hex, of the object without it in canonical form, which is compact JSON
// with sorted keys. The form depends on no Go type, so that the hash of a
// revision holds in versions to come.
func seal(v any) (data []byte, hash string, err error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, "", err
	}
	body, err := decodeObject(raw)
	if err != nil {
		return nil, "", err
	}
	delete(body, "hash")
	canonical, err := json.Marshal(body)
	if err != nil {
		return nil, "", err
	}
	hash = digest(canonical)
	body["hash"] = hash
	data, err = json.MarshalIndent(body, "", "  ")
	return append(data, '\n'), hash, err
}

// unseal decodes what [seal] encoded, but for the hash, which it returns. Its
// error wraps [errDamaged].
func unseal(data []byte, v any) (hash string, err error) {
	body, err := decodeObject(data)
	if err != nil {
		return "", fmt.Errorf("%w: %v", errDamaged, err)
	}
	hash, _ = body["hash"].(string)
	delete(body, "hash")
	canonical, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("%w: %v", errDamaged, err)
	}
	if hash != digest(canonical) {
		return "", fmt.Errorf("%w: its hash is wrong", errDamaged)
	}
	// What counts is what was hashed: in the bytes of the file a key may
	// stand twice.
	if err := json.Unmarshal(canonical, v); err != nil {
		return "", fmt.Errorf("%w: %v", errDamaged, err)
	}
	return hash, nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// decodeJSON reads exactly one JSON value, numbers as they are written.
func decodeJSON(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON value")
	}
	return v, nil
}

func decodeObject(data []byte) (map[string]any, error) {
	v, err := decodeJSON(data)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it is not a JSON object")
	}
	return object, nil
}
