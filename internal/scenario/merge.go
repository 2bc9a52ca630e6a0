package scenario

import (
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// Edit makes the definition of a version: the project's, with the changes of
// the scenario, the vendor's root and the address where updates are served.
// root is the path of root.json as the definition names it.
func (s *Scenario) Edit(v *Version, root, url string) func(*yamltext.Node) *yamltext.Node {
	return func(definition *yamltext.Node) *yamltext.Node {
		for _, changes := range []*yamltext.Node{s.project, v.changes} {
			if changes != nil {
				definition = merge(definition, changes)
			}
		}
		return merge(definition, mapping("version", text(v.Name), "updates", mapping("root", text(root), "url", text(url))))
	}
}

func text(s string) *yamltext.Node { return &yamltext.Node{Kind: yamltext.Text, Text: s} }

func mapping(pairs ...any) *yamltext.Node {
	n := &yamltext.Node{Kind: yamltext.Mapping}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.Entries = append(n.Entries, yamltext.Entry{Key: pairs[i].(string), Value: pairs[i+1].(*yamltext.Node)})
	}
	return n
}

// merge lays over on base: mappings are merged key by key, a mapping over a
// list goes to the items by their name, anything else replaces. What comes
// from over has no place: it stands in another file.
func merge(base, over *yamltext.Node) *yamltext.Node {
	switch {
	case over.Kind == yamltext.Mapping && base.Kind == yamltext.Mapping:
		merged := &yamltext.Node{Mark: base.Mark, Kind: yamltext.Mapping}
		for _, e := range base.Entries {
			if o := over.Get(e.Key); o != nil {
				e.Value = merge(e.Value, o.Value)
			}
			merged.Entries = append(merged.Entries, e)
		}
		for _, o := range over.Entries {
			if base.Get(o.Key) == nil {
				merged.Entries = append(merged.Entries, yamltext.Entry{Key: o.Key, Value: placeless(o.Value)})
			}
		}
		return merged
	case over.Kind == yamltext.Mapping && named(base):
		merged := &yamltext.Node{Mark: base.Mark, Kind: yamltext.List}
		known := map[string]bool{}
		for _, item := range base.Items {
			name := item.Get("name").Value.Text
			if o := over.Get(name); o != nil {
				item = merge(item, o.Value)
			}
			known[name] = true
			merged.Items = append(merged.Items, item)
		}
		for _, o := range over.Entries {
			if !known[o.Key] {
				merged.Items = append(merged.Items, merge(mapping("name", text(o.Key)), o.Value))
			}
		}
		return merged
	}
	return placeless(over)
}

// named says whether a node is a list of mappings that have names.
func named(n *yamltext.Node) bool {
	for _, item := range n.Items {
		if e := item.Get("name"); e == nil || e.Value.Kind != yamltext.Text {
			return false
		}
	}
	return n.Kind == yamltext.List && len(n.Items) > 0
}

func placeless(n *yamltext.Node) *yamltext.Node {
	c := &yamltext.Node{Kind: n.Kind, Text: n.Text}
	for _, e := range n.Entries {
		c.Entries = append(c.Entries, yamltext.Entry{Key: e.Key, Value: placeless(e.Value)})
	}
	for _, item := range n.Items {
		c.Items = append(c.Items, placeless(item))
	}
	return c
}
