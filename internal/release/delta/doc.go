// Package delta makes a file of an earlier one: patches, and block indexes for
// ranged reads.
//
// EROFS puts the data of files at multiples of 4096 bytes, so most of an image
// is found again in the one before as whole blocks, wherever they lie. What is
// not is compressed with the part of the old file as dictionary that looks
// most like it.
//
// A patch, in order (numbers are unsigned varints of encoding/binary, places
// signed ones):
//
//	"INGOTDL1"
//	'C' place length                  copy length bytes of the old file; the place counts from the end of the last copy
//	'F' length                        so many zeros
//	'Z' length place dict frame …     length bytes: a zstd frame of frame bytes that follows, with dict bytes of the
//	                                  old file as its dictionary; the place counts from the end of the last copy
//	'E'                               the end
//
// An index:
//
//	"INGOTIX1" size blocks-per-frame  numbers as above
//	length of each frame
//	16 bytes of the SHA-256 of each block of 4096 bytes
//
// beside which lie the frames, one after the other, a zstd frame each.
//
// Guarantees: Apply and Assemble never write more than they were told to, use
// at most 64 MiB whatever the patch says (and Assemble 10 MiB for each GiB of
// the old file), and read what is wrong as [ErrDamaged], never as something
// else's content: Assemble compares each block, and after Apply the caller
// compares the hash of the whole.
package delta

import "errors"

// ErrDamaged says that a patch, an index or blocks are not what was made, or
// do not belong to the old file.
var ErrDamaged = errors.New("the delta is damaged, or belongs to another file")

// blockSize is that of EROFS and of the index, in bytes.
const blockSize = 4096
