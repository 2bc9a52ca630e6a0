package verity

import (
	"crypto/sha256"
	"hash"
)

// hasher makes salted digests of blocks; one goroutine uses it.
type hasher struct {
	salt []byte
	hash hash.Hash
}

func newHasher(salt []byte) *hasher { return &hasher{salt: salt, hash: sha256.New()} }

// sum puts the digest of data at index i of out.
func (h *hasher) sum(out *block, i int, data []byte) {
	h.hash.Reset()
	h.hash.Write(h.salt)
	h.hash.Write(data)
	h.hash.Sum(out[i*sha256.Size : i*sha256.Size])
}
