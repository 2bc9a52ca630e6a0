package words

// unseen are texts in the agent's source that look like something said to
// people, and are not.
var unseen = []string{
	// Formats, labels and keys that are not words.
	"guestinfo.ovfEnv", "ingot.seed:", "text/plain; charset=utf-8", "text/css; charset=utf-8", "text/javascript; charset=utf-8", "Mac OS", "DHCPv6", "ping",
	"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 %s\n",
	`{"error":{"message":"cannot encode the answer"}}`,
	// Titles and help of properties, which go by their keys.
	" One DN, or name of a group, per line.", " One per line, as the provider writes them.", "Active Directory", "LDAP (such as OpenLDAP, FreeIPA)",
	"Groups whose members are administrators. One DN, or name of a group, per line.", "Groups whose members are operators. One DN, or name of a group, per line.",
	"Groups whose members are auditors. One DN, or name of a group, per line. Who is in none of all these groups cannot log in.",
	"Groups whose members are administrators. One per line, as the provider writes them.", "Groups whose members are operators. One per line, as the provider writes them.",
	"Groups whose members are auditors. One per line, as the provider writes them. Who is in none of all these groups cannot log in.",
	"ldap.bind_password", "oidc.client_secret",
	// What guesses are counted under.
	"the provider", "the code of %s", "the setup code", "passkeys of %s",
	// The rules of routes, for docs/openapi.yaml.
	"root on the appliance, and the virtio-serial port", "everyone who is logged in", "auditor, operator, admin", "operator, admin",
	// Reasons in the history, which shows them as they were written.
	"back to revision %s", "password of %s", "; its second factor is off", "role of %s", "account %s ended", "new recovery codes",
	"second factor of %s: %s", "the appliance's own defaults", "no revision could be read: the appliance's own defaults",
	"brought from format %s to %d", "revision %d is undone", "revision %d was not confirmed within two minutes",
	"; its passkeys ended", "passkey of %s added: %s", "passkey of %s renamed: %s", "passkeys of %s ended", "passkey of %s ended: %s",
	"revision %d was not confirmed before the appliance was started again",
	// Names under which secrets are put back.
	"account %s", "second factor of %s", "recovery codes of %s", "token %s", "application %s", "tls.key", "network.proxy", "application.%s",
	// Where there is no page and no screen to show it on.
	"cannot show the page: %s", "the console asked what it cannot", "cannot draw the console: %s", "cannot run the console: %s", "cannot open the console: %s",
	// What the application's visitors did wrong.
	"the request did not come whole: %s",
	// What a terminal of a support session says, and how to get there.
	"PS1=support@\\h:\\w\\$ ", "This is a support session. All that happens in it is recorded.\n",
	"You are root on %s. All that happens here is recorded.\r\nThe session ends at %s, and with it all that you started.\r\n",
	"nothing is forwarded in a support session", "a support session has at most %d shells", "ssh -p %s -i id_ed25519 support@%s",
	// Comments in an exported seed.
	"The configuration of %s, version %s: a seed for another one.", "Secrets are left out: %s",
	"The certificate is left out: its private key is not here",
	// Options that propertyTexts translates.
	"Made by the appliance, signed by itself", "From an authority, automatically (ACME)",
	// The tables have "cannot apply the configuration".
	"the configuration",
	// A certificate's name that an authority did not say.
	"the name",
	// Tables have "there is no /%s" and "it must be one of %s": what follows is known.
	"there is no %s", "it %s",
	// A resource by its name in the definition; "memory of" is translated.
	"%s of %s",
	// What the screen shows while the machine starts, or does not.
	"Waiting for the data disk ...", "Preparing the data disk ...", "Resetting to factory settings ...", "Preparing version %s for its first start ...",
	"The system disk is damaged or was changed. Deploy the appliance again; data on the data disk is kept.",
	"Check in the hypervisor that the first disk is attached and on a supported controller.",
	"The disk reports errors. Check the storage below this virtual machine.",
	"The system disk is too small for this version. Deploy the appliance again, or enlarge the disk.",
	"Give the virtual machine more memory.",
	"If it does not start after that, deploy the appliance again; data on the data disk is kept.",
	// What follows is a sentence of its own, or nothing.
	"the service %s does not run%s",
}
