package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// rows are a list of the document that no property asks for, as a form. Its
// fields are named by their paths in the document ("firewall.rules[2].port"),
// which are also those of problems. A button named "do" adds a row, moves one
// or takes one away: the form comes back with it, and nothing is saved until
// all rows are, as one change.
type rows struct {
	// Path is the list's.
	Path string
	List []row
	// Add is the title of the button for another row; "" is none.
	Add string
}

// row is one entry of the list.
type row struct {
	Path, Title string
	// Note is said of it beside the title.
	Note   string
	Fields []field
	// Problems are those that belong to none of its fields.
	Problems []string
	// Up, Down and Drop say which buttons it has.
	Up, Down, Drop bool
	// Name is kept with it, and not asked for.
	Name string
	// Inner is a list within it; nil is none.
	Inner *rows
}

// ID is its element's.
func (r row) ID() string { return "r-" + idOf(r.Path) }

// ID is its element's.
func (r rows) ID() string { return "r-" + idOf(r.Path) }

// at is the path of an entry of a list.
func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// sentRows is how many rows of a list a form has.
func sentRows(sent url.Values, path string) (n int) {
	for sent.Has(at(path, n)) {
		n++
	}
	return n
}

// edit does to a list what a button named "do" says: "add firewall.rules" or
// "up firewall.rules[2]".
func edit[T any](list []T, path, do string, empty T) []T {
	verb, where, _ := strings.Cut(do, " ")
	if verb == "add" && where == path {
		return append(list, empty)
	}
	number, ok := strings.CutPrefix(where, path+"[")
	i, err := strconv.Atoi(strings.TrimSuffix(number, "]"))
	if !ok || err != nil || i < 0 || i >= len(list) {
		return list
	}
	switch {
	case verb == "drop":
		return slices.Delete(list, i, i+1)
	case verb == "up" && i > 0:
		list[i-1], list[i] = list[i], list[i-1]
	case verb == "down" && i+1 < len(list):
		list[i+1], list[i] = list[i], list[i+1]
	}
	return list
}

// cell is one field of a row. The texts of kind and name are its label, help
// and the titles of its options.
func (v *visit) cell(path, kind, name, value string, options ...string) field {
	id := "web." + kind + "." + name
	f := field{Property: wire.Property{Key: path + "." + name, Type: "string", Value: value}, Label: v.T(id)}
	f.Hint, _ = v.words.Lookup(id + ".eg")
	for _, o := range options {
		title, ok := v.words.Lookup(id + "." + o)
		if !ok {
			title = strings.ToUpper(o) // a name, such as tcp
		}
		f.Type = "enum"
		f.Options = append(f.Options, wire.Option{Value: o, Title: title})
	}
	return f
}

// refuse shows problems at their rows, and hands back those of no row.
func (r *rows) refuse(problems []wire.Problem) (rest []wire.Problem) {
	for _, p := range problems {
		if i := slices.IndexFunc(r.List, func(w row) bool { return belongs(p.Path, w.Path) }); i >= 0 {
			r.List[i].refuse(p)
			continue
		}
		rest = append(rest, p)
	}
	return rest
}

func (w *row) refuse(p wire.Problem) {
	if w.Inner != nil && len(w.Inner.refuse([]wire.Problem{p})) == 0 {
		return
	}
	text := p.Message
	if i := slices.IndexFunc(w.Fields, func(f field) bool { return belongs(p.Path, f.Key) }); i >= 0 {
		w.Fields[i].Problem = text
		return
	}
	w.Problems = append(w.Problems, text)
}

// listed are the words of a list that is typed as one line.
func listed(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;\t\r\n", r) })
}

// document is the configuration that a form of rows is made from.
func (v *visit) document() (*setting.Document, int, error) {
	config, err := v.api.Config(v.ctx())
	if err != nil {
		return nil, 0, err
	}
	d, err := setting.Decode(config.Document)
	return d, config.Revision, err
}

// base is the revision that the form that was sent was made from. 0 would mean
// any, and is refused over the network.
func (v *visit) base() int {
	base, _ := strconv.Atoi(v.r.PostForm.Get("base"))
	return max(base, 1)
}

// save commits a part of the document, as the form that was sent says.
func (v *visit) save(part map[string]any) error {
	merge, err := json.Marshal(part)
	if err != nil {
		return fmt.Errorf("cannot encode the change: %w", err)
	}
	form := v.r.PostForm
	_, err = v.api.Change(v.ctx(), v.base(), wire.Change{Merge: merge, Why: form.Get("why"), Try: form.Get("try") != ""})
	return err
}

// outcome is why a form is shown again.
type outcome struct {
	Status   int
	Problems []wire.Problem
	// General are sentences about the form as a whole.
	General []string
	// Overtaken says that somebody else was quicker.
	Overtaken bool
	// Tried says that the values were checked and found good.
	Tried bool
	// Why is what was typed as the reason, Base the revision that the form
	// was made from; 0 is the one in force.
	Why  string
	Base int
}

// outcomeOf says how to show a form again after a change: nil was a change
// that was only tried. An error that no form can mend is handed back.
func (v *visit) outcomeOf(err error) (outcome, error) {
	o := outcome{Status: http.StatusOK, Tried: err == nil, Why: v.r.PostForm.Get("why"), Base: v.base()}
	if err == nil {
		return o, nil
	}
	e := refused(err)
	if e == nil || !slices.Contains([]int{http.StatusUnprocessableEntity, http.StatusPreconditionFailed, http.StatusConflict}, e.Status) {
		return o, err
	}
	o.Status, o.Problems = e.Status, v.inWords(e.Problems)
	switch {
	case e.Status == http.StatusPreconditionFailed:
		o.General, o.Overtaken, o.Base = []string{v.T("web.overtaken")}, true, 0
	case e.Status != http.StatusUnprocessableEntity || len(e.Problems) == 0:
		o.General, o.Problems = []string{v.advice(e.Message, e.Hint)}, nil
	}
	return o, nil
}

// wrong is an outcome of problems that the pages themselves found.
func (v *visit) wrong(problems []wire.Problem) error {
	return &client.Error{Status: http.StatusUnprocessableEntity, Problems: problems}
}

// inRows is a part of a form of rows, with the frame whose language it is
// shown in.
type inRows struct {
	T       frame
	Rows    rows
	Row     row
	Outcome outcome
	// ID is the form's, Save the title of its button, Why what was typed as
	// the reason.
	ID, Save, Why string
}

// Rows is what the template of rows is given.
func (f frame) Rows(r rows) inRows { return inRows{T: f, Rows: r} }

// Row is what the template of a row's buttons is given.
func (f frame) Row(r row) inRows { return inRows{T: f, Row: r} }

// Outcome is what the template of an outcome is given.
func (f frame) Outcome(o outcome) inRows { return inRows{T: f, Outcome: o} }

// Commit is what the template of the end of a form is given.
func (f frame) Commit(id, save string, o outcome) inRows {
	return inRows{T: f, ID: id, Save: save, Why: o.Why}
}

// Cell is what the template of a field in a row is given: what is chosen there
// changes nothing else in the form.
func (f frame) Cell(fl field) inFrame { return inFrame{T: f, Field: fl} }
