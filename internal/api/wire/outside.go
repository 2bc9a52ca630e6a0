package wire

// Provider is GET /v1/login/provider: who else lets people in, by browser.
type Provider struct {
	// Title is what a button says; "" is nobody.
	Title string `json:"title"`
}

// BeginProvider is the body of POST /v1/login/provider.
type BeginProvider struct {
	// Redirect is where the browser comes back to: the path
	// /login/provider/back of these pages. The provider must know it.
	Redirect string `json:"redirect"`
}

// BegunProvider is where to send the browser to.
type BegunProvider struct {
	URL string `json:"url"`
	// Key must come along in POST /v1/login/provider/finish. It is for this
	// browser alone.
	Key string `json:"key"`
}

// FinishProvider is the body of POST /v1/login/provider/finish: the key, and
// what the browser brought back in the query.
type FinishProvider struct {
	Key    string `json:"key"`
	State  string `json:"state"`
	Code   string `json:"code,omitempty"`
	Issuer string `json:"iss,omitempty"`
	// Error and ErrorDescription are the provider's, instead of a code.
	Error            string `json:"error,omitempty"`
	ErrorDescription string `json:"error_description,omitempty"`
}
