package words

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// speakers are the packages whose texts people may see, as the message of an
// error, a problem, a notice or a fact; and of some only these files.
var speakers = []string{
	"internal/agent/*.go", "internal/agent/*/*.go",
	"internal/api/access.go", "internal/api/errors.go", "internal/api/handle*.go", "internal/api/client/*.go",
	"internal/appliance/setting.go", "internal/appliance/certificate/*.go",
	"internal/config/*.go", "internal/config/seedtext/*.go", "internal/config/setting/*.go", "internal/config/setting/*/*.go",
	"internal/update/*.go", "internal/update/fetch/*.go", "internal/update/snapshot/*.go", "internal/slot/*.go",
	"internal/release/trust/*.go", "internal/release/source/*.go",
	"internal/host/*.go", "internal/web/*.go", "internal/console/*.go",
}

// silent are packages that only write to the log, or hold names.
var silent = []string{
	"internal/agent/metrics", "internal/agent/power", "internal/config/setting/formats", "internal/config/setting/keyboards",
	"internal/config/setting/settingtest",
}

// initrd says its warnings in whole sentences, and much else on the screen of
// the boot.
var initrd = []string{"cmd/ingot-init/*.go", "internal/initrd/disks/*.go", "internal/update/attend/*.go"}

// saying is one text in the agent's source.
type saying struct {
	// shape is the text with %s for values of any kind.
	shape string
	// prose says that it looks like something said to people.
	prose bool
	at    string
}

// scanner collects the sayings of files.
type scanner struct {
	set    *token.FileSet
	consts map[string]string
	list   []saying
}

// scan reads the texts of one source, or of a file when source is nil.
func scan(files map[string]any) (*scanner, error) {
	s := &scanner{set: token.NewFileSet(), consts: map[string]string{}}
	var parsed []*ast.File
	for name, source := range files {
		file, err := parser.ParseFile(s.set, name, source, 0)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, file)
		ast.Inspect(file, s.constant)
	}
	for _, file := range parsed {
		ast.Inspect(file, s.visit)
	}
	return s, nil
}

// constant notes the names of texts.
func (s *scanner) constant(n ast.Node) bool {
	if spec, ok := n.(*ast.ValueSpec); ok {
		for i, name := range spec.Names {
			if i < len(spec.Values) {
				if text, ok := literal(spec.Values[i]); ok {
					s.consts[name.Name] = text
				}
			}
		}
	}
	return true
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// deaf are functions whose texts are for logs, programs or nobody.
var deaf = regexp.MustCompile(`^(Log|log|logf|Printf|Println|panic|Format|Parse|Contains|ContainsAny|Has(Prefix|Suffix)|Cut(Prefix|Suffix)?|Trim(Left|Right|Prefix|Suffix|Func|LeftFunc|RightFunc)?|NewReplacer|ReplaceAll|MustCompile|Sscanf|Set|Get|HandleFunc|Fields.*|Split.*|Open.*|WriteString|scans|forSeeds)$`)

// quiet are fields with the vendor's or the catalogue's texts.
var quiet = []string{"Title", "Help", "Group", "Example", "Default", "Why", "why", "Summary"}

// loud are fields that people see.
var loud = []string{"Message", "Hint", "Text", "Fix", "Detail", "Problem", "Comment", "Refused", "refused"}

func (s *scanner) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec, *ast.CaseClause:
		if c, ok := n.(*ast.CaseClause); ok {
			for _, statement := range c.Body {
				ast.Inspect(statement, s.visit)
			}
		}
		return false
	case *ast.Field:
		return n.Tag == nil
	case *ast.CallExpr:
		return s.call(n)
	case *ast.CompositeLit:
		return s.composite(n)
	case *ast.KeyValueExpr:
		key, ok := n.Key.(*ast.Ident)
		switch {
		case ok && slices.Contains(quiet, key.Name):
			return false
		case ok && slices.Contains(loud, key.Name):
			s.note(n.Value, true)
			return false
		}
		ast.Inspect(n.Value, s.visit)
		return false
	case *ast.IndexExpr:
		return false
	case *ast.BinaryExpr:
		if n.Op != token.ADD {
			return n.Op == token.LAND || n.Op == token.LOR // not what a text is compared with
		}
		_, any := s.shape(n)
		if any {
			s.note(n, false)
		}
		return !any
	case *ast.BasicLit:
		if n.Kind == token.STRING {
			s.note(n, false)
		}
	}
	return true
}

