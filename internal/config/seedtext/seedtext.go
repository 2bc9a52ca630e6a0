// Package seedtext reads the text of a seed: YAML or JSON from outside, before
// anything is known of what it says.
//
// Glossary:
//
//   - seed: answers for a first boot, from outside; its text is one mapping.
//   - property: a value under a dotted key ("network.hostname: web1"), as the
//     command line and forms name it; the rest of the mapping is a part of a
//     configuration document.
//   - tree: the mapping as plain data: map[string]any, []any, string,
//     json.Number, bool and nil.
//
// Guarantees: a text of at most [MaxBytes] is read in bounded time and depth;
// anchors, aliases and tags are refused, so that a small text is a small tree;
// an error says where in the text, in [Error]. Numbers keep the digits that
// were written, and what JSON would not write so is text.
//
// It does not know which keys there are: package config/setting does.
package seedtext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxBytes is the most of a seed that is read: a thousand times what is usual.
const MaxBytes = 1 << 20

// maxDepth is far deeper than any setting lies.
const maxDepth = 32

// Error says where a text is wrong. Line and Column count from 1; 0 is the
// text as a whole.
type Error struct {
	Line, Column int
	Message      string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

func wrong(format string, args ...any) *Error { return &Error{Message: fmt.Sprintf(format, args...)} }

// Parse reads a text. One that says nothing is an empty tree. Errors are
// [*Error].
func Parse(text []byte) (map[string]any, error) {
	tree, err := parse(text)
	if err != nil {
		return nil, err
	}
	return tree, nil
}

func parse(text []byte) (map[string]any, *Error) {
	if len(text) > MaxBytes {
		return nil, wrong("it is larger than %d bytes", MaxBytes)
	}
	if !utf8.Valid(text) {
		return nil, wrong("it is not UTF-8 text")
	}
	// What Windows editors leave.
	text = bytes.ReplaceAll(bytes.TrimPrefix(text, []byte("\uFEFF")), []byte("\r\n"), []byte("\n"))
	trimmed := bytes.TrimSpace(text)
	var value any
	var err *Error
	if bytes.HasPrefix(trimmed, []byte("{")) && looksJSON(trimmed) {
		value, err = parseJSON(text)
	} else {
		value, err = parseYAML(text)
	}
	if err != nil {
		return nil, err
	}
	switch tree := value.(type) {
	case nil:
		return map[string]any{}, nil
	case map[string]any:
		if tooDeep(tree, maxDepth) {
			return nil, wrong("it is nested more than %d levels deep", maxDepth)
		}
		return tree, nil
	}
	return nil, wrong("it is not a mapping of keys to values")
}

// looksJSON tells JSON's braces from YAML's: JSON has a quoted key, or none.
func looksJSON(text []byte) bool {
	rest := bytes.TrimSpace(text[1:])
	return len(rest) == 0 || rest[0] == '"' || rest[0] == '}'
}

func parseJSON(text []byte) (any, *Error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var value any
	err := dec.Decode(&value)
	at := dec.InputOffset()
	if err == nil {
		var more json.RawMessage
		if err = dec.Decode(&more); errors.Is(err, io.EOF) {
			return value, nil
		}
		at = dec.InputOffset()
		if err == nil {
			err = errors.New("something follows the closing brace")
		}
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = syntax.Offset
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		at, err = int64(len(text)), errors.New("it ends too soon")
	}
	line, column := place(text, at)
	return nil, &Error{line, column, "it is not JSON: " + err.Error()}
}

// place is the line and column of the byte before an offset.
func place(text []byte, offset int64) (line, column int) {
	before := string(text[:max(0, min(offset-1, int64(len(text))))])
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

func tooDeep(v any, left int) bool {
	if left < 0 {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		for _, item := range v {
			if tooDeep(item, left-1) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return tooDeep(item, left-1) })
	}
	return false
}

// Scalar is a value as the text that a property takes: a list of plain values
// becomes one text, separated by spaces. Nothing, mappings and lists of other
// things are not.
func Scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	case []any:
		words := make([]string, len(v))
		for i, item := range v {
			if _, list := item.([]any); list {
				return "", false
			}
			word, ok := Scalar(item)
			if !ok || strings.ContainsAny(word, " \t\n") {
				return "", false
			}
			words[i] = word
		}
		return strings.Join(words, " "), true
	}
	return "", false
}

// answers are keys below "setup" that are no part of a document, but answers
// to its questions.
var answers = []string{"eula", "adopt"}

// Split takes the properties out of a tree, which it changes to what is left:
// values under dotted keys, and the answers "setup: {eula: …, adopt: …}". A
// property without a value is in the list of bad keys, as is one whose value
// is no text.
func Split(tree map[string]any) (values map[string]string, bad []string) {
	values = map[string]string{}
	take := func(key string, v any) {
		if text, ok := Scalar(v); ok {
			values[key] = text
		} else {
			bad = append(bad, key)
		}
	}
	for key, v := range tree {
		if strings.Contains(key, ".") {
			take(key, v)
			delete(tree, key)
		}
	}
	if setup, ok := tree["setup"].(map[string]any); ok {
		for _, name := range answers {
			v, ok := setup[name]
			if _, record := v.(map[string]any); !ok || record { // an export records who accepted
				continue
			}
			if _, twice := values["setup."+name]; !twice {
				take("setup."+name, v)
			}
			delete(setup, name)
		}
		if len(setup) == 0 {
			delete(tree, "setup")
		}
	}
	slices.Sort(bad)
	return values, bad
}

// Compose is one text, as JSON, of several: documents (with the key "format")
// laid over each other in their order, over them the properties of the others,
// and over all the given properties.
func Compose(texts [][]byte, properties map[string]string) ([]byte, error) {
	whole := map[string]any{}
	for _, text := range texts {
		tree, err := Parse(text)
		if err != nil {
			return nil, err
		}
		if _, document := tree["format"]; !document {
			tree = Flatten(tree)
		}
		Overlay(whole, tree)
	}
	for key, value := range properties {
		whole[key] = value
	}
	return json.Marshal(whole)
}

// Flatten is a tree with its nested values under dotted keys.
func Flatten(tree map[string]any) map[string]any {
	flat := map[string]any{}
	for key, v := range tree {
		below, nested := v.(map[string]any)
		if !nested {
			flat[key] = v
			continue
		}
		for inner, v := range Flatten(below) {
			flat[key+"."+inner] = v
		}
	}
	return flat
}

// Overlay lays a tree over another, which it changes: mappings are merged key
// by key, anything else replaces.
func Overlay(base, over map[string]any) {
	for key, v := range over {
		below, ok := base[key].(map[string]any)
		if above, both := v.(map[string]any); ok && both {
			Overlay(below, above)
		} else {
			base[key] = v
		}
	}
}
