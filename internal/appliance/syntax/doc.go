// Package syntax says what the words of an appliance definition may be made
// of (names, versions, packages, units, paths, addresses), and how such a word
// is shown in a message.
//
// Guarantees: what it accepts as a name, version, package, unit, variable or
// path on the data disk is safe in file names, unit files, kernel command
// lines and as a program's argument; what [Quote] and [Printable] give can be
// sent to a terminal. All of it is pure, and takes any text.
//
// It does not know where in a definition a word stands: package appliance
// does.
package syntax
