// Package api is the agent's HTTP API: one table of routes, the rule of who
// may call each, and the servers that carry it.
//
// Glossary:
//
//   - route: method, path, access rule and handler; all of them stand in
//     [Routes], and there is no other way in.
//   - access: a rule, a named empty struct with a doc comment.
//   - caller: how a request came in (TLS, unix socket, virtio-serial port)
//     and who sent it: by the transport, or by the key of a session or token.
//   - slow route: one that changes the appliance; it goes on when the caller's
//     connection is gone, for that may be what it changes.
//   - source: what the handlers ask; declared here, implemented by the agent.
//
// Guarantees: a request reaches its handler only after its route's rule has
// allowed it; every error is JSON with a message and, where it helps, a hint;
// a write that was not made from the revision in force is refused; heads,
// bodies, time and connections are bounded, so that no caller from the network
// can hold the agent or its memory.
//
// It does not serve the browser's pages: those have a mux of their own, in
// package web. The JSON bodies are package wire's.
package api
