// Package nettext reads what settings say of the network as text: names of
// adapters and machines, addresses, networks, ports, proxies.
//
// Guarantees: all of it is pure, and takes any text; an error is a phrase that
// can stand after the text ("is not an IP address"); what it accepts is safe in
// the files of networkd, resolved and in a service's environment.
package nettext
