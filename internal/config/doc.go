// Package config keeps the configuration document: its revisions on the data
// disk, and the transactions that lead from one to the next.
//
// Glossary:
//
//   - revision: one committed state of the document, with who made it, from
//     where, when and why, and the hash of the one before; never changed.
//   - head: which revision is in force, and whether it waits to be confirmed.
//   - transaction: validate everything, apply, verify against the live system,
//     commit; or put everything back.
//   - live system: the files below /etc and /run that a document becomes, and
//     what runs by them; all of it in memory.
//   - pending: committed, but undone unless somebody confirms it over a new
//     connection within [ConfirmWithin].
//
// Guarantees: killed at any instant, the next start finds the old revision or
// the new one, whole; a pending revision that outlives its boot, or its time,
// is undone by the first program that looks, [Engine.Recover]; a damaged
// revision is never taken for a good one (each carries its hash).
//
// Flows: [Open] finds the revision in force, or makes the first; then
// [Engine.Recover], and [Engine.ApplyEarly] before the system manager runs or
// [Engine.ApplyAll] after. [Engine.Commit] is the transaction; [Engine.Run]
// watches deadlines. docs/adr/0007 says why each order of writes is safe.
//
// It does not know what settings do: package setting does. Only one program at
// a time may have a store open.
package config
