package setting

import "strings"

// problems collects what is wrong with one part of a document.
type problems []Problem

func (p *problems) add(path, message, hint string) {
	*p = append(*p, Problem{Path: path, Message: message, Hint: hint})
}

// fields splits a list as people write it, with spaces, commas or both; nil
// when there is nothing.
func fields(text string) []string {
	list := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
	if len(list) == 0 {
		return nil
	}
	return list
}
