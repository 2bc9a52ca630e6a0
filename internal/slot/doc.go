// Package slot keeps the versions on the system disk: a folder slots/<version>/
// each, and the boot state that says which one GRUB boots.
//
// Guarantees: a folder slots/<version>/ is complete and durable from the
// moment it has that name; the boot state is written one sector at a time, and
// names only what GRUB can read without a journal; the version that runs and
// the one that is known to be good are never removed; nothing else on the EFI
// system partition is ever written.
//
// The system partition stays mounted read-only except while a version is
// written or removed.
package slot
