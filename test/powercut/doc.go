// Package powercut serves disks to a virtual machine and remembers, in one
// sequence for all of them, what was written and flushed: of that it makes
// what could have been on the disks had the power gone at any instant.
//
// What a disk promises, and no more, holds: a write that was followed by a
// flush, or that was itself forced (FUA), is there; of all later ones any may
// be missing, or be there for some of its sectors only. A sector of 512 bytes
// is old or new as a whole.
//
// The protocol is NBD's (github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md),
// of which QEMU's client uses what is here: fixed newstyle negotiation with
// NBD_OPT_GO and NBD_OPT_EXPORT_NAME, simple replies, no structured ones.
package powercut
