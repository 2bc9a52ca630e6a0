// Package directory asks a directory by LDAP who somebody is: whether a name
// and a password belong together, and which role the groups have in which they
// are.
//
// A person is found with the search account, by a name that must be the very
// one that the entry has; the password is then tried by binding as that entry,
// and the groups are read with the search account again.
//
// Guarantees: nothing is sent before TLS is up and the server's certificate is
// good. An empty password is never sent, since servers take it for nobody's
// and let it in. What is typed cannot change a search. Referrals are not
// followed and aliases not resolved. Each question ends within [AtMost], and
// after one that could not be asked the next ones fail at once for a moment, so
// that a dead server holds up nobody. What a server sends is bounded.
//
// It does not do: SASL, Kerberos, changing passwords, people in several
// directories. The groups are those at log-in.
package directory
