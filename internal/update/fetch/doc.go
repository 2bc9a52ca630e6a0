// Package fetch gets the files of a release and makes a slot of them.
//
// For each file it takes the way that costs the fewest bytes: none when a slot
// on the disk has the same content, else a patch for exactly a content that is
// there, else the blocks that differ, else the whole. What is fetched lies in a
// cache, where an interrupted download goes on, until it is verified.
//
// Guarantees: what is written is verified against the release by hash, images
// by their verity root too, once while it is written and once as it is read
// back from the disk; memory does not grow with the size of the files but for
// the index of blocks (10 MiB for each GiB).
package fetch
