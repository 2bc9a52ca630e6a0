package appliance

import (
	"bytes"
	_ "embed"
)

// schema.json is made of the Go types and their comments by TestSchema
// (go test ./internal/appliance -run TestSchema -update), which also holds it
// true. So the programs carry neither the generator nor the source.
//
//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of a definition, by which editors
// complete and check. It says what a value may look like; [Load] also checks
// how values fit together.
func Schema() ([]byte, error) { return bytes.Clone(schema), nil }
