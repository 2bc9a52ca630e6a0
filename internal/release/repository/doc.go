// Package repository makes and signs what vendors release: keys, a repository
// of static files, bundles. It is the vendor's side; appliances read with
// release/source and release/trust.
//
// Guarantees: a repository is valid at every instant, whatever interrupts the
// work: files are written under names that nobody knows yet, and
// metadata/timestamp.json, the last, is replaced as a whole. Two who write at
// once to one folder do so one after the other. What was released under a
// version is never changed. Private keys are on the disk only encrypted, with
// age (age-encryption.org/v1) and a passphrase.
//
// The layout is that of release/names.go.
package repository
