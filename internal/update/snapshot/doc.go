// Package snapshot keeps what an update may have to give back: the
// configuration, the appliance's identity and the data of services, as they
// were before a new version touched them. It lies on the data disk:
//
//	updates/snapshots/<id>/snapshot.json  what is in it: written last, so that one without is none
//	updates/snapshots/<id>/data/…         the items, each under its path on the data disk
//	updates/snapshots/<id>/old/…          what they took the place of, once they went back
//	updates/snapshots/.…                  what can be removed: drafts that were cut off, those that went back
//	updates/save/<service>                what a service's save command writes, until it is part of a draft
//	updates/restore/<service>             what its restore command has yet to take in
//
// Guarantees: [Take] leaves a snapshot that is whole and on the disk, or
// nothing that counts. [Restore] only renames, so that it takes no room and no
// time; cut off at any instant it can be called again, and ends with exactly
// the data of the snapshot. It uses the snapshot up: afterwards there is none.
package snapshot
