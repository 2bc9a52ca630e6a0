package web

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/console/terminal"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/words"
)

// sources are the pages' own code and templates, as one text.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	list, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range list {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	for _, name := range matches("templates/*.html") {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	return all.String()
}

// said are the ends of ids that the agent says, not the pages.
func said() []string {
	list := []string{"system", "management", "own", "support", "restart it", "start it again", "end it", "install it", "person", "time", "restart", "agent", "full", "problem", "healthy", "failing", "degraded", "off", "starting", "set-up", "unknown", "hour", "day", "week", "wrong-code", "wrong-password", "wrong-passkey", "wrong-group", "recovery", "directory", "provider"}
	list = append(list, wire.StepCheck, wire.StepDownload, wire.StepWrite, wire.StepVerify, wire.StepWait, wire.StepSnapshot, wire.StepRestart,
		wire.OutcomeInstalled, wire.OutcomeRolledBack, wire.OutcomeWentBack, wire.OutcomeFailed, wire.OutcomeCancelled,
		wire.SlotCurrent, wire.SlotTrial, wire.SlotKept, wire.SlotNew, "patch", "blocks", "whole", "bundle",
		"policy", "wave", "wave.until", "postponed", "postponed.until")
	for _, s := range setting.All() {
		list = append(list, s.Key())
	}
	return append(list, setting.Steps()...)
}

// cells are the ids of cells of rows: v.cell(path, "rule", "action", …).
func cells(source string) map[string]bool {
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(`v\.cell\([^,]+, "([a-z]+)", "([a-z0-9]+)"`).FindAllStringSubmatch(source, -1) {
		ids["web."+m[1]+"."+m[2]], ids["web."+m[1]+"."+m[2]+".eg"] = true, true
	}
	return ids
}

// put says whether an id can be put together, of a beginning that the source
// names and an end that it or the agent says.
func put(id, source string) bool {
	ends := slices.Concat(named(source), submatches(source, `said=([a-z-]+)`), said(), []string{"0", "1", "2", "3", "4", "5", "6"})
	starts := submatches(source, `"(web\.[a-z0-9.-]*\.)(?:%d)?"`)
	for cell := range cells(source) {
		starts = append(starts, cell+".") // an option's title
	}
	return slices.ContainsFunc(starts, func(start string) bool {
		end, ok := strings.CutPrefix(id, start)
		return ok && start != "web." && slices.Contains(ends, end)
	})
}

// named are all texts of one word in the source.
func named(source string) []string { return submatches(source, `"([a-z0-9-]+)"`) }

func submatches(source, pattern string) []string {
	var list []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(source, -1) {
		list = append(list, m[1])
	}
	return list
}

// Every text that the pages name is in the catalogue, and the catalogue has no
// others of theirs.
func TestEveryTextIsThereAndUsed(t *testing.T) {
	source := sources(t)
	whole := map[string]bool{}
	for _, id := range submatches(source, `"((?:web|form|status|wizard|menu|login|password|pending|adopt|licence|logs|machine|length|step)\.[a-z0-9.-]*[a-z0-9])"`) {
		whole[id] = true
		if !slices.Contains(words.IDs(), id) {
			t.Errorf("%s is not in the catalogue", id)
		}
	}
	for _, m := range regexp.MustCompile(`"(web\.[a-z0-9.-]*\.)"`).FindAllStringSubmatch(source, -1) {
		if !slices.ContainsFunc(words.IDs(), func(id string) bool { return strings.HasPrefix(id, m[1]) }) {
			t.Errorf("no text begins with %s", m[1])
		}
	}
	for _, id := range words.IDs() {
		if strings.HasPrefix(id, "web.") && !whole[id] && !cells(source)[id] && !put(id, source) {
			t.Errorf("nothing shows %s", id)
		}
	}
	for _, step := range setting.Steps() {
		if !slices.Contains(words.IDs(), "web.intro."+step) || !slices.Contains(words.IDs(), "step."+step) {
			t.Errorf("step %s has no title or no intro", step)
		}
	}
	for _, s := range setting.All() {
		ownTitle := slices.Contains([]string{"application", "access", "tls"}, s.Key()) // or a page of its own
		if !ownTitle && !slices.Contains(words.IDs(), "web.setting."+s.Key()) {
			t.Errorf("setting %s has no title", s.Key())
		}
	}
	for _, said := range submatches(source, `said=([a-z-]+)`) {
		if !slices.Contains(words.IDs(), "web.said."+said) {
			t.Errorf("web.said.%s is not in the catalogue", said)
		}
	}
}

// names are options that are called the same everywhere.
var names = []string{"language.language", "language.formats", "keyboard.layout", "time.zone"}

// Every property of the agent's own settings has a title and help in all
// languages, and so have its options, unless they are names.
func TestEveryPropertyIsTranslated(t *testing.T) {
	env := setting.Env{Boot: &release.Boot{Definition: &appliance.Definition{Name: "demo", Updates: &appliance.Updates{Channel: "stable"}}}}
	known := map[string]bool{}
	for _, s := range setting.All() {
		if s.Key() == "application" {
			continue
		}
		for _, p := range s.Properties(env) {
			ids := []string{"property." + p.Key, "help." + p.Key}
			for _, o := range p.Options {
				if !slices.Contains(names, p.Key) {
					ids = append(ids, "option."+p.Key+"."+o.Value)
				}
			}
			if p.Title == "" || p.Help == "" {
				t.Errorf("%s has no title or no help", p.Key)
			}
			for _, id := range ids {
				known[id] = true
				for _, language := range []string{"de", "ja"} {
					if text, ok := (words.Words{Wanted: language, Charset: terminal.Full}).Lookup(id); !ok || text == "" {
						t.Errorf("%s is not there in %s", id, language)
					}
				}
			}
		}
	}
	for _, id := range words.IDs() {
		console := id == "option.ja" || id == "option.jp"
		for _, kind := range []string{"property.", "help.", "option."} {
			if strings.HasPrefix(id, kind) && !known[id] && !console {
				t.Errorf("%s is of no property", id)
			}
		}
	}
}
