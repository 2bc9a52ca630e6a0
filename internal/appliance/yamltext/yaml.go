package yamltext

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
)

// Bounds on the text: its bytes, its words and signs, its levels. They are far above what a definition needs, and are
// there because the YAML parser takes quadratic time and unbounded stack on
// hostile text (measured: 64 KiB of "[" take 15 s).
const (
	MaxBytes  = 1 << 20
	MaxTokens = 20_000
	MaxDepth  = 32
)

// Parse reads one YAML document whose root is a mapping. It returns nil when
// there is nothing to go on with; what is wrong has been reported then.
func (r *Report) Parse(text string) (root *Node) {
	defer func() {
		// The scanner and parser are foreign code on hostile bytes: a mistake
		// in them must not end a build server.
		if p := recover(); p != nil {
			r.Add(Mark{}, "", "cannot be read as YAML", fmt.Sprintf("the YAML parser gave up: %v", p))
			root = nil
		}
	}()
	if !r.plainText(text) {
		return nil
	}
	tokens := lexer.Tokenize(text)
	if !r.checkTokens(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntaxError(err)
		return nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		r.Add(Mark{}, "", "says nothing", "run `ingot init` for a starting point")
		return nil
	}
	root, ok := r.convert(file.Docs[0].Body, 0)
	if !ok {
		return nil
	}
	if root.Kind != Mapping {
		if root.Kind != Invalid {
			r.Add(root.Mark, "", fmt.Sprintf("a definition is a mapping, not %s", root.Kind), "begin with a line such as `name: my-appliance`")
		}
		return nil
	}
	return root
}

// plainText reports bytes that are not text.
func (r *Report) plainText(text string) bool {
	line, column := 1, 1
	for i, c := range text {
		switch {
		case c == '\n':
			line, column = line+1, 1
			continue
		case c == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			r.Add(Mark{line: line, column: column}, "", "is not UTF-8 text", "save the file as UTF-8")
			return false
		case c == '\uFEFF', c < ' ' && c != '\t', c == 0x7f:
			r.Add(Mark{line: line, column: column}, "", fmt.Sprintf("holds the character %U, which is not text", c), "remove it, or write it with a backslash in double quotes")
			return false
		}
		column++
	}
	return true
}

// checkTokens refuses what a definition does not need and what would make the
// parser slow or deep.
func (r *Report) checkTokens(tokens token.Tokens) bool {
	if len(tokens) > MaxTokens {
		r.Add(Mark{}, "", fmt.Sprintf("is too long: %d words and signs, at most %d are read", len(tokens), MaxTokens), "a definition is a page or two; is this the right file?")
		return false
	}
	ok, shared := true, false
	refuse := func(t *token.Token, message, hint string) {
		r.Add(tokenMark(t), "", message, hint)
		ok = false
	}
	flow, dashes, dashLine := 0, 0, 0
	content, ended := false, false
	for _, t := range tokens {
		switch t.Type {
		case token.CommentType:
			continue
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			if !shared { // once is enough: they come in numbers
				refuse(t, "anchors (&), aliases (*) and merge keys (<<) are not read", "write the value out where it is used")
			}
			shared = true
		case token.TagType:
			refuse(t, fmt.Sprintf("tags such as %s are not read", syntax.Quote(t.Value)), "remove the tag; put text in quotes")
		case token.DirectiveType:
			refuse(t, "YAML directives are not read", "remove the line")
			return false
		case token.MappingKeyType:
			refuse(t, "keys introduced by ? are not read", "write `key: value`")
		case token.DocumentHeaderType:
			if content || ended {
				refuse(t, "a second document begins here", "one file holds one appliance; use variants for several of a kind")
				return false
			}
			continue
		case token.DocumentEndType:
			ended = true
			continue
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType:
			if t.Position.Line != dashLine {
				dashLine, dashes = t.Position.Line, 0
			}
			dashes++
		}
		if ended {
			refuse(t, "text follows the end of the document", "remove the line with `...`")
			return false
		}
		content = true
		if flow+dashes > MaxDepth {
			refuse(t, "is nested too deeply", tooDeepHint())
			return false
		}
	}
	return ok
}

