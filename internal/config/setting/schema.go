package setting

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/ingotvm/ingot/internal/appliance"
)

// schema.json is made of the Go types and their comments by TestSchema
// (go test ./internal/config/setting -run TestSchema -update), which also holds
// it true.
//
//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of an appliance's configuration
// document, its application's own settings included. It says what a value may
// look like; [Validate] also checks how values fit together.
func Schema(env Env) ([]byte, error) {
	var document map[string]any
	if err := json.Unmarshal(schema, &document); err != nil {
		return nil, fmt.Errorf("cannot read the schema of the configuration document: %w", err)
	}
	defs, _ := document["$defs"].(map[string]any)
	root, _ := defs["Document"].(map[string]any)
	properties, _ := root["properties"].(map[string]any)
	application, ok := properties["application"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("cannot add the application's settings to the schema: it has no place for them")
	}
	own := map[string]any{}
	for _, s := range env.Definition().Settings {
		own[s.Key] = schemaOf(s)
	}
	application["properties"], application["additionalProperties"] = own, false
	out, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot write the schema of the configuration document: %w", err)
	}
	return append(out, '\n'), nil
}

// schemaOf is the schema of one setting of the application. All are text in
// the document, whatever their type; "" is no value.
func schemaOf(s appliance.Setting) map[string]any {
	one := map[string]any{"type": "string", "title": titleOf(s), "x-type": propertyType(s)}
	if s.Help != "" {
		one["description"] = s.Help
	}
	if value := defaultOf(s); value != "" {
		one["default"] = value
	}
	if s.Example != "" {
		one["examples"] = []any{string(s.Example)}
	}
	switch propertyType(s) {
	case Enum:
		values := []any{}
		if defaultOf(s) == "" {
			values = append(values, "")
		}
		for _, o := range s.Options {
			values = append(values, o.Value)
		}
		one["enum"] = values
	case Bool:
		one["enum"] = []any{"true", "false"}
	case Int:
		one["pattern"] = `^(-?(0|[1-9][0-9]*))?$`
	case Port:
		one["pattern"] = `^([1-9][0-9]{0,4})?$`
	case Secret:
		one["writeOnly"] = true
	}
	return one
}
