// Package oidc lets people in whom a provider vouches for (OpenID Connect
// Core 1.0, the authorization code flow with PKCE): it sends a browser to the
// provider and reads what it brings back.
//
// What a log-in needs to know in between (state, nonce, the PKCE verifier,
// where the browser was sent back to) is sealed into a key that the browser
// keeps, and is good for [Within], once. So nothing is kept of log-ins that
// were only begun, and nobody's browser can bring back what another's began.
//
// Guarantees: a token is believed only when the provider's key signed it for
// this appliance, now, and for this very log-in. Everything is asked over TLS,
// also where the provider itself says otherwise; redirects are not followed.
// Each question ends within [AtMost], few are asked at once, and what comes
// back is bounded. After a provider could not be asked the next log-ins fail at
// once for a moment.
//
// It does not do: logging out at the provider, refreshing what it said, several
// providers, encrypted tokens. The groups are those at log-in.
package oidc
