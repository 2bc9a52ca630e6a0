// Package scenario reads scenarios of updates and plays them on a machine:
// what `ingot test --scenario` does.
//
// Glossary:
//
//   - scenario: a file of a few lines: which versions there are, and what
//     happens to a machine, step by step.
//   - version: the project with changes of the scenario's.
//   - vendor: who signs the versions of one run, with keys that are made for
//     it and thrown away, and serves them on loopback.
//   - break: what is spoilt in a version before it is signed.
//
// Guarantees: the text of a scenario is foreign bytes, read in bounded time,
// and what is wrong with it is said with its place. The vendor's own keys and
// repository are not touched. Nothing of a run is left behind but the evidence
// of a failure.
//
// Versions are built by the caller ([Builder]), by the builder of every other
// image. The tested image differs from a released one by the root of trust and
// the address of the repository.
package scenario
