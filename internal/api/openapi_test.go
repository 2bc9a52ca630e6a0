package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ingotvm/ingot/internal/api/wire"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml")

const openAPIFile = "../../docs/openapi.yaml"

// TestOpenAPI makes the description of the API of the table of routes and the
// types of package wire, and compares it with the one in docs.
func TestOpenAPI(t *testing.T) {
	data, err := json.Marshal(openAPI(t))
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.JSONToYAML(data)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte("# Generated from internal/api/routes.go and internal/api/wire:\n# go test ./internal/api -run TestOpenAPI -update\n"), text...)
	if *update {
		if err := os.WriteFile(openAPIFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(openAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/openapi.yaml is not what the routes say; run go test ./internal/api -run TestOpenAPI -update")
	}
}

// The parts of an OpenAPI 3.1 document that are used here.
type (
	document struct {
		OpenAPI    string                          `json:"openapi"`
		Info       info                            `json:"info"`
		Security   []map[string][]string           `json:"security"`
		Paths      map[string]map[string]operation `json:"paths"`
		Components components                      `json:"components"`
	}
	info struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		Version     string `json:"version"`
	}
	operation struct {
		OperationID string                `json:"operationId"`
		Summary     string                `json:"summary"`
		Description string                `json:"description"`
		Security    []map[string][]string `json:"security,omitempty"`
		Parameters  []parameter           `json:"parameters,omitempty"`
		RequestBody *body                 `json:"requestBody,omitempty"`
		Responses   map[string]any        `json:"responses"`
	}
	parameter struct {
		Name        string `json:"name"`
		In          string `json:"in"`
		Description string `json:"description"`
		Required    bool   `json:"required,omitempty"`
		Schema      any    `json:"schema"`
	}
	body struct {
		Description string           `json:"description,omitempty"`
		Required    bool             `json:"required,omitempty"`
		Headers     map[string]any   `json:"headers,omitempty"`
		Content     map[string]media `json:"content,omitempty"`
	}
	media struct {
		Schema any `json:"schema"`
	}
	components struct {
		SecuritySchemes map[string]any `json:"securitySchemes"`
		Responses       map[string]any `json:"responses"`
		Schemas         map[string]any `json:"schemas"`
	}
)

const openAPIAbout = `The agent of an appliance answers on the management port (HTTPS, 5480), on a unix socket on the appliance itself, and partly on the virtio-serial port org.ingotvm.agent.

Who is asking: the key of a session (POST /v1/login) or of an API token in Authorization, or, on the unix socket, being root, who is an admin. The roles are admin, operator and auditor; each may do what the next one may.

A change that can cut the administrator off is pending at first: it is undone after two minutes unless somebody confirms it over a connection that was opened after it.`

func openAPI(t *testing.T) document {
	t.Helper()
	types := newTypes(t)
	d := document{
		OpenAPI:  "3.1.0",
		Info:     info{Title: "Ingot agent", Description: openAPIAbout, Version: "v1"},
		Security: []map[string][]string{{"key": {}}},
		Paths:    map[string]map[string]operation{},
		Components: components{
			SecuritySchemes: map[string]any{"key": map[string]string{"type": "http", "scheme": "bearer", "description": "The key of a session or of an API token."}},
			Responses:       map[string]any{},
			Schemas:         types.schemas,
		},
	}
	for _, r := range Routes(nil, nil) {
		if d.Paths[r.Path] == nil {
			d.Paths[r.Path] = map[string]operation{}
		}
		d.Paths[r.Path][strings.ToLower(r.Method)] = describe(r, types)
	}
	for status, text := range failures() {
		d.Components.Responses[status] = body{Description: text, Content: map[string]media{"application/json": {types.of(reflect.TypeFor[wire.ErrorBody]())}}}
	}
	return d
}

// failures are the answers that are no success.
func failures() map[string]string {
	return map[string]string{
		"400": "The request cannot be read.",
		"401": "Nobody is asking, or a key that is not good, or account and password do not belong together.",
		"403": "Whoever is asking may not do this.",
		"404": "There is no such thing.",
		"409": "This cannot be done now: the change could not be put in force and was undone, or there is nothing to confirm, or the connection is not a new one.",
		"412": "The configuration was changed meanwhile.",
		"413": "The body is too large.",
		"422": "The change is not valid; the problems say why.",
		"428": "If-Match is missing.",
		"429": "Too many attempts; Retry-After says when to come again.",
		"500": "Something failed on the appliance.",
		"504": "This took too long.",
	}
}

