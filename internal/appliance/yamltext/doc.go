// Package yamltext reads the YAML text of an appliance definition, and reports
// what is wrong with a definition at its place in that text.
//
// Words: a [Node] is a value with its [Mark], the place where it stands; an
// overlay is a mapping laid on another; a [Report] collects [Problems].
//
// Guarantees: a text of at most [MaxBytes] is read in bounded time and depth,
// whatever its bytes are, and a mistake of the parser's is a problem, not a
// panic. Anchors, aliases, tags and second documents are refused. What a
// problem shows of the text can be sent to a terminal.
//
// It does not know what a definition says: package appliance does.
package yamltext
