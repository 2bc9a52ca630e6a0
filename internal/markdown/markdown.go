// Package markdown makes HTML of what vendors write: pages and release notes.
// It runs where appliances are built and released, never on one.
//
// HTML in the text is left out, and so are addresses that run scripts.
package markdown

import (
	"bytes"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// HTML is a text as HTML, GitHub's dialect: tables, crossed-out words, lists of
// tasks, and bare addresses as links.
func HTML(text []byte) (string, error) {
	// Pages may hold no styles: columns are aligned by attribute.
	tables := extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))
	var html bytes.Buffer
	err := goldmark.New(goldmark.WithExtensions(extension.Linkify, tables, extension.Strikethrough, extension.TaskList)).Convert(text, &html)
	return html.String(), err
}