// failuresOf are those that a route can answer with.
func failuresOf(r Route) []string {
	list := []string{"500"}
	add := func(statuses ...string) { list = append(list, statuses...) }
	if (r.Access != Open{}) {
		add("401", "403")
	}
	if r.Request != nil {
		add("400", "413", "422")
	} else if len(r.Query) > 0 {
		add("400")
	}
	if strings.Contains(r.Path, "{") || r.Query != nil {
		add("404")
	}
	if r.Slow {
		add("409", "504")
	}
	if r.IfMatch {
		add("412", "428")
	}
	switch r.Path {
	case "/v1/login":
		add("401", "429")
	case "/v1/setup":
		if r.Method == http.MethodPost {
			add("403", "429")
		}
	case "/v1/logout":
		add("409")
	case "/v1/sessions", "/v1/sessions/{id}":
		if r.Method == http.MethodDelete {
			add("400")
		}
	case "/v1/factor":
		add("400")
		if r.Method == http.MethodPost {
			add("409", "429")
		}
	case "/v1/factor/recovery", "/v1/factor/off":
		add("429")
	case "/v1/restart":
		add("404")
	}
	slices.Sort(list)
	return slices.Compact(list)
}

var pathValue = regexp.MustCompile(`\{([a-z]+)\}`)

func describe(r Route, types *typeTable) operation {
	op := operation{
		OperationID: operationID(r),
		Summary:     r.Summary,
		Description: "For: " + r.Access.String() + ".",
		Responses:   map[string]any{},
	}
	if (r.Access == Open{}) {
		op.Security = []map[string][]string{{}}
	}
	for _, m := range pathValue.FindAllStringSubmatch(r.Path, -1) {
		kind := map[string]any{"n": map[string]any{"type": "integer", "minimum": 1}, "name": map[string]any{"type": "string"}}[m[1]]
		what := map[string]string{"n": "The number of a revision.", "name": "The name of a token."}[m[1]]
		op.Parameters = append(op.Parameters, parameter{Name: m[1], In: "path", Description: what, Required: true, Schema: kind})
	}
	for _, q := range r.Query {
		op.Parameters = append(op.Parameters, parameter{Name: q.Name, In: "query", Description: q.Summary, Schema: map[string]string{"type": "string"}})
	}
	if r.IfMatch {
		op.Parameters = append(op.Parameters, parameter{Name: "If-Match", In: "header", Required: true, Schema: map[string]string{"type": "string"},
			Description: "The ETag of the configuration that the change was made from; on the unix socket `*` for whichever is in force."})
	}
	if r.Request != nil {
		op.RequestBody = &body{Required: true, Content: map[string]media{"application/json": {types.of(reflect.TypeOf(r.Request))}}}
	}
	ok := body{Description: "Done.", Content: map[string]media{}}
	if raw, is := r.Response.(Raw); is {
		ok.Content[raw.Type] = media{map[string]string{"type": "string"}}
	} else {
		ok.Content["application/json"] = media{types.of(reflect.TypeOf(r.Response))}
	}
	if r.IfMatch || r.Path == "/v1/config" {
		ok.Headers = map[string]any{"ETag": map[string]any{"description": "The revision in force.", "schema": map[string]string{"type": "string"}}}
	}
	op.Responses["200"] = ok
	for _, status := range failuresOf(r) {
		op.Responses[status] = map[string]string{"$ref": "#/components/responses/" + status}
	}
	return op
}

// operationID is a name for generated clients: getRevisionsDiff.
func operationID(r Route) string {
	id := strings.ToLower(r.Method)
	for _, part := range strings.Split(strings.TrimPrefix(r.Path, "/v1/"), "/") {
		if part = strings.Trim(part, "{}"); part == "n" || part == "name" {
			part = "one"
		}
		id += strings.ToUpper(part[:1]) + part[1:]
	}
	return id
}

// typeTable collects the schemas of types under their names.
type typeTable struct {
	reflector *jsonschema.Reflector
	schemas   map[string]any
}

func newTypes(t *testing.T) *typeTable {
	t.Helper()
	r := &jsonschema.Reflector{Mapper: func(typ reflect.Type) *jsonschema.Schema {
		switch typ {
		case reflect.TypeFor[json.RawMessage]():
			return &jsonschema.Schema{Type: "object"} // documents, and patches of them
		case reflect.TypeFor[wire.Points]():
			return &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "number"}, {Type: "null"}}}}
		}
		return nil
	}}
	r.AllowAdditionalProperties = true // new fields may come
	if err := r.AddGoComments("github.com/ingotvm/ingot/internal/api", "./wire"); err != nil {
		t.Fatal(err)
	}
	for name, text := range r.CommentMap {
		r.CommentMap[name] = strings.Join(strings.Fields(text), " ")
	}
	return &typeTable{reflector: r, schemas: map[string]any{}}
}

