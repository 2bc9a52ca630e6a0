package seedtext

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxTokens bounds the parser's time, which is quadratic in bad cases; a seed
// with a hundred settings has a thousand.
const maxTokens = 20_000

func parseYAML(text []byte) (value any, err *Error) {
	defer func() {
		// Foreign code on foreign bytes: a mistake in it must not end the agent.
		if p := recover(); p != nil {
			value, err = nil, wrong("it is not YAML: the parser gave up: %v", p)
		}
	}()
	for i, line := range strings.Split(string(text), "\n") {
		// The parser's own words for this are hard to understand.
		if indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; strings.Contains(indent, "\t") && len(indent) < len(line) {
			return nil, &Error{i + 1, strings.IndexByte(indent, '\t') + 1, "the line is indented with a tab: YAML takes only spaces"}
		}
	}
	tokens := lexer.Tokenize(string(text))
	if err := checkTokens(tokens); err != nil {
		return nil, err
	}
	file, failed := parser.Parse(tokens, 0)
	if failed != nil {
		return nil, syntaxError(failed)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, nil
	}
	return convert(file.Docs[0].Body, maxDepth)
}

func at(t *token.Token, message string) *Error {
	if t == nil || t.Position == nil {
		return wrong("%s", message)
	}
	return &Error{t.Position.Line, t.Position.Column, message}
}

// checkTokens refuses what a seed does not need and what would make the
// parser slow or deep.
func checkTokens(tokens token.Tokens) *Error {
	if len(tokens) > maxTokens {
		return wrong("it is too long: %d words and signs, at most %d are read", len(tokens), maxTokens)
	}
	flow, dashes, line := 0, 0, 0
	content := false
	for _, t := range tokens {
		if t.Type == token.CommentType {
			continue
		}
		if t.Type == token.DocumentHeaderType && !content {
			continue
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return at(t, "anchors (&), aliases (*) and merge keys (<<) are not read: write the value out where it is used")
		case token.TagType:
			return at(t, "tags such as !!str are not read: put text in quotes")
		case token.DirectiveType, token.MappingKeyType:
			return at(t, "this kind of YAML is not read")
		case token.DocumentHeaderType:
			return at(t, "a second document begins here")
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType:
			if t.Position.Line != line {
				line, dashes = t.Position.Line, 0
			}
			dashes++
		}
		content = true
		if flow+dashes > maxDepth {
			return at(t, fmt.Sprintf("it is nested more than %d levels deep", maxDepth))
		}
	}
	return nil
}

func syntaxError(err error) *Error {
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		return wrong("it is not YAML: %v", err)
	}
	return at(syntax.GetToken(), "it is not YAML: "+syntax.GetMessage())
}

// convert makes plain data of the syntax tree; scalars keep the digits and
// letters that were written.
func convert(n ast.Node, left int) (any, *Error) {
	if left < 0 {
		return nil, at(n.GetToken(), fmt.Sprintf("it is nested more than %d levels deep", maxDepth))
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return convertMapping(n.Values, left)
	case *ast.MappingValueNode:
		return convertMapping([]*ast.MappingValueNode{n}, left)
	case *ast.SequenceNode:
		list := make([]any, len(n.Values))
		for i, v := range n.Values {
			if text, ok := colonText(v); ok {
				list[i] = text
				continue
			}
			item, err := convert(v, left-1)
			if err != nil {
				return nil, err
			}
			list[i] = item
		}
		return list, nil
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		text := n.GetToken().Value
		if json.Valid([]byte(text)) {
			return json.Number(text), nil
		}
		return text, nil // 0x1f, 1_000, .inf: whoever wants a number reads them
	case *ast.BoolNode:
		return n.Value, nil
	case *ast.NullNode:
		return nil, nil
	case *ast.CommentGroupNode:
		return nil, nil
	}
	return nil, at(n.GetToken(), "this kind of YAML is not read")
}

func convertMapping(values []*ast.MappingValueNode, left int) (any, *Error) {
	tree := map[string]any{}
	for _, v := range values {
		key := v.Key.GetToken()
		if _, twice := tree[key.Value]; twice {
			return nil, at(key, fmt.Sprintf("the key %q is given twice", key.Value))
		}
		value, err := convert(v.Value, left-1)
		if err != nil {
			return nil, err
		}
		tree[key.Value] = value
	}
	return tree, nil
}

// colonText mends what the parser makes of a text with a colon, such as an
// IPv6 address, in a list inside braces: a mapping. By YAML a colon separates
// a plain key from its value only with a space after it.
func colonText(n ast.Node) (string, bool) {
	m, ok := n.(*ast.MappingNode)
	if !ok || len(m.Values) != 1 {
		return "", false
	}
	key, colon, value := m.Values[0].Key.GetToken(), m.Values[0].Start, m.Values[0].Value.GetToken()
	if key == nil || colon == nil || value == nil || key.Indicator == token.QuotedScalarIndicator ||
		colon.Position.Line != value.Position.Line || value.Position.Column != colon.Position.Column+1 {
		return "", false
	}
	if _, scalar := m.Values[0].Value.(ast.ScalarNode); !scalar {
		return "", false
	}
	return key.Value + ":" + value.Value, true
}
