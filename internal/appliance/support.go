package appliance

import (
	"errors"
	"io/fs"
	"reflect"

	"github.com/ingotvm/ingot/internal/appliance/sshkey"
	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// SupportPort is where people of the vendor's support log in by SSH, while an
// administrator lets them. It lies beside [ManagementPort] on purpose.
const SupportPort = 5422

// Support is how an administrator lets the vendor's support in. Without it
// nobody is let in, and there is no shell.
type Support struct {
	// Public keys that sign the keys of the support's people: an OpenSSH
	// public key file, or a list of them while one replaces another.
	Authority KeyFiles `yaml:"authority" json:"authority"`
	// How the support is reached, shown where an administrator lets it in.
	Contact string `yaml:"contact,omitempty" json:"contact,omitempty"`
}

// KeyFiles is written in YAML as one file or as a list of files.
type KeyFiles []string

// maxAuthorities is one in use, the one after it, and room for a slip.
const maxAuthorities = 4

// supportPackages are what somebody needs who is let in, and what appliances
// are without otherwise: a shell and the tools that go with it.
func supportPackages() []string {
	return []string{"bash", "coreutils", "diffutils", "findutils", "grep", "gzip", "hostname", "mawk", "ncurses-base",
		"sed", "tar", "util-linux"}
}

// Keep are the packages that are kept in the images although the paring down
// would drop them.
func (d *Definition) Keep() []string {
	keep := d.Base.Keep
	if d.Support != nil {
		keep = append(supportPackages(), keep...)
	}
	return keep
}

// decodeSupport takes false for none: a variant writes that.
func (c *checker) decodeSupport(n *yamltext.Node, support **Support, name string) {
	if n.Kind == yamltext.Bool {
		if isTrue(n.Text) {
			c.problem(n.Mark, "write support: {authority: ./support-ca.pub}", "%s needs the key of an authority", name)
		}
		return
	}
	*support = &Support{}
	c.decodeStruct(n, reflect.ValueOf(*support).Elem(), name)
}

func (c *checker) decodeKeyFiles(n *yamltext.Node, files *KeyFiles, name string) {
	if n.Kind == yamltext.Text {
		text := ""
		c.decodeText(n, reflect.ValueOf(&text).Elem(), name)
		*files = KeyFiles{text}
		return
	}
	c.decodeList(n, reflect.ValueOf((*[]string)(files)).Elem(), name)
}

func (c *checker) checkSupport(d *Definition) {
	s := d.Support
	if s == nil || c.root.KindAt("support") != yamltext.Mapping {
		return
	}
	if !c.root.Has("support", "authority") {
		c.problem(c.root.At("support"), "name the public key, as in authority: ./support-ca.pub", "support has no authority")
		return
	}
	if c.root.KindAt("support", "authority") == yamltext.List && len(s.Authority) == 0 {
		c.problem(c.root.At("support", "authority"), "name a public key, or write support: false", "authority is empty")
	}
	if len(s.Authority) > maxAuthorities {
		c.problem(c.root.At("support", "authority"), "remove those that sign no more", "there are more than %d authorities", maxAuthorities)
	}
	for i, file := range s.Authority {
		c.checkInside(file, "the authority", c.authority(i)...)
	}
	c.checkTitle(s.Contact, "support", "contact")
	for i, service := range d.Services {
		for j, p := range service.Ports {
			if p.Port == SupportPort {
				c.problem(c.root.At("services", i, "ports", j, "port"), "choose another, or write support: false", "port %d is that of support sessions", SupportPort)
			}
		}
	}
}

// authority is the path of one of the authorities' files.
func (c *checker) authority(i int) []any {
	if c.root.KindAt("support", "authority") == yamltext.List {
		return []any{"support", "authority", i}
	}
	return []any{"support", "authority"}
}

func (c *checker) checkSupportFiles(fsys fs.FS, s *Support) {
	if s == nil {
		return
	}
	seen := map[string]bool{}
	for i, file := range s.Authority {
		at := c.root.At(c.authority(i)...)
		text, ok := "", false
		if file != "" {
			text, ok = c.checkText(fsys, file, at, "put the public key of the authority into it")
		}
		if !ok {
			continue
		}
		key, err := sshkey.ParseFile(text)
		switch {
		case errors.Is(err, sshkey.ErrPrivate):
			c.problem(at, "name the .pub file beside it, and take the private key out of this folder: whoever has it gets into every appliance", "%s IS A PRIVATE KEY", syntax.Quote(file))
		case err != nil:
			c.problem(at, "make one with: ssh-keygen -t ed25519 -f support-ca, and name support-ca.pub", "%s %s", syntax.Quote(file), err)
		case seen[key]:
			c.problem(at, "remove it", "%s holds the same key as one before", syntax.Quote(file))
		}
		seen[key] = true
	}
}
