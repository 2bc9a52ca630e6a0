package appliance

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// TemplateFunctions are the functions that the templates of services have
// besides Go's own: quote (a text in double quotes, for shell and ini files),
// php (a PHP string), json, and mib (bytes in whole MiB).
func TemplateFunctions() []string { return []string{"json", "mib", "php", "quote"} }

// goFunctions are those that text/template has built in. (The package itself
// would only make the initrd larger, which knows this one too.)
func goFunctions() []string {
	return []string{
		"and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf", "println",
		"slice", "urlquery",
	}
}

// TemplateData are the names of what templates begin from: .settings.KEY,
// .resources.NAME, and single values.
func TemplateData() []string {
	return []string{"data", "hostname", "language", "memory", "proxy", "resources", "settings", "timezone"}
}

// checkTemplateFiles reports templates that are not there or cannot be read,
// and what they ask for that there is not.
func (c *checker) checkTemplateFiles(fsys fs.FS, d *Definition) {
	for i, s := range d.Services {
		for j, t := range s.Templates {
			if _, err := fs.Stat(fsys, t.Source); err != nil && s.Build != "" {
				continue // to be made
			}
			at := c.root.At("services", i, "templates", j, "source")
			if text, ok := c.checkText(fsys, t.Source, at, "write the template into it"); ok {
				c.checkTemplateText(d, s, t.Source, text, at)
			}
		}
		if s.Check != nil && s.Kind() == KindFiles && s.Build == "" && len(s.Check.Command) > 0 && syntax.IsInside(s.Files) && syntax.IsInside(s.Check.Command[0]) {
			c.checkFile(fsys, path.Join(s.Files, s.Check.Command[0]), c.root.At("services", i, "check", "command", 0), "check the spelling, or add the build command that makes it")
		}
	}
}

func (c *checker) checkTemplateText(d *Definition, s Service, source, text string, at yamltext.Mark) {
	functions := map[string]any{}
	for _, name := range slices.Concat(goFunctions(), TemplateFunctions()) {
		functions[name] = true // only the name counts
	}
	parts, err := parse.Parse("line", text, "", "", functions)
	if err != nil {
		hint := ""
		if strings.Contains(err.Error(), "not defined") {
			hint = "functions besides Go's own: " + strings.Join(TemplateFunctions(), ", ")
		}
		c.problem(at, hint, "%s is not a template: %s", syntax.Quote(source), syntax.Printable(strings.Replace(err.Error(), "template: line:", "line ", 1)))
		return
	}
	known := map[string][]string{"resources": sortedKeys(s.Resources)}
	for _, setting := range d.Settings {
		known["settings"] = append(known["settings"], setting.Key)
	}
	reported := map[string]bool{}
	for _, name := range sortedKeys(parts) {
		eachNode(parts[name].Root, func(fields []string) {
			if len(fields) < 2 || reported[fields[0]+"."+fields[1]] {
				return
			}
			names, looked := known[fields[0]]
			if (looked || fields[0] == "settings") && !slices.Contains(names, fields[1]) {
				reported[fields[0]+"."+fields[1]] = true
				what := strings.TrimSuffix(fields[0], "s")
				c.unknownName(what, fields[1], slices.Sorted(slices.Values(names)), at)
			}
		})
	}
}

// eachNode calls f for each chain of fields in a template: those of .a.b and
// of $.a.b.
func eachNode(node parse.Node, f func(fields []string)) {
	branch := func(b parse.BranchNode) {
		eachNode(b.Pipe, f)
		eachNode(b.List, f)
		eachNode(b.ElseList, f)
	}
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, inner := range n.Nodes {
				eachNode(inner, f)
			}
		}
	case *parse.ActionNode:
		eachNode(n.Pipe, f)
	case *parse.TemplateNode:
		eachNode(n.Pipe, f)
	case *parse.PipeNode:
		if n != nil {
			for _, command := range n.Cmds {
				eachNode(command, f)
			}
		}
	case *parse.CommandNode:
		for _, argument := range n.Args {
			eachNode(argument, f)
		}
	case *parse.ChainNode:
		eachNode(n.Node, f)
	case *parse.IfNode:
		branch(n.BranchNode)
	case *parse.WithNode:
		branch(n.BranchNode)
	case *parse.RangeNode:
		branch(n.BranchNode)
	case *parse.FieldNode:
		f(n.Ident)
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			f(n.Ident[1:])
		}
	}
}
