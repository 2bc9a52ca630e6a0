package words

// unseen are texts in the agent's source that look like something said to
// people, and are not.
var unseen = []string{
	// Formats, labels and keys that are not words.
	"PRIVATE KEY", "CERTIFICATE REQUEST", "INGOT-SEED", "guestinfo.ovfEnv", "ingot.seed:", "text/plain; charset=utf-8", "DHCP", "DHCPv6", "ping",
	"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 %s\n",
	`{"error":{"message":"cannot encode the answer"}}`,
	// What guesses are counted under.
	"the code of %s", "the setup code",
	// The rules of routes, for docs/openapi.yaml.
	"root on the appliance, and the virtio-serial port", "everyone who is logged in", "auditor, operator, admin", "operator, admin",
	// Reasons in the history, which shows them as they were written.
	"back to revision %s", "password of %s", "; its second factor is off", "role of %s", "account %s ended", "new recovery codes",
	"second factor of %s: %s", "the appliance's own defaults", "no revision could be read: the appliance's own defaults",
	"brought from format %s to %d", "revision %d is undone", "revision %d was not confirmed within two minutes",
	"revision %d was not confirmed before the appliance was started again",
	// Names under which secrets are put back.
	"account %s", "second factor of %s", "recovery codes of %s", "token %s", "application %s", "tls.key", "network.proxy", "application.%s",
	// Comments in an exported seed.
	"The configuration of %s, version %s: a seed for another one.", "Secrets are left out: %s",
	"The certificate is left out: its private key is not here",
	// Options that propertyTexts translates.
	"Made by the appliance, signed by itself", "From an authority, automatically (ACME)",
	// A resource by its name in the definition; "memory of" is translated.
	"%s of %s",
	// What follows is a sentence of its own, or nothing.
	"the service %s does not run%s",
}
