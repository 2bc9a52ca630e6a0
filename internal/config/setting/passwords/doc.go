// Package passwords says which new passwords are taken, and keeps those that
// were as hashes.
//
// Guarantees: a hash tells nothing of its password but whether another one is
// the same; no more than one is worked out at a time, with 12 MiB of memory,
// and a hash from elsewhere that would take much more is none.
//
// It does not slow down who guesses: package agent/access does.
package passwords
