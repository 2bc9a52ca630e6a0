// Package certificate reads the text of a setting that is a certificate: PEM,
// with those that lead to its authority and perhaps its private key.
//
// Guarantees: a text that it takes has one canonical form, which it takes
// again; each certificate in it was issued, by the names in them, by the next,
// and the key, where that can be seen, is that of the first.
//
// It checks no signature and no date: whether somebody trusts it is not asked.
package certificate
