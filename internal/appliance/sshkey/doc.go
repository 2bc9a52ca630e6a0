// Package sshkey reads OpenSSH public keys, one line each, as ssh-keygen
// writes them into a file that ends in .pub.
//
// Guarantees: a line that it takes has the type that it says, of a kind whose
// signatures are good enough to let somebody in as root, and no secret in it.
//
// It is not golang.org/x/crypto/ssh, because what reads definitions is in
// every initrd, and that would be too.
package sshkey
