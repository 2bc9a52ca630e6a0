// Package metrics measures the load of the machine and of its services, and
// remembers it for an hour, a day and a week.
//
// A reading is what the kernel's counters say at one moment, a sample what two
// readings in turn come to. A series is one quantity over time: the processors'
// load, the memory that a service uses. A range is how far back one looks; each
// has 360 points, of 10 seconds, 4 minutes and 28 minutes. A point of the
// longer ranges is the mean of its samples, and beside it is their maximum.
// A gap is a point of which nothing is known.
//
// Guarantees:
//
//   - What is not known is a gap: a file that is missing or odd, a service that
//     does not run, a counter that went back, a pause between two readings in
//     which anything may have happened. A gap is never drawn from a difference
//     of things that are not the same, so there are no spikes that were not.
//   - Memory is bounded: 7,200 bytes for a series; there are seven for the
//     machine and two for each service. That is 65 kB for an appliance with one
//     service and 1 MB for the largest, with 64; while the file is written, as
//     much again.
//   - The file has a fixed size for a definition, is written each 5 minutes and
//     at the end, and is replaced as a whole. One that is torn, foreign or of a
//     later version is dropped. A power cut costs at most 5 minutes.
//   - A clock that was set back is not believed for 10 minutes, during which
//     nothing is remembered; then what lies in its future is forgotten. A clock
//     that was set forward leaves a gap, and, beyond a week, nothing before it.
//
// It does not judge: what is too much is for others to say.
package metrics
