package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/config/seedtext"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// shape compares a tree, as JSON or YAML decodes to, with the type of the
// document, and says of everything that does not fit where it is.
type shape struct {
	// tolerant takes numbers and true or false for text, and text for numbers,
	// as they come in YAML and from hypervisors; and refuses null, which is
	// what hypervisors send for what nobody filled in.
	tolerant bool
	problems []setting.Problem
}

func (s *shape) add(path, format string, args ...any) (any, bool) {
	s.problems = append(s.problems, setting.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	return nil, false
}

// document is what of a tree fits the document.
func (s *shape) document(tree map[string]any) map[string]any {
	fitting, _ := s.fit(tree, reflect.TypeFor[setting.Document](), "")
	clean, _ := fitting.(map[string]any)
	return clean
}

// fit is what of a value fits a type. A list of which some element does not is
// left out whole.
func (s *shape) fit(v any, t reflect.Type, path string) (any, bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
		if v == nil && !s.tolerant {
			return nil, true
		}
	}
	if v == nil && s.tolerant {
		return s.add(path, "is empty")
	}
	switch t.Kind() {
	case reflect.Struct:
		return s.fitStruct(v, t, path)
	case reflect.Map:
		return s.fitMap(v, t, path)
	case reflect.Slice:
		return s.fitList(v, t, path)
	case reflect.String:
		return s.fitString(v, path)
	case reflect.Bool:
		return s.fitBool(v, path)
	case reflect.Int:
		return s.fitInt(v, path)
	}
	panic(fmt.Sprintf("config: the document has a %s at %s, which shape does not know", t, path))
}

func (s *shape) fitStruct(v any, t reflect.Type, path string) (any, bool) {
	object, ok := v.(map[string]any)
	if !ok {
		return s.add(path, "must be an object, not %s", kindOf(v))
	}
	fields := fieldsOf(t)
	clean := map[string]any{}
	for _, key := range sortedKeys(object) {
		field, ok := fields[key]
		if !ok {
			s.add(below(path, key), "is not known")
			continue
		}
		if value, ok := s.fit(object[key], field, below(path, key)); ok {
			clean[key] = value
		}
	}
	return clean, true
}

func (s *shape) fitMap(v any, t reflect.Type, path string) (any, bool) {
	if v == nil {
		return nil, true
	}
	object, ok := v.(map[string]any)
	if !ok {
		return s.add(path, "must be an object, not %s", kindOf(v))
	}
	clean := map[string]any{}
	for _, key := range sortedKeys(object) {
		if value, ok := s.fit(object[key], t.Elem(), below(path, key)); ok {
			clean[key] = value
		}
	}
	return clean, true
}

func (s *shape) fitList(v any, t reflect.Type, path string) (any, bool) {
	if v == nil {
		return nil, true
	}
	list, ok := v.([]any)
	if !ok {
		return s.add(path, "must be a list, not %s", kindOf(v))
	}
	before := len(s.problems)
	clean := []any{}
	for i, item := range list {
		if value, ok := s.fit(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); ok {
			clean = append(clean, value)
		}
	}
	return clean, len(s.problems) == before
}

func (s *shape) fitString(v any, path string) (any, bool) {
	if text, ok := v.(string); ok {
		return text, true
	}
	if _, list := v.([]any); s.tolerant && !list {
		if text, ok := seedtext.Scalar(v); ok {
			return text, true
		}
	}
	return s.add(path, "must be text, not %s", kindOf(v))
}

func (s *shape) fitBool(v any, path string) (any, bool) {
	if b, ok := v.(bool); ok {
		return b, true
	}
	if text, ok := v.(string); ok && s.tolerant && (text == "true" || text == "false") {
		return text == "true", true
	}
	return s.add(path, "must be true or false, not %s", kindOf(v))
}

func (s *shape) fitInt(v any, path string) (any, bool) {
	text, ok := "", false
	if number, isNumber := v.(json.Number); isNumber {
		text, ok = number.String(), true
	} else if s.tolerant {
		text, ok = v.(string)
	}
	if !ok {
		return s.add(path, "must be a number, not %s", kindOf(v))
	}
	// 32 bits are plenty for every number of a document.
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return s.add(path, "must be a whole number, not %s", text)
	}
	return int(n), true
}

// fieldsOf are the types of a struct's fields by their keys in JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = t.Field(i).Type
		}
	}
	return fields
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case json.Number:
		return "a number"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	}
	return "an object"
}

func below(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
