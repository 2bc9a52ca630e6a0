// Package verity makes and checks the dm-verity hash tree of an image.
//
// Glossary: a block is 4096 bytes; the image is the data blocks; a digest is
// SHA-256 over the salt followed by a block; the tree is the digests of the
// data blocks, packed 128 to a block, then the digests of those blocks and so
// on up to one block; the root is the digest of that one.
//
// The bytes are those of `veritysetup format --no-superblock` with format
// version 1, SHA-256 and 4096-byte data and hash blocks: the top level comes
// first, the level that covers the data last. An image of a single block has
// an empty tree: its root is the digest of the block itself.
//
// What this package does not do: other block sizes or digests, superblocks,
// forward error correction, signatures of the root.
package verity
