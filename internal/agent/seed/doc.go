// Package seed reads the answers that an unattended first boot is given from
// outside: by the hypervisor, or on a disk that is attached.
//
// Glossary:
//
//   - provider: one way in which answers come ([Provider]); one file each.
//   - answers: what one provider has to say ([Answers]): properties by key,
//     and a part of a configuration document for what no property can say.
//   - medium: a CD or disk with a label that says it is meant for us.
//   - channel: the line to VMware's hypervisor that guestinfo comes over.
//
// Guarantees: answers are handed on as they came; whether they are right is
// seen where they are imported. Nothing there is no error. Whatever is read is
// bounded in size and time, and an error in one provider does not keep the
// others from being heard. A property that comes empty or as "null" is
// reported and not taken. Media are mounted read-only, without devices or
// programs, for as long as their files are read; the appliance's own disks are
// not looked at. I/O ports are touched only where the firmware and the
// processor both say VMware.
//
// Which provider wins: the answers are in an order in which later ones
// override earlier ones, see [Providers]; within one, properties override the
// document.
package seed
