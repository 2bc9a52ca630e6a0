package wire

import "time"

// TLS is GET /v1/tls: the certificate of the management port.
type TLS struct {
	// Source is where it is to come from: "self-signed", "uploaded" or "acme".
	Source string `json:"source"`
	// InUse is where the one in use comes from: "self-signed" until there is
	// another, or when the wanted one cannot be used.
	InUse string `json:"in_use"`
	// Chain is what browsers are greeted with, the server's own certificate first.
	Chain []Certificate `json:"chain"`
	// Warnings are sentences for the administrator about it.
	Warnings []string `json:"warnings"`
	// Names are those of the machine: what a request is for if it does not say.
	Names []string `json:"names"`
	// Next is when the authority is asked for the next one.
	Next *time.Time `json:"next,omitempty"`
}

// Certificate is one certificate.
type Certificate struct {
	Subject string `json:"subject"`
	Issuer  string `json:"issuer"`
	// Names are host names, then addresses.
	Names []string  `json:"names"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	// Key is its kind: "ECDSA P-256", "RSA 2048".
	Key string `json:"key"`
	// Fingerprint is the SHA-256, upper-case hex pairs with colons.
	Fingerprint string `json:"fingerprint"`
}

// NewRequest is the body of POST /v1/tls/csr.
type NewRequest struct {
	// Names are host names and addresses, the first one the common name; empty
	// means those of the machine.
	Names []string `json:"names,omitempty"`
}

// Request is a certificate request, for an authority to sign.
type Request struct {
	Names []string `json:"names"`
	// PEM is PKCS #10. Its key, ECDSA P-256, stays on the machine.
	PEM string `json:"pem"`
}
