package config

import (
	"fmt"
	"strings"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// changedSecret stands in a diff for a secret that is not the same.
const changedSecret = setting.Hidden + " (changed)"

// secret is one secret value of a document.
type secret struct {
	// id tells what it is the secret of; the same in every document.
	id string
	// path leads to it.
	path  string
	value string
	set   func(value string)
}

// secrets are those of a document that are set: hashes of passwords and keys,
// second factors, the certificate's key, the passwords of proxy, directory and
// provider, and what hidden says of the application's settings. Their setters change the document.
func secrets(d *setting.Document, hidden func(key string) bool) []secret {
	var list []secret
	add := func(id, path, value string, set func(string)) {
		if value != "" {
			list = append(list, secret{id: id, path: path, value: value, set: set})
		}
	}
	for i := range d.Access.Accounts {
		a := &d.Access.Accounts[i]
		add("account "+a.Name, fmt.Sprintf("access.accounts[%d].hash", i), a.Hash, func(v string) { a.Hash = v })
		add("second factor of "+a.Name, fmt.Sprintf("access.accounts[%d].totp", i), a.TOTP, func(v string) { a.TOTP = v })
		add("recovery codes of "+a.Name, fmt.Sprintf("access.accounts[%d].recovery", i), a.Recovery, func(v string) { a.Recovery = v })
	}
	for i := range d.Access.Tokens {
		t := &d.Access.Tokens[i]
		add("token "+t.Name, fmt.Sprintf("access.tokens[%d].hash", i), t.Hash, func(v string) { t.Hash = v })
	}
	add("ldap", "ldap.bind_password", d.LDAP.BindPassword, func(v string) { d.LDAP.BindPassword = v })
	add("oidc", "oidc.client_secret", d.OIDC.ClientSecret, func(v string) { d.OIDC.ClientSecret = v })
	add("tls", "tls.key", d.TLS.Key, func(v string) { d.TLS.Key = v })
	if start, end := proxyPassword(d.Network.Proxy); end > start {
		proxy := d.Network.Proxy
		add("proxy", "network.proxy", proxy[start:end], func(v string) { d.Network.Proxy = proxy[:start] + v + proxy[end:] })
	}
	for _, key := range sortedKeys(d.Application) {
		if hidden(key) {
			add("application "+key, "application."+key, d.Application[key], func(v string) { d.Application[key] = v })
		}
	}
	return list
}

// proxyPassword is where the password stands in a proxy's URL: between the
// first colon and the last @. What is no URL hides too much rather than too
// little; it may be shown when it was refused.
func proxyPassword(proxy string) (start, end int) {
	if i := strings.Index(proxy, "://"); i >= 0 {
		start = i + len("://")
	}
	at := strings.LastIndexByte(proxy, '@')
	if at < start {
		return 0, 0
	}
	colon := strings.IndexByte(proxy[start:at], ':')
	if colon < 0 {
		return 0, 0
	}
	return start + colon + 1, at
}

// isSecret says which of the application's settings are secret. One that this
// version does not know may be: it is of another version, where it was.
func isSecret(env setting.Env) func(key string) bool {
	types := known(env)
	return func(key string) bool {
		kind, ok := types[key]
		return !ok || kind == setting.Secret
	}
}

// Redact is a copy of a document with "********" in place of each secret.
func Redact(env setting.Env, d *setting.Document) *setting.Document {
	d = d.Clone()
	for _, s := range secrets(d, isSecret(env)) {
		s.set(setting.Hidden)
	}
	return d
}

// redactPair hides the secrets of two documents so that a diff shows which of
// them differ.
func redactPair(env setting.Env, a, b *setting.Document) (*setting.Document, *setting.Document) {
	a, b = a.Clone(), b.Clone()
	before := map[string]string{}
	for _, s := range secrets(a, isSecret(env)) {
		before[s.id] = s.value
		s.set(setting.Hidden)
	}
	for _, s := range secrets(b, isSecret(env)) {
		shown := setting.Hidden
		if old, ok := before[s.id]; ok && old != s.value {
			shown = changedSecret
		}
		s.set(shown)
	}
	return a, b
}

// Unredact puts the secrets of the old document back where the new one, which
// it changes, has "********". It reports where there is no such secret.
func Unredact(env setting.Env, old, new *setting.Document) []setting.Problem {
	hidden := isSecret(env)
	before := map[string]string{}
	for _, s := range secrets(old, hidden) {
		before[s.id] = s.value
	}
	var problems []setting.Problem
	for _, s := range secrets(new, hidden) {
		if s.value != setting.Hidden {
			continue
		}
		if value, ok := before[s.id]; ok {
			s.set(value)
			continue
		}
		problems = append(problems, setting.Problem{
			Path: s.path, Message: "is hidden, and there is no value that could be kept", Hint: "give the value",
		})
	}
	return problems
}
