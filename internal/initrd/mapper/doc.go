// Package mapper opens a verified image: the file becomes a loop device, and
// that a dm-verity device whose every block is checked against the root hash
// when it is read.
//
// A damaged block gives the reader an I/O error and nothing else. The
// alternatives that dm-verity offers, panic and restart, would turn one bad
// sector under a file that nobody needs into a machine that reboots for ever,
// in the middle of the database's work; a damaged block that is needed to
// boot or to be healthy is counted by the boot loader's tries anyhow. Either
// way what was tampered with is never executed.
//
// The loop device reads directly from the disk (no second copy in memory) and
// goes when its last user does. What this package does not do: signatures of
// root hashes, closing devices (they live as long as the machine runs).
package mapper
