// Package attend does what the record of an update asks of a boot, before
// anything else reads the data disk: it notes that the version on trial has come
// this far, puts data in place, and puts the data of the version of before back.
//
// Power may go at any instant; the next boot goes on from there.
package attend
