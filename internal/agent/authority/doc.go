// Package authority gets the management port's certificate from an authority
// by ACME (RFC 8555), and renews it.
//
// Glossary:
//
//   - wish: from which authority, for which names; [Manager.Obtain] says it.
//   - order: one attempt to get what is wished for.
//
// Guarantees: port 80 is open only while the authority asks (HTTP-01), and
// answers nothing but its question. The keys are made here and never leave the
// folder; the certificate is written whole with its key, so that a power cut
// leaves the old one or the new. After 2/3 of its life a certificate is
// renewed; an order that failed is tried again after ever longer pauses, for
// authorities refuse who asks too often, and the authority's words are kept
// for people to read.
package authority
