package seed

import (
	"context"
	"fmt"
	"strings"
)

// Guestinfo is the channel on which VMware's hypervisor answers for the
// variables of a virtual machine.
type Guestinfo interface {
	// Get asks for variables by their whole names ("guestinfo.ingot.seed");
	// those that are not set are not in the answer.
	Get(names []string) (map[string]string, error)
}

// guestinfo reads a whole text and single properties from the variables of
// the virtual machine.
type guestinfo struct{ Options }

func (guestinfo) Name() string { return "guestinfo" }

const (
	guestinfoSeed     = "guestinfo.ingot.seed"
	guestinfoEncoding = "guestinfo.ingot.seed.encoding"
	guestinfoPrefix   = "guestinfo.ingot."
)

func (p guestinfo) Read(context.Context) (Answers, error) {
	names := []string{guestinfoSeed, guestinfoEncoding}
	for _, key := range p.Keys {
		names = append(names, guestinfoPrefix+key)
	}
	got, err := p.guestinfo(names...)
	if err != nil {
		return Answers{}, err
	}
	c := newCollector(p.Name(), p.Options)
	if text, ok := got[guestinfoSeed]; ok {
		if err := c.encoded(text, got[guestinfoEncoding]); err != nil {
			return Answers{}, fmt.Errorf("cannot read the seed in %s: %w", guestinfoSeed, err)
		}
	}
	for _, key := range p.Keys {
		if text, ok := got[guestinfoPrefix+key]; ok {
			c.value(key, text)
		}
	}
	return c.finish()
}

// encoded takes in a text in one of the encodings that cloud-init's users
// know the names of.
func (c *collector) encoded(text, encoding string) error {
	data := []byte(text)
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "":
	case "base64", "b64":
		var err error
		if data, err = decodeBase64(text); err != nil {
			return err
		}
	default:
		return fmt.Errorf("the encoding %q is not known: it is base64 or nothing", encoding)
	}
	return c.text(data)
}

// guestinfo asks the channel, where there is one.
func (o Options) guestinfo(names ...string) (map[string]string, error) {
	if !vendor(o.Root, "VMware") {
		return nil, nil
	}
	got, err := o.Guestinfo.Get(names)
	if err != nil {
		return nil, fmt.Errorf("cannot ask VMware's hypervisor for guestinfo: %w", err)
	}
	return got, nil
}