// of is a reference to the schema of a type, or of a list of them.
func (t *typeTable) of(typ reflect.Type) any {
	if typ.Kind() == reflect.Slice {
		return map[string]any{"type": "array", "items": t.of(typ.Elem())}
	}
	for name, s := range t.reflector.ReflectFromType(typ).Definitions {
		data, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		t.schemas[name] = json.RawMessage(bytes.ReplaceAll(data, []byte("#/$defs/"), []byte("#/components/schemas/")))
	}
	return map[string]string{"$ref": "#/components/schemas/" + typ.Name()}
}

// TestAnswersFollowTheDescription reads the description as others would, and
// holds real answers against its schemas.
func TestAnswersFollowTheDescription(t *testing.T) {
	file, err := os.ReadFile(openAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	data, err := yaml.YAMLToJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	described, err := validator.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("openapi.json", described); err != nil {
		t.Fatal(err)
	}
	_, _, handler := newAPI()
	check := func(r Route, status, kind, body string) {
		t.Helper()
		pointer := func(parts ...string) string {
			for i := range parts {
				parts[i] = strings.NewReplacer("~", "~0", "/", "~1").Replace(parts[i])
				parts[i] = strings.NewReplacer("{", "%7B", "}", "%7D").Replace(parts[i])
			}
			return "openapi.json#/" + strings.Join(parts, "/")
		}
		at := pointer("paths", r.Path, strings.ToLower(r.Method), "responses", status, "content", kind, "schema")
		if status != "200" {
			at = pointer("components", "responses", status, "content", kind, "schema")
		}
		schema, err := c.Compile(at)
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.Path, err)
			return
		}
		value, err := validator.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Errorf("%s %s answers %s: %v", r.Method, r.Path, body, err)
			return
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s %s answers %s, against the description: %v", r.Method, r.Path, body, err)
		}
	}
	for _, r := range Routes(nil, nil) {
		l := rules[r.Method+" "+r.Path]
		path := l.path
		if path == "" {
			path = r.Path
		}
		_, raw := r.Response.(Raw)
		_, personal := l.except["unix root"] // root has no account
		if !raw && (!personal || r.Path == "/v1/password") {
			by := byRoot
			if r.Path == "/v1/password" {
				l.body = `{"account":"admin","password":"x"}`
			}
			w := ask(handler, by, r.Method, path, l.body, matching(`"7"`))
			if w.Code != 200 {
				t.Errorf("%s %s = %d %s", r.Method, r.Path, w.Code, w.Body)
			}
			check(r, "200", "application/json", w.Body.String())
		}
		if (r.Access != Open{}) {
			w := ask(handler, asker{caller: remote}, r.Method, path, l.body)
			if !slices.Contains(failuresOf(r), fmt.Sprint(w.Code)) {
				t.Errorf("%s %s answers %d, which is not described", r.Method, r.Path, w.Code)
			}
			check(r, fmt.Sprint(w.Code), "application/json", w.Body.String())
		}
	}
}

// TestDescriptionIsComplete follows every reference and looks for what nobody
// refers to.
func TestDescriptionIsComplete(t *testing.T) {
	d := openAPI(t)
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	referred := map[string]bool{}
	for _, m := range regexp.MustCompile(`"#/components/(schemas|responses)/([A-Za-z0-9]+)"`).FindAllStringSubmatch(string(data), -1) {
		referred[m[1]+" "+m[2]] = true
	}
	there := map[string]bool{}
	for name := range d.Components.Schemas {
		there["schemas "+name] = true
	}
	for name := range d.Components.Responses {
		there["responses "+name] = true
	}
	if !maps.Equal(referred, there) {
		t.Errorf("referred to: %v\nthere: %v", slices.Sorted(maps.Keys(referred)), slices.Sorted(maps.Keys(there)))
	}
	ids := map[string]bool{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			if ids[op.OperationID] || op.Summary == "" || op.Description == "For: ." {
				t.Errorf("%s %s: %+v", method, path, op)
			}
			ids[op.OperationID] = true
		}
	}
}
