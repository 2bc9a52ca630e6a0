// Package record is what is written down of an update while a version is on
// trial: the file updates/trial.json of the data disk. The agent opens and
// closes the record; in between, the initrd of both versions reads it, and
// knows from it what to do with the data.
//
// A record is replaced as a whole, and has a hash of itself inside: it is read
// as it was written or not at all. One that is damaged is left where it is,
// and nothing is done by it: the data stays as it was found, and the disk's
// stamp keeps a version from data that a later one has written.
package record
