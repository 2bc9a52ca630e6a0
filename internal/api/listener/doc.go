// Package listener bounds the connections of servers that strangers reach.
//
// Guarantees: no more connections are open than the bound, and no one peer has
// more than its share; what is above is closed at once rather than left to
// queue in front of an honest caller. A server that tells which connections
// are idle has the one that was idle longest closed instead.
package listener
