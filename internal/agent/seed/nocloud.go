package seed

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/config/seedtext"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// noCloud reads what cloud-init's data source NoCloud would: a disk or CD with
// the label cidata. Of it we take the host's name, the time zone, NTP servers,
// the keyboard, the network, and the map "ingot" of the user data. The rest is
// meant for other systems.
type noCloud struct{ Options }

func (noCloud) Name() string { return "nocloud" }

func isNoCloudLabel(label string) bool { return strings.EqualFold(label, "cidata") }

// The files of the data source, each in the form that its reader below takes.
const (
	metaData      = "meta-data"
	userData      = "user-data"
	networkConfig = "network-config"
)

func (p noCloud) Read(ctx context.Context) (Answers, error) {
	volumes, err := p.media(ctx, func(d device) bool { return isNoCloudLabel(d.label) }, metaData, userData, networkConfig)
	c := newCollector(p.Name(), p.Options)
	for _, v := range volumes {
		for _, part := range []struct {
			file string
			read func(*collector, []byte) error
		}{
			{metaData, (*collector).metaData},
			{networkConfig, func(c *collector, data []byte) error { return c.networkConfig(data, adapters(p.Root)) }},
			{userData, (*collector).userData},
		} {
			if data := v.files[part.file]; len(bytes.TrimSpace(data)) > 0 {
				if err := part.read(c, data); err != nil {
					return Answers{}, fmt.Errorf("cannot read %s of the NoCloud disk %s: %w", part.file, v.device, err)
				}
			}
		}
	}
	if err != nil {
		return Answers{}, fmt.Errorf("cannot look for NoCloud disks: %w", err)
	}
	return c.finish()
}

func (c *collector) metaData(data []byte) error {
	tree, err := seedtext.Parse(data)
	if err != nil {
		return err
	}
	if name := text(tree, "local-hostname"); name != "" {
		c.value("network.hostname", name)
	}
	return nil
}

func (c *collector) userData(data []byte) error {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	if strings.TrimSpace(string(first)) != "#cloud-config" {
		c.problem("", "%s does not begin with #cloud-config and was not read", userData)
		return nil
	}
	tree, err := seedtext.Parse(data)
	if err != nil {
		return err
	}
	for _, from := range []struct{ key, property string }{
		{"hostname", "network.hostname"}, {"fqdn", "network.hostname"}, {"timezone", "time.zone"},
	} {
		if value := text(tree, from.key); value != "" {
			c.value(from.property, value)
		}
	}
	ntp := mapping(tree, "ntp")
	if servers := append(words(ntp, "servers"), words(ntp, "pools")...); len(servers) > 0 {
		c.value("time.servers", strings.Join(servers, " "))
	}
	if layout := text(mapping(tree, "keyboard"), "layout"); layout != "" {
		c.value("keyboard.layout", layout)
	}
	switch own := tree["ingot"].(type) {
	case nil:
	case map[string]any:
		if _, document := own["format"]; document {
			c.tree(own)
		} else {
			c.own("", own, c.rest)
		}
	default:
		c.problem("ingot", "is not a mapping of keys to values")
	}
	return nil
}

// own takes in our map when it is no document: values become properties under
// dotted keys, whether the keys are written so or nested. What no property is
// becomes a part of a document, into.
func (c *collector) own(prefix string, tree, into map[string]any) {
	for name, v := range tree {
		key := prefix + name
		value, plain := seedtext.Scalar(v)
		_, list := v.([]any)
		below, nested := v.(map[string]any)
		switch {
		case plain && (!list || slices.Contains(c.keys, key)):
			c.value(key, value)
		case nested:
			part, ok := into[name].(map[string]any)
			if !ok {
				part = map[string]any{}
			}
			if c.own(key+".", below, part); len(part) > 0 {
				into[name] = part
			}
		case v == nil:
			c.value(key, "")
		default:
			into[name] = v
			c.rest["format"] = setting.Format
		}
	}
}

// text is a value of a tree as text, "" when it is none.
func text(tree map[string]any, key string) string {
	if s, ok := seedtext.Scalar(tree[key]); ok {
		return strings.TrimSpace(s)
	}
	return ""
}

// words is a list of texts, or one text as a list of one.
func words(tree map[string]any, key string) []string {
	list, ok := tree[key].([]any)
	if !ok {
		return strings.Fields(strings.ReplaceAll(text(tree, key), ",", " "))
	}
	var found []string
	for _, item := range list {
		if s, ok := seedtext.Scalar(item); ok && s != "" {
			found = append(found, s)
		}
	}
	return found
}

func mapping(tree map[string]any, key string) map[string]any {
	m, _ := tree[key].(map[string]any) // a nil map has no keys
	return m
}

func mappings(tree map[string]any, key string) []map[string]any {
	list, _ := tree[key].([]any)
	var found []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			found = append(found, m)
		}
	}
	return found
}

// truth is a switch of a tree, in the words that YAML has had for it.
func truth(tree map[string]any, key string) (on, said bool) {
	switch strings.ToLower(text(tree, key)) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0":
		return false, true
	}
	return false, false
}
