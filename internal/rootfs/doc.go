// Package rootfs holds a file tree in memory: read from a tar archive or a
// folder, filtered, compared, added to, and written as an EROFS image.
//
// A [Tree] keeps names, owners, modes and links; file content stays where it
// was read from until the image is written. Paths are slash-separated and
// relative, as in io/fs; the root is ".". Hard links become copies: the image
// writer knows none.
package rootfs
