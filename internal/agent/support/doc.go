// Package support lets somebody of the vendor's support in, by SSH, while an
// administrator of the appliance allows it.
//
// Glossary:
//
//   - authority: a key of the vendor's that signs certificates; the definition
//     names it.
//   - certificate: an OpenSSH user certificate: a person's key, signed by an
//     authority for some days.
//   - session: the time for which one certificate is let in; at most one is
//     open. Not to be confused with a log-in by SSH, of which it may see many.
//   - shell: a program that somebody runs in a session, with a terminal or
//     without.
//   - recording: what a shell wrote and when, as an asciicast (version 2).
//
// Guarantees: without a session the port is closed. Only the very certificate
// that the administrator gave opens it, as long as it is good. A session ends
// when somebody says so, when its time or that of its certificate is over, when
// its recordings are full, with the machine, and when the agent was ended in
// any other way than by its own shutdown; then all its shells and what they
// started are killed. What cannot be recorded does not happen. A state that
// cannot be read is a session that has ended.
//
// It does not guard the appliance against who was let in: they are root, and
// could change recordings. It forwards no ports, agents or displays, and has
// no protocol for files.
package support
