package yamltext

// Mark is a place in the definition.
type Mark struct {
	// line and column count from 1; the zero mark is the file as a whole.
	line, column int
	// variant is the overlay that the text belongs to, or "".
	variant string
}

// Kind is what a node is.
type Kind int

// The kinds of node. An invalid one has been reported already.
const (
	Invalid Kind = iota
	Null
	Text
	Number
	Bool
	Mapping
	List
)

func (k Kind) String() string {
	switch k {
	case Null:
		return "nothing"
	case Text:
		return "text"
	case Number:
		return "a number"
	case Bool:
		return "true or false"
	case Mapping:
		return "a mapping"
	case List:
		return "a list"
	}
	return "invalid"
}

// Node is one value of the YAML text with its place. Unlike the parser's
// syntax tree it knows neither styles nor comments, and it can be merged.
type Node struct {
	Mark
	Kind Kind
	// Text is the value of a text, or any other scalar as it was written.
	Text    string
	Entries []Entry
	Items   []*Node
}

// Entry is one key of a mapping; its mark is where the key stands.
type Entry struct {
	Mark
	Key   string
	Value *Node
}

// Get is the entry of a mapping with that key, or nil.
func (n *Node) Get(key string) *Entry {
	if n == nil {
		return nil
	}
	for i := range n.Entries {
		if n.Entries[i].Key == key {
			return &n.Entries[i]
		}
	}
	return nil
}

// find follows a path of keys (string) and indices (int). It returns the node
// there, or nil, and the place of the last thing on the way that was written.
func (n *Node) find(path ...any) (*Node, Mark) {
	last := n.Mark
	for _, step := range path {
		switch step := step.(type) {
		case string:
			e := n.Get(step)
			if e == nil {
				return nil, last
			}
			n, last = e.Value, e.Mark
			if n.Kind != Mapping && n.Kind != List {
				last = n.Mark
			}
		case int:
			if step >= len(n.Items) {
				return nil, last
			}
			n = n.Items[step]
			last = n.Mark
		}
	}
	return n, last
}

// At is the place of the value that a path leads to, or of the last thing on
// the way that was written: where a value stems from a default, its parent.
func (n *Node) At(path ...any) Mark {
	_, last := n.find(path...)
	return last
}

// Has says whether a path leads to something written.
func (n *Node) Has(path ...any) bool {
	found, _ := n.find(path...)
	return found != nil
}

// KindAt is the kind of node that a path leads to, or invalidNode.
func (n *Node) KindAt(path ...any) Kind {
	if found, _ := n.find(path...); found != nil {
		return found.Kind
	}
	return Invalid
}

// Overlay is base with over laid on it: mappings are merged key by key,
// anything else replaces. Neither argument is changed, but both are shared.
func Overlay(base, over *Node) *Node {
	if base.Kind != Mapping || over.Kind != Mapping {
		return over
	}
	merged := &Node{Mark: base.Mark, Kind: Mapping}
	for _, e := range base.Entries {
		if o := over.Get(e.Key); o != nil {
			e = Entry{Mark: o.Mark, Key: e.Key, Value: Overlay(e.Value, o.Value)}
		}
		merged.Entries = append(merged.Entries, e)
	}
	for _, o := range over.Entries {
		if base.Get(o.Key) == nil {
			merged.Entries = append(merged.Entries, o)
		}
	}
	return merged
}

// Without is the mapping without one key.
func (n *Node) Without(key string) *Node {
	rest := &Node{Mark: n.Mark, Kind: n.Kind}
	for _, e := range n.Entries {
		if e.Key != key {
			rest.Entries = append(rest.Entries, e)
		}
	}
	return rest
}

// BelongTo marks everything in the node as text of a variant.
func (n *Node) BelongTo(variant string) {
	n.variant = variant
	for i := range n.Entries {
		n.Entries[i].variant = variant
		n.Entries[i].Value.BelongTo(variant)
	}
	for _, item := range n.Items {
		item.BelongTo(variant)
	}
}
