// Package setting holds the settings of an appliance: one file each, with the
// type of its part of the configuration document and everything that is known
// of it: what is right, which files it becomes, how the running system is made
// to follow, and how to see that it does.
//
// Glossary:
//
//   - document: everything that the system is told to be, [Document]; a
//     setting is one part of it, named by its key ("network").
//   - property: one value of a setting as text under a dotted key
//     ("network.hostname"). Forms, seeds, OVF properties and the command line
//     all go by the table of properties and know no setting.
//   - wanted, actual: what the document says; what the live system is.
//   - guarded: a change that can cut the administrator off, and so is undone
//     unless somebody confirms it over a new connection.
//
// Guarantees: [Files] and validation are pure; a setting touches the machine
// only through [System]; everything that it writes lies in memory (/etc, /run),
// so that a power cut leaves nothing half done: the next start writes it anew
// from the committed document.
//
// It does not keep documents or decide when to apply one: package config does.
package setting
