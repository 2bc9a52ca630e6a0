package seed

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ovfDisc reads the OVF environment from a CD, the transport "iso".
type ovfDisc struct{ Options }

func (ovfDisc) Name() string { return "ovf" }

// ovfFile is the file's name by DSP0243, 11.2.
const ovfFile = "ovf-env.xml"

func (p ovfDisc) Read(ctx context.Context) (Answers, error) {
	// The standard prescribes no label, so every CD that is not one of the
	// others is looked into.
	volumes, err := p.media(ctx, func(d device) bool {
		return d.kind == iso9660 && strings.HasPrefix(d.name, "sr") && !isSeedLabel(d.label) && !isNoCloudLabel(d.label)
	}, ovfFile)
	c := newCollector(p.Name(), p.Options)
	for _, v := range volumes {
		if data, ok := v.files[ovfFile]; ok {
			if err := c.environment(data); err != nil {
				return Answers{}, fmt.Errorf("cannot read the OVF environment %s on the CD in %s: %w", ovfFile, v.device, err)
			}
		}
	}
	if err != nil {
		return Answers{}, fmt.Errorf("cannot look for an OVF environment: %w", err)
	}
	return c.finish()
}

// ovfGuestinfo reads the OVF environment over VMware's channel, the transport
// "com.vmware.guestInfo".
type ovfGuestinfo struct{ Options }

func (ovfGuestinfo) Name() string { return "guestinfo.ovfEnv" }

func (p ovfGuestinfo) Read(context.Context) (Answers, error) {
	const key = "guestinfo.ovfEnv"
	got, err := p.guestinfo(key)
	if err != nil {
		return Answers{}, err
	}
	c := newCollector(p.Name(), p.Options)
	if text := strings.TrimSpace(got[key]); text != "" {
		if err := c.environment([]byte(text)); err != nil {
			return Answers{}, fmt.Errorf("cannot read the OVF environment in %s: %w", key, err)
		}
	}
	return c.finish()
}

func (c *collector) environment(data []byte) error {
	values, err := parseEnvironment(data)
	if err == nil {
		c.values(values)
	}
	return err
}

const (
	// environmentSpace begins the namespaces of all versions of DSP8027.
	environmentSpace = "http://schemas.dmtf.org/ovf/environment/"
	maxEnvironment   = 1 << 20
	maxProperties    = 10_000
)

// parseEnvironment is the properties of this machine in an OVF environment
// document (DSP0243, 11; schema DSP8027): those of the root's own
// PropertySection. Those below Entity are other machines' of the same vApp.
func parseEnvironment(data []byte) (map[string]string, error) {
	if len(data) > maxEnvironment {
		return nil, errTooLarge
	}
	dec := xml.NewDecoder(bytes.NewReader(data))
	wrong := func(format string, args ...any) error {
		line, column := dec.InputPos()
		return fmt.Errorf("line %d, column %d: %s", line, column, fmt.Sprintf(format, args...))
	}
	values := map[string]string{}
	var path []string
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && len(path) == 0 {
			return nil, wrong("it says nothing")
		}
		if err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) {
				return nil, wrong("it is not XML: %s", syntax.Msg)
			}
			return nil, wrong("it is not XML: %v", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(path) == 0 && (t.Name.Local != "Environment" || !strings.HasPrefix(t.Name.Space, environmentSpace)) {
				return nil, wrong("it is not an OVF environment: its root is %q", t.Name.Local)
			}
			path = append(path, t.Name.Local)
			if len(path) != 3 || path[1] != "PropertySection" || path[2] != "Property" {
				continue
			}
			key, value := attribute(t, "key"), attribute(t, "value")
			if key == "" {
				return nil, wrong("a property has no key")
			}
			if _, twice := values[key]; twice {
				return nil, wrong("property %q is given twice", key)
			}
			if len(values) == maxProperties {
				return nil, wrong("it has more than %d properties", maxProperties)
			}
			values[key] = value
		case xml.EndElement:
			if path = path[:len(path)-1]; len(path) == 0 {
				return values, nil
			}
		}
	}
}

// attribute is one of the standard's attributes: without a prefix or of its
// namespace.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && (a.Name.Space == "" || strings.HasPrefix(a.Name.Space, environmentSpace)) {
			return a.Value
		}
	}
	return ""
}