// composite looks at facts, of which each part is shown.
func (s *scanner) composite(c *ast.CompositeLit) bool {
	of := c.Type
	if list, ok := of.(*ast.ArrayType); ok {
		of = list.Elt
	}
	if name, ok := of.(*ast.Ident); !ok || name.Name != "Fact" {
		return true
	}
	ast.Inspect(c, func(n ast.Node) bool {
		part, ok := n.(*ast.KeyValueExpr)
		if ok {
			s.note(part.Value, true)
		}
		return !ok
	})
	return false
}

// call looks at what a function is given.
func (s *scanner) call(c *ast.CallExpr) bool {
	name := ""
	switch f := c.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
		if x, ok := f.X.(*ast.Ident); ok && x.Name == "errors" && name == "New" {
			name = "errors.New"
		}
	}
	if deaf.MatchString(name) {
		return false
	}
	said := map[string][]int{"Errorf": {0}, "errors.New": {0}, "add": {1, 2}, "invalid": {1, 2}, "problem": {1}}[name]
	for i, argument := range c.Args {
		s.note(argument, slices.Contains(said, i))
	}
	ast.Inspect(c.Fun, s.visit)
	return false
}

// note takes in a text, or looks for some inside.
func (s *scanner) note(e ast.Expr, said bool) {
	shape, any := s.shape(e)
	if !any {
		ast.Inspect(e, s.visit)
		return
	}
	words := regexp.MustCompile(`[A-Za-z]{2,}`).FindAllString(strings.ReplaceAll(shape, "%s", " "), -1)
	prose := len(words) > 1 && strings.Contains(shape, " ") || said && len(words) > 0
	if strings.ToUpper(shape) == shape || strings.HasPrefix(shape, "<") { // a name, as PEM has them; a page of its own
		prose = false
	}
	s.list = append(s.list, saying{shape, prose, s.set.Position(e.Pos()).String()})
}

// shape is a text with its values as %s; any is false of what has no text of
// its own. Texts inside its values are looked at, too.
func (s *scanner) shape(e ast.Expr) (shape string, any bool) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return s.shape(e.X)
	case *ast.BasicLit:
		text, ok := literal(e)
		return shapeOf(text), ok
	case *ast.Ident:
		text, ok := s.consts[e.Name]
		return shapeOf(text), ok
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, l := s.shape(e.X)
		right, r := s.shape(e.Y)
		for _, side := range []struct {
			e  ast.Expr
			ok bool
		}{{e.X, l}, {e.Y, r}} {
			if !side.ok && (l || r) {
				ast.Inspect(side.e, s.visit)
			}
		}
		if !l {
			left = "%s"
		}
		if !r {
			right = "%s"
		}
		return left + right, l || r
	}
	return "", false
}

var verbs = regexp.MustCompile(`%(?:\[\d+\])?[+#-]?[0-9.]*([a-zA-Z%])`)

// shapeOf writes all verbs alike.
func shapeOf(pattern string) string {
	return verbs.ReplaceAllStringFunc(pattern, func(verb string) string {
		switch verb[len(verb)-1] {
		case '%':
			return "%%"
		case 'q', 'd':
			return "%" + verb[len(verb)-1:]
		}
		return "%s"
	})
}

// agent are the sayings of the speakers, and of the initrd.
func agent(t *testing.T) []saying {
	t.Helper()
	list := sayings(t, speakers)
	whole := regexp.MustCompile(`^[A-Z].*\.$`)
	for _, s := range sayings(t, initrd) {
		s.prose = s.prose && whole.MatchString(s.shape)
		list = append(list, s)
	}
	return list
}

func sayings(t *testing.T, globs []string) []saying {
	t.Helper()
	var list []saying
	for _, glob := range globs {
		names, err := filepath.Glob(filepath.Join("../..", glob))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", glob, err)
		}
		packages := map[string]map[string]any{}
		for _, name := range names {
			dir := filepath.Dir(name)
			if strings.HasSuffix(name, "_test.go") || slices.Contains(silent, strings.TrimPrefix(filepath.ToSlash(dir), "../../")) {
				continue
			}
			if packages[dir] == nil {
				packages[dir] = map[string]any{}
			}
			packages[dir][name] = nil
		}
		for _, files := range packages {
			s, err := scan(files)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, s.list...)
		}
	}
	return list
}

// fill puts values into a shape: what nobody says, so that it comes back.
func fill(shape string) (text string, values []string) {
	text = verbs.ReplaceAllStringFunc(shape, func(verb string) string {
		value := fmt.Sprintf("V%dv", len(values))
		switch verb[len(verb)-1] {
		case '%':
			return "%"
		case 'q':
			value = strconv.Quote(value)
		case 'd':
			value = strconv.Itoa(7000 + len(values))
		}
		values = append(values, value)
		return value
	})
	return text, values
}

// samples stand for values that the agent says itself.
var samples = []string{"is missing", "restart", "language", "rule 7", "a list"}