// syntaxError reports what the parser did not understand.
func (r *Report) syntaxError(err error) {
	// A tab in the indentation is what most often breaks a file, and the
	// parser's own words for it are hard to understand.
	tabs := false
	for i, line := range r.lines {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 && len(indent) < len(line) {
			r.Add(Mark{line: i + 1, column: tab + 1}, "", "the line is indented with a tab", "YAML takes only spaces")
			tabs = true
		}
	}
	if tabs {
		return
	}
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		r.Add(Mark{}, "", "is not YAML: "+err.Error(), "")
		return
	}
	hint := "check the indentation, and put text with special characters in quotes"
	if strings.Contains(syntax.GetMessage(), "could not find") || strings.Contains(syntax.GetMessage(), "not found") {
		hint = "close what was opened here"
	}
	r.Add(tokenMark(syntax.GetToken()), "", "is not YAML: "+syntax.GetMessage(), hint)
}

// convert makes a node of the parser's syntax tree. It gives up, reporting it,
// when the tree is too deep.
func (r *Report) convert(n ast.Node, depth int) (at *Node, ok bool) {
	t := n.GetToken()
	at = &Node{Mark: tokenMark(t)}
	if depth > MaxDepth {
		r.Add(at.Mark, "", "is nested too deeply", tooDeepHint())
		return at, false
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return r.convertMapping(n.Values, at, depth)
	case *ast.MappingValueNode:
		return r.convertMapping([]*ast.MappingValueNode{n}, at, depth)
	case *ast.SequenceNode:
		at.Kind = List
		for _, v := range n.Values {
			item, ok := r.convert(v, depth+1)
			if !ok {
				return at, false
			}
			at.Items = append(at.Items, item)
		}
	case *ast.StringNode:
		at.Kind, at.Text = Text, n.Value
	case *ast.LiteralNode:
		at.Kind, at.Text = Text, n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		at.Kind, at.Text = Number, t.Value
	case *ast.BoolNode:
		at.Kind, at.Text = Bool, t.Value
	case *ast.NullNode:
		at.Kind, at.Text = Null, t.Value
	default:
		r.Add(at.Mark, "", "this kind of YAML is not read", "")
	}
	return at, true
}

func (r *Report) convertMapping(values []*ast.MappingValueNode, at *Node, depth int) (*Node, bool) {
	at.Kind = Mapping
	for i, v := range values {
		key := v.Key.GetToken()
		value, ok := r.convert(v.Value, depth+1)
		if !ok {
			return at, false
		}
		e := Entry{Mark: tokenMark(key), Key: key.Value, Value: value}
		if i == 0 && (at.line != e.line || at.column > e.column) {
			// The token of a block mapping is its first colon.
			at.Mark = e.Mark
		}
		if value.Kind == Null {
			// The place of a value that is not there is past the line's end.
			value.Mark = e.Mark
		}
		if first := at.Get(e.Key); first != nil {
			r.Add(e.Mark, "", fmt.Sprintf("the key %s is given twice, first in line %d", syntax.Quote(e.Key), first.line), "keep one of them")
			continue
		}
		at.Entries = append(at.Entries, e)
	}
	return at, true
}

func tooDeepHint() string { return fmt.Sprintf("at most %d levels are read", MaxDepth) }

func tokenMark(t *token.Token) Mark {
	if t == nil || t.Position == nil {
		return Mark{}
	}
	return Mark{line: t.Position.Line, column: t.Position.Column}
}

// Normal is the text with Unix line ends and without a byte order mark, both
// of which Windows editors leave.
func Normal(data []byte) string {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	return string(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
}
