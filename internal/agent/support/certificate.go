package support

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/crypto/ssh"
)

// Principal is for whom certificates are made. One with a colon and an
// instance behind it is for that appliance alone.
const Principal = "support"

// sourceAddress is the critical option that is honoured: the addresses from
// which a certificate is good (OpenSSH's PROTOCOL.certkeys).
const sourceAddress = "source-address"

// maxCertificate bounds the text of a certificate; one of a large RSA key by
// another has some 3 KB.
const maxCertificate = 16 << 10

// maxLine bounds texts of others that are shown, in characters.
const maxLine = 100

// Refusal is why a session is not opened.
type Refusal struct {
	// Field is what of the request is wrong: certificate, minutes or why.
	Field         string
	Message, Hint string
}

func (r *Refusal) Error() string { return r.Message }

func refuse(hint, format string, args ...any) error {
	return &Refusal{"certificate", fmt.Sprintf(format, args...), hint}
}

// ParseCertificate reads the text of a file that ssh-keygen -s wrote. The
// error is a *[Refusal].
func ParseCertificate(text string) (*ssh.Certificate, error) {
	const hint = "paste the whole of the file that ends in -cert.pub"
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return nil, refuse(hint, "the certificate is missing")
	case strings.Contains(text, "PRIVATE KEY-----"):
		return nil, refuse(hint+", and tell the person whose key it is that it is not secret any more", "this is a private key, which nobody may see")
	case len(text) > maxCertificate:
		return nil, refuse(hint, "this is too long for a certificate")
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil || len(options) > 0 {
		return nil, refuse(hint, "this is not an OpenSSH certificate")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, refuse(hint, "this is more than one certificate")
	}
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return nil, refuse("ask for the file that ends in -cert.pub: an authority of the vendor must have signed the key", "this is a key that nobody has signed")
	}
	return cert, nil
}

// parseAuthorities reads keys as [sshkey.ParseFile] gives them.
func parseAuthorities(lines []string) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	for _, line := range lines {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("cannot read an authority of the support: %w", err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// keyTypes and signatures are what keys may be and be signed with: no DSA, and
// no SHA-1.
func keyTypes() []string {
	return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSA}
}

func signatures() []string {
	return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}
}

// judge says whom a certificate lets in.
type judge struct {
	authorities []ssh.PublicKey
	// instance names this machine; may be "".
	instance string
}

// check says what is wrong with a certificate at a time; the error is a
// *[Refusal]. Who signed it is asked first: what a stranger says of themselves
// is nothing to talk about.
func (j judge) check(cert *ssh.Certificate, now time.Time) error {
	const again = "ask the vendor's support for another certificate"
	if !j.isAuthority(cert.SignatureKey) {
		return refuse("it is signed by "+ssh.FingerprintSHA256(cert.SignatureKey)+": is it meant for another product?", "the certificate is not signed by an authority of this appliance's vendor")
	}
	principal := j.principal(cert)
	checker := ssh.CertChecker{SupportedCriticalOptions: []string{sourceAddress}, Clock: func() time.Time { return now }}
	switch {
	case cert.CertType != ssh.UserCert:
		return refuse("it must be made without ssh-keygen's option -h", "the certificate is one for a host, not for a person")
	case !slices.Contains(keyTypes(), cert.Key.Type()) || cert.Signature == nil || !slices.Contains(signatures(), cert.Signature.Format):
		return refuse(again+", of an Ed25519 key", "the certificate is of a kind that is not safe any more")
	case principal == "" && j.isOther(cert):
		return refuse(again+", for "+Principal+":"+j.instance, "the certificate is for another appliance")
	case principal == "":
		return refuse("it must be made with ssh-keygen's option -n "+Principal, "the certificate is not for the principal %s", Principal)
	case cert.ValidBefore == ssh.CertTimeInfinity:
		return refuse("it must be made with an end, such as ssh-keygen's option -V +1d", "the certificate has no end")
	case now.Before(begins(cert)):
		return refuse("is the clock of the appliance right? It shows "+clock(now), "the certificate is not good before %s", clock(begins(cert)))
	case !now.Before(ends(cert)):
		return refuse(again, "the certificate was good until %s", clock(ends(cert)))
	}
	for option := range cert.CriticalOptions {
		if option != sourceAddress {
			return refuse("it must be made without it", "the certificate has the option %s, which is not known here", line(option))
		}
	}
	if err := checker.CheckCert(principal, cert); err != nil { // above all the signature
		return refuse(again, "the certificate is not good: %s", line(strings.TrimPrefix(err.Error(), "ssh: ")))
	}
	return nil
}

func (j judge) isAuthority(key ssh.PublicKey) bool {
	return slices.ContainsFunc(j.authorities, func(a ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), key.Marshal()) })
}

// principal is the one of a certificate by which it is let in here, or "".
func (j judge) principal(cert *ssh.Certificate) string {
	for _, wanted := range []string{Principal, Principal + ":" + j.instance} {
		if slices.Contains(cert.ValidPrincipals, wanted) && wanted != Principal+":" {
			return wanted
		}
	}
	return ""
}

func (j judge) isOther(cert *ssh.Certificate) bool {
	return slices.ContainsFunc(cert.ValidPrincipals, func(p string) bool { return strings.HasPrefix(p, Principal+":") })
}

// ends and begins are the bounds of a certificate's time. What lies beyond
// what a time can hold is far away.
func ends(cert *ssh.Certificate) time.Time   { return moment(cert.ValidBefore) }
func begins(cert *ssh.Certificate) time.Time { return moment(cert.ValidAfter) }

func moment(seconds uint64) time.Time { return time.Unix(int64(min(seconds, 1<<40)), 0).UTC() }

// clock is a time in a message of the agent, which speaks English and UTC.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// line is what others call themselves, as one line of bounded length. Marks
// that turn the order of letters round are not graphic, and dropped, too.
func line(text string) string {
	n := 0
	return strings.Map(func(r rune) rune {
		if n++; n > maxLine || !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
}