// missed says what of a saying has no translation; "" when all has.
func missed(shape, language string) (trouble string) {
	trouble = lacks(shape, language)
	for _, sample := range samples {
		if last := strings.LastIndex(shape, "%s"); trouble != "" && last >= 0 {
			first := strings.Replace(shape, "%s", sample, 1)
			if lacks(first, language) == "" || lacks(shape[:last]+sample+shape[last+2:], language) == "" {
				return ""
			}
		}
	}
	return trouble
}

// lacks says the same, of values that nobody knows.
func lacks(shape, language string) string {
	text, values := fill(shape)
	r := reader{language: language, steps: maxSteps, index: patterns(), heard: map[string]found{}}
	f := r.say(text, 0)
	want := len(text)
	for _, v := range values {
		want -= len(v)
		if f.size > 0 && !strings.Contains(f.text, v) {
			return fmt.Sprintf("the value %s is lost in %q", v, f.text)
		}
	}
	if f.size < want {
		return fmt.Sprintf("%q becomes %q", text, f.text)
	}
	return ""
}

// TestEverySayingIsTranslated reads the agent's source. What fails here was
// said without a translation.
func TestEverySayingIsTranslated(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range agent(t) {
		if !s.prose || seen[s.shape] || slices.Contains(unseen, s.shape) {
			continue
		}
		seen[s.shape] = true
		for _, language := range []string{"de", "ja"} {
			if trouble := missed(s.shape, language); trouble != "" {
				t.Errorf("%s: %q is not translated (%s).\n\tAdd {%q, \"GERMAN\", \"JAPANESE\"}, to the table of its part in internal/words/sentences_*.go (%%w instead of %%s for what is translated itself), or, if no person sees it, the text to unseen in sayings_test.go.",
					s.at, s.shape, trouble, s.shape)
				break
			}
		}
	}
	if len(seen) < 500 {
		t.Errorf("only %d sayings were found: the scan looks at the wrong places", len(seen))
	}
}

// said are shapes of texts that the agent passes on, or that are put together
// where the scan does not see it.
var said = []string{
	"memory of %s", "cannot apply the configuration: %s", "there is no /%s", "it must be one of %s",
	"connection refused", "connection reset by peer", "connection timed out", "network is unreachable", "no route to host", "no such host",
	"address already in use", "context deadline exceeded", "i/o timeout", "permission denied", "operation not permitted", "operation not supported",
	"no such file or directory", "no such device", "no space left on device", "read-only file system", "input/output error",
}

// TestNoSentenceIsStale: what the agent does not say any more is in no table.
func TestNoSentenceIsStale(t *testing.T) {
	shapes := slices.Clone(said)
	for _, s := range agent(t) {
		shapes = append(shapes, s.shape)
	}
	whole := strings.Join(shapes, "\x00")
	for _, table := range sentences() {
		for _, x := range table {
			if !strings.Contains(whole, shapeOf(x.en)) {
				t.Errorf("nothing says %q: take it out of the tables", x.en)
			}
		}
	}
}

// TestScanFindsWhatIsSaid: a sentence that somebody adds to the agent, in
// whatever way, is found and missed; what is for logs is not.
func TestScanFindsWhatIsSaid(t *testing.T) {
	const source = `package p
const hint = "a made-up constant"
type Problem struct{ Message, Hint, Title string }
func f(a bool, name string) (string, error) {
	p.add("some.path", "made up one " + name, hint)
	p.add("some.path", fmt.Sprintf("made up two %q %v", name, name), "")
	q := Problem{Message: "three", Title: "a title is none"}
	facts := []Fact{{Name: "nine", Wanted: wanted}, Fact{Name: "ten", Actual: "eleven"}}
	if a { return "made up four", nil }
	w := wire.Notice{Text: "made up five " + later("made up six")}
	logf("this is %s for the log", name)
	a.opts.Log("this too is for the log")
	switch name { case "made up case": }
	if name == "made up comparison" { return "", errors.New("seven") }
	return "", fmt.Errorf("made up eight %s: %w", name, err)
}`
	s, err := scan(map[string]any{"p.go": source})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range s.list {
		if x.prose && !slices.Contains(got, x.shape) {
			got = append(got, x.shape)
		}
	}
	want := []string{
		"a made-up constant", "made up one %s", "made up two %q %s", "three", "nine", "ten", "eleven", "made up four", "made up six", "made up five %s", "seven", "made up eight %s: %s",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the scan found\n%q; want\n%q", got, want)
	}
	for _, shape := range append(want, "is missing, or is it", "the port %d is missing and gone", "must be a %s of our own") {
		if missed(shape, "de") == "" {
			t.Errorf("%q counts as translated", shape)
		}
	}
}
