// Package health watches the services of the appliance.
//
// Glossary:
//
//   - target: a service to watch: the unit that runs it and, where the
//     definition gives one, a probe.
//   - probe: an HTTP request or a TCP connection that must succeed.
//   - state: starting (never healthy yet, and still has time), healthy, or
//     failing. A failing service tells why in its detail.
//
// Guarantees: one failed probe of a healthy service is not yet a failure (it
// is asked again at once, see failuresToFail); a service whose unit failed is
// failing at once, whatever a probe says; a service that does not become
// healthy within [Grace] of the watch's begin is failing. Services that are
// not healthy are looked at each second, so that a recovery shows quickly.
//
// It restarts nothing: that is systemd's task.
package health
