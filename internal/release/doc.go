// Package release holds what a release is made of: the manifest of a slot's
// files and the boot description that its initrd reads.
//
// A release is a set of files; the same files lie in a slot on the system
// disk, in a repository and in an offline bundle.
package release
