// Package access knows who is asking: it checks passwords, keeps sessions and
// recognises API tokens.
//
// Glossary:
//
//   - account: a person of the configuration document, with a password.
//   - session: what a log-in gives: a random key that stands for the account
//     for a while; only its hash is kept, and only in memory.
//   - second factor: a secret that an account shares with an authenticator app,
//     whose codes are asked for beside the password (TOTP, RFC 6238).
//   - passkey: a key of a telephone, computer or security key that opens a
//     session by itself (WebAuthn); the document keeps its public half.
//   - challenge: what a passkey signs; it ends after minutes, or with the first
//     right answer.
//   - recovery code: stands in for such a code, once; there are ten.
//   - half: a log-in whose password was right and whose code is to come.
//   - record: what outlives the agent without being in the document: the codes
//     that were used, the last log-ins, when each token and passkey was used
//     last, how far passkeys have counted.
//   - token: a key for a program, kept as a hash in the document.
//   - address: where an attempt comes from, as far as it can be told apart:
//     an IPv4 address, an IPv6 network of 64 bits, or a local user.
//   - attempt: one try at a password or code, counted until it proves right.
//
// Guarantees: a session ends after [IdleLimit] of silence, after [TotalLimit],
// and at once when its account disappears or gets another password or role, or
// when the passkey is deleted that opened it; an
// unknown account takes as long as a known one; guessing gets slower with each
// failure, and memory and work stay bounded however many try; an address from
// which somebody logged in before is slowed down by its own failures only, so
// that nobody can lock an administrator out by failing on purpose elsewhere.
// No code opens anything twice, not even after a loss of power; nobody learns
// whether a code is right who does not know the password.
//
// It does not decide what a role may do: package api does, route by route.
package access
