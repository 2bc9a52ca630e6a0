// Package pipeline plans and runs cached steps. It knows nothing of Debian,
// disks or appliances.
//
// Glossary:
//
//   - plan: a list of stages, as data. Making, printing or hashing one runs nothing.
//   - stage: one cached step; its maker is the code that runs stages of its kind.
//   - artifact: one output file of a stage.
//   - key: the digest of a stage's kind, its maker's version, its inputs and
//     the keys of the stages that it needs. Every key is known before anything runs.
//   - entry: the artifacts of one key in the cache, with a description of them.
//
// Guarantees:
//
//   - A stage runs only when a target needs it and its entry is missing or
//     damaged; the stages that it needs are not even looked at when it is cached.
//   - An entry appears whole or not at all, whenever the program is killed. It
//     is not forced to the disk: what a power cut spoils is found by its digest.
//   - Every artifact is compared with its digest before a stage reads it and
//     while it is exported; a damaged one is made again, never delivered.
//   - Two builds, of one project or several, may use one cache at once: each
//     key is built by one of them. Trimming leaves alone what a build is using.
//
// It does not sandbox makers: one that reads what its stage did not declare
// gets stale results. Outputs are files, not folders.
package pipeline
