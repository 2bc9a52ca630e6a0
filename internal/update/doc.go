// Package update brings an appliance from one version to the next, and back.
//
// It reads as a story: check (what does the repository offer, and what is for
// us), job (fetch it, write its slot, wait for the window, arm), and after the
// restart trial (is everything well? then it is good, otherwise back). What it
// leaves on the disks between two steps, and why a power cut at any instant is
// safe, is in docs/updates.md.
//
// Guarantees: nothing is installed that release/trust has not proved; the
// version that runs, and the good one, are never touched; at most one thing is
// done at a time; whatever a power cut leaves is understood at the next start.
package update
