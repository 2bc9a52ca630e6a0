// Package passkeys checks what browsers answer for passkeys (W3C WebAuthn,
// Level 2).
//
// Glossary:
//
//   - passkey: a key pair that a telephone, computer or security key made for
//     one name of the appliance. The appliance keeps the public half.
//   - name (relying party identifier): the host name under which the browser
//     was when the passkey was made; it can be used nowhere else.
//   - origin: scheme, host and port that the browser was at.
//   - challenge: what the passkey signs, so that an answer is good only once.
//   - user verification: the device has seen a finger, a face or a PIN.
//   - counter: some devices count their answers, so that copies are noticed.
//
// Guarantees: an answer is taken only when the device has verified its user,
// and for the name, the origin and the challenge that the caller expects; of
// what is foreign, nothing makes it panic.
//
// Not supported, on purpose: attestation (who made the device), so that no
// certificates, tokens and formats of manufacturers are read; browsers hand
// out the public key ready to use, so there is no CBOR either. Extensions are
// passed over.
package passkeys
