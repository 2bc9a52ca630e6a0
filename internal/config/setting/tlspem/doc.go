// Package tlspem reads the certificate and the key with which a server greets
// browsers, as people paste them: PEM, in any order, with whatever a tool
// wrote around it.
//
// Glossary:
//
//   - leaf: the server's own certificate, the first of its chain.
//   - chain: the leaf and those that lead to its authority, each signed by the
//     next.
//
// Guarantees: a chain that is taken is in order and each signature in it holds;
// its leaf has a key with which browsers can be served; [Pair] takes no key but
// that of the leaf. Errors are phrases that can stand after a title ("is not
// PEM"), say what to do, and never repeat what was pasted.
//
// Whether anybody trusts the authority is not asked: the appliance does not
// know what its visitors trust. Dates are looked at apart ([Chain.CheckDates]):
// what ends must not keep a document from being valid.
package tlspem
