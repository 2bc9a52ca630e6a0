// Package acceptance boots an appliance and checks it from outside: what
// `ingot test` does.
//
// Glossary:
//
//   - boot: from power-on to an appliance that is healthy.
//   - test: a request of the definition, made through a forwarded port.
//   - check: one row of the report; every appliance gets the same ones besides
//     its own tests.
//   - facts: what the agent tells of the inside over the channel, judged here.
//
// For each firmware a new machine boots the artifact, is tested and checked,
// is switched off by its power button, and starts again to show that it keeps
// its health and its identity.
//
// Guarantees: the artifact is not changed; no machine is left behind; a check
// that could not be made is not reported as passed; when something fails, the
// console log and, where the driver can, a picture of the screen are kept.
//
// It trusts the appliance's TLS key at first sight, and holds it to that from
// then on.
package acceptance
