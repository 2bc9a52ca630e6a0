package setting

// Type is what a property's text is; forms, OVF properties and checks go by it.
type Type string

// The types of properties. The first thirteen are also those of an
// application's settings.
const (
	String      Type = "string" // one line
	Text        Type = "text"   // several lines
	Int         Type = "int"
	Bool        Type = "bool" // "true" or "false"
	Enum        Type = "enum"
	Secret      Type = "secret"
	Host        Type = "host" // a name or an address
	Port        Type = "port"
	URL         Type = "url"
	Email       Type = "email"
	Duration    Type = "duration"    // 90s, 1h30m
	Size        Type = "size"        // 512MiB
	Certificate Type = "certificate" // PEM

	Address   Type = "address"   // an IP address
	Prefix    Type = "prefix"    // an IP address with the length of its network: 192.0.2.7/24
	Addresses Type = "addresses" // IP addresses, separated by spaces or commas
	Names     Type = "names"     // host or domain names, likewise
)

// Property is one value of a setting, as text. [Property.Set] takes what a
// person, a seed or a hypervisor hands in.
type Property struct {
	// Key is dotted, the setting's key first: "network.hostname".
	Key string
	// Title and Help are for people, in English; the key of a translation is
	// the property's key.
	Title, Help string
	// Group is the heading it stands under.
	Group string
	// Step is the wizard's step that asks for it; "" when no step does.
	Step string
	Type Type
	// Options are the values of an [Enum]; of another type those worth
	// listing, among others that are taken too.
	Options []Option
	// Default is what it is when nobody says anything.
	Default string
	// Example shows what is meant; may be "".
	Example string
	// Required says that "" is refused.
	Required bool
	// Get is the value in a document; for a [Secret] "" or [Hidden].
	Get func(d *Document) string
	// Set checks a text and puts it into the document, which it changes only
	// on success. The error is a phrase for people that can stand after the
	// title: "is not an address".
	Set func(env Env, d *Document, text string) error
	// When says whether it means anything in a document; nil is always.
	When func(d *Document) bool
}

// Option is one value of an [Enum].
type Option struct {
	Value string `json:"value"`
	Title string `json:"title"`
}

// Hidden stands for a secret that is set.
const Hidden = "********"

// Steps of the wizard, in order.
const (
	StepLanguage      = "language"
	StepKeyboard      = "keyboard"
	StepEULA          = "eula"
	StepNetwork       = "network"
	StepTime          = "time"
	StepAdministrator = "administrator"
	StepApplication   = "application"
)

// Steps are the wizard's steps in order.
func Steps() []string {
	return []string{StepLanguage, StepKeyboard, StepEULA, StepNetwork, StepTime, StepAdministrator, StepApplication}
}

// Properties are those of all settings.
func Properties(env Env) []Property {
	var list []Property
	for _, s := range All() {
		list = append(list, s.Properties(env)...)
	}
	return list
}

// Find is the property of that key. OVF allows no dots in keys, so
// "network_hostname" finds "network.hostname" too.
func Find(env Env, key string) (Property, bool) {
	for _, p := range Properties(env) {
		if p.Key == key || OVFKey(p.Key) == key {
			return p, true
		}
	}
	return Property{}, false
}

// OVFKey is a property's key as OVF takes it (DSP0243 forbids dots in it).
func OVFKey(key string) string {
	out := []byte(key)
	for i, c := range out {
		if c == '.' {
			out[i] = '_'
		}
	}
	return string(out)
}
