// Package frontdoor stands in front of the application: it answers on port
// 443 with the appliance's certificate, hands each request to the
// application's port on loopback, and sends whoever asks on port 80 to 443.
//
// Words: the door is both ports; a visitor is who comes from the network; the
// application is what listens on loopback and speaks plain HTTP/1.1.
//
// Guarantees:
//   - The application learns the visitor's address, the host that was asked
//     for, and that it was over https, from X-Forwarded-For, -Host and -Proto;
//     what a visitor says of these by itself never gets there.
//   - The keys of the management pages' sessions never get there either, though
//     browsers send cookies to all ports of a host.
//   - Transfers take no memory that grows with them, and may last as long as
//     something moves: a visitor who sends or takes nothing for [stall] is gone.
//   - The number of connections is bounded, so that visitors cannot cost the
//     administrator the agent.
//   - A new certificate greets the next connection.
//
// It does not cache, compress, balance, rewrite pages or speak HTTP/2, and it
// knows nothing of who may use the application.
package frontdoor
