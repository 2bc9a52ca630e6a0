package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// pageOfHistory is how many revisions a page shows.
const pageOfHistory = 50

type historyView struct {
	Revisions []wire.Revision
	// Older is the number of the first revision of the next page; 0 is none.
	Older int
}

func history(v *visit) error {
	all, err := v.api.Revisions(v.ctx())
	if err != nil {
		return err
	}
	if until, err := strconv.Atoi(v.r.URL.Query().Get("until")); err == nil {
		all = slices.DeleteFunc(all, func(r wire.Revision) bool { return r.Number > until })
	}
	view := historyView{Revisions: all}
	if len(all) > pageOfHistory {
		view.Revisions, view.Older = all[:pageOfHistory], all[pageOfHistory].Number
	}
	return v.show(http.StatusOK, "history", "history", v.T("web.menu.history"), view)
}

type revisionView struct {
	wire.Revision
	Base  int
	Lines []diffLine
}

type diffLine struct{ Class, Text string }

func revision(v *visit) error {
	n, err := strconv.Atoi(v.r.PathValue("n"))
	if err != nil {
		return missing(v)
	}
	all, err := v.api.Revisions(v.ctx())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(r wire.Revision) bool { return r.Number == n })
	if i < 0 {
		return missing(v)
	}
	from := 0
	if i+1 < len(all) {
		from = all[i+1].Number
	}
	diff, err := v.api.Diff(v.ctx(), from, n)
	if err != nil {
		return err
	}
	view := revisionView{Revision: all[i], Base: all[0].Number, Lines: diffLines(diff.Diff)}
	for _, r := range all {
		if r.Current {
			view.Base = r.Number
		}
	}
	return v.show(http.StatusOK, "revision", "history", v.T("web.revision", n), view)
}

// diffLines are the lines of a unified diff, each with what it says.
func diffLines(diff string) []diffLine {
	var lines []diffLine
	for text := range strings.Lines(diff) {
		class := ""
		switch {
		case strings.HasPrefix(text, "+++"), strings.HasPrefix(text, "---"), strings.HasPrefix(text, "@@"):
			class = "quiet"
		case strings.HasPrefix(text, "+"):
			class = "added"
		case strings.HasPrefix(text, "-"):
			class = "removed"
		}
		lines = append(lines, diffLine{class, strings.TrimSuffix(text, "\n")})
	}
	return lines
}

func revert(v *visit) error {
	n, err := strconv.Atoi(v.r.PathValue("n"))
	if err != nil {
		return missing(v)
	}
	base, _ := strconv.Atoi(v.r.PostForm.Get("base")) // 0 is refused over the network
	if _, err := v.api.Revert(v.ctx(), max(base, 1), n, v.r.PostForm.Get("why")); err != nil {
		return err
	}
	return v.redirect("/history?said=reverted")
}

func export(v *visit) error {
	data, err := v.api.Export(v.ctx(), v.r.URL.Query().Get("secrets") == "yes")
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/yaml")
	h.Set("Content-Disposition", `attachment; filename="`+v.status.Name+`-settings.yaml"`)
	_, _ = v.w.Write(data) // a browser that went away needs no answer
	return nil
}
