package words

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ingotvm/ingot/internal/console/terminal"
)

// The agent speaks English to everybody: programs, logs and the history read
// it. What of it people see is translated here, where it is shown, by tables
// of patterns. A pattern is what stands in the agent's source, with
//
//	%s  for any text, which comes back as it is
//	%q  for a text in quotes, as Go writes it
//	%d  for a whole number
//	%w  for what the agent says itself, which is translated in its turn: it must
//	    be known, unless it is the cause at the end, after a colon
//
// whatever verb the source has there. A translation has the same ones; where
// their order is another, %[2]s says which one is meant.
//
// Phrases that follow the name of something ("is missing") and chains of
// causes ("cannot read it: it is damaged") need no pattern of their own.

// sentences are all patterns, by the parts of the agent that say them.
func sentences() [][]text {
	return [][]text{
		answerSentences, accessSentences, changeSentences, seedSentences, appSentences, valueSentences,
		networkSentences, certificateSentences, statusSentences, machineSentences, startSentences,
	}
}

const (
	// maxSentence bounds what is looked at, in bytes; more comes back as it is.
	maxSentence = 16 << 10
	// maxDepth bounds sentences in sentences.
	maxDepth = 6
	// maxSteps bounds the work for one sentence, to a few milliseconds.
	maxSteps = 20000
	// maxSubject bounds the name before a phrase, in bytes; maxWords in words.
	maxSubject, maxWords = 200, 40
	// maxLinks bounds the causes of an error.
	maxLinks = 4
)

// Sentence is what the agent said, in the language of the words. What the
// tables do not have comes back unchanged.
func (w Words) Sentence(english string) string {
	if w.Language() == "en" || len(english) > maxSentence {
		return english
	}
	r := reader{language: w.Language(), plain: w.Charset == terminal.ASCII, steps: maxSteps, index: patterns()}
	if f := r.say(english, 0); f.size > 0 {
		return f.text
	}
	return english
}

// Advice is a message of the agent's with what to do; hint may be "".
func (w Words) Advice(message, hint string) string {
	message = w.Sentence(message)
	if hint == "" {
		return message
	}
	if w.Language() == "ja" {
		return strings.TrimSuffix(message, "。") + "。" + w.Sentence(hint)
	}
	return message + ". " + w.Sentence(hint)
}

// Fact is one thing of the machine, with what is wanted of it and what it is.
// Names that people gave stay, even if they are words of ours.
func (w Words) Fact(name, wanted, actual string) (string, string, string) {
	if name != "host name" && name != "search domains" {
		wanted, actual = w.list(wanted), w.list(actual)
	}
	return w.Sentence(name), wanted, actual
}

// list are values with commas between, of which each may be a word of ours.
func (w Words) list(english string) string {
	if whole := w.Sentence(english); whole != english {
		return whole
	}
	parts := strings.Split(english, ", ")
	for i := range parts {
		parts[i] = w.Sentence(parts[i])
	}
	return strings.Join(parts, ", ")
}

// piece is a part of a pattern: a text, or the place of a value.
type piece struct {
	text string
	verb byte // 0 for a text
	// value is which one of the sentence's it is.
	value int
}

// pattern is a sentence with places for values.
type pattern struct {
	english, german, japanese []piece
	// size is how many bytes of the sentence are not values.
	size int
}

func (p *pattern) in(language string) []piece {
	if language == "ja" {
		return p.japanese
	}
	return p.german
}

// isCause says whether a value is what stands at the end after a colon.
func (p *pattern) isCause(i int) bool {
	after := p.english[i+1:]
	atEnd := len(after) == 0 || len(after) == 1 && after[0].text == "."
	return atEnd && i > 0 && strings.HasSuffix(p.english[i-1].text, ": ")
}

// index finds the patterns that a sentence may be of.
type index struct {
	// whole are those without values.
	whole map[string]*pattern
	// first are the others by their first word; rest begin with a value.
	first map[string][]*pattern
	rest  []*pattern
}

// patterns is the index of all tables, made when it is first needed.
var patterns = sync.OnceValue(func() *index {
	x := &index{whole: map[string]*pattern{}, first: map[string][]*pattern{}}
	for _, table := range sentences() {
		for _, t := range table {
			x.add(&pattern{english: pieces(t.en), german: pieces(t.de), japanese: pieces(t.ja)})
		}
	}
	return x
})

func (x *index) add(p *pattern) {
	for _, part := range p.english {
		p.size += len(part.text)
	}
	begin := p.english[0].text
	word, _, more := strings.Cut(begin, " ")
	switch {
	case len(p.english) == 1 && begin != "":
		x.whole[begin] = p
	case more && word != "":
		x.first[word] = append(x.first[word], p)
	default:
		x.rest = append(x.rest, p)
	}
}

// pieces splits a pattern at its verbs.
func pieces(s string) []piece {
	var list []piece
	text := ""
	for n := 0; s != ""; {
		before, after, verb := strings.Cut(s, "%")
		text += before
		if !verb {
			break
		}
		value := n
		if inner, rest, ok := strings.Cut(after, "]"); ok && strings.HasPrefix(inner, "[") {
			number, _ := strconv.Atoi(inner[1:])
			value, after = number-1, rest
		}
		if after == "" || after[0] == '%' {
			text += "%"
			s = strings.TrimPrefix(after, "%")
			continue
		}
		if text != "" {
			list = append(list, piece{text: text})
		}
		list = append(list, piece{verb: after[0], value: value})
		n, text, s = n+1, "", after[1:]
	}
	if text != "" || len(list) == 0 {
		list = append(list, piece{text: text})
	}
	return list
}

// reader understands one sentence.
type reader struct {
	language string
	// plain writes German without its letters.
	plain bool
	steps int
	index *index
}

// found is a translation, and how many bytes of the sentence it stands for;
// none is a sentence that nothing is known of.
type found struct {
	text string
	size int
}

func (f found) or(other found) found {
	if other.size > f.size {
		return other
	}
	return f
}

// say translates what is known best.
func (r *reader) say(text string, depth int) found {
	if depth > maxDepth || text == "" {
		return found{}
	}
	if p := r.index.whole[text]; p != nil {
		return r.render(p, nil, depth)
	}
	return r.known(text, depth).or(r.phrase(text, depth)).or(r.chain(text, depth))
}

// known is a sentence of the tables with values.
func (r *reader) known(text string, depth int) (best found) {
	word, _, _ := strings.Cut(text, " ")
	for _, list := range [][]*pattern{r.index.first[word], r.index.rest} {
		for _, p := range list {
			values := make([]string, 0, 8)
			if values, ok := r.fit(p.english, text, values); ok {
				best = best.or(r.render(p, values, depth))
			}
		}
	}
	return best
}

// fit finds values with which the pieces are the text: of each the first that
// will do.
func (r *reader) fit(pieces []piece, text string, values []string) ([]string, bool) {
	if r.steps--; r.steps < 0 {
		return nil, false
	}
	if len(pieces) == 0 {
		return values, text == ""
	}
	rest := pieces[1:]
	switch pieces[0].verb {
	case 0:
		after, ok := strings.CutPrefix(text, pieces[0].text)
		if !ok {
			return nil, false
		}
		return r.fit(rest, after, values)
	case 'q':
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil || quoted[0] != '"' {
			return nil, false
		}
		return r.fit(rest, text[len(quoted):], append(values, quoted))
	case 'd':
		number := text[:len(text)-len(strings.TrimLeft(strings.TrimPrefix(text, "-"), "0123456789"))]
		if strings.TrimPrefix(number, "-") == "" {
			return nil, false
		}
		return r.fit(rest, text[len(number):], append(values, number))
	}
	return r.fitText(rest, text, values)
}

// fitText lets a value end before each place of the text that follows it.
func (r *reader) fitText(rest []piece, text string, values []string) ([]string, bool) {
	if len(rest) == 0 {
		return append(values, text), true
	}
	for at := 0; ; at++ {
		next := strings.Index(text[at:], rest[0].text)
		if next < 0 || r.steps < 0 {
			return nil, false
		}
		at += next
		if fitting, ok := r.fit(rest, text[at:], append(values, text[:at])); ok {
			return fitting, true
		}
	}
}

// render writes a pattern in the language, with the values in their places;
// nothing when a value that ought to be known is not.
func (r *reader) render(p *pattern, values []string, depth int) found {
	f := found{size: p.size}
	said := slices.Clone(values)
	for i, part := range p.english {
		if part.verb != 'w' {
			continue
		}
		inner := r.say(values[part.value], depth+1)
		if inner.size > 0 {
			said[part.value], f.size = inner.text, f.size+inner.size
		} else if !p.isCause(i) {
			return found{}
		}
	}
	var text strings.Builder
	for _, part := range p.in(r.language) {
		if part.verb == 0 {
			text.WriteString(r.own(part.text))
		} else {
			text.WriteString(said[part.value])
		}
	}
	f.text = text.String()
	return f
}

// own is a text of the tables as the terminal can show it.
func (r *reader) own(text string) string {
	if r.plain {
		return umlauts.Replace(text)
	}
	return text
}

// phrase is the name of something and what is said of it: "Port must be a
// number". The name comes back as it is, unless it is the agent's own.
func (r *reader) phrase(text string, depth int) (best found) {
	between := " "
	if r.language == "ja" {
		between = " は"
	}
	for _, at := range cuts(text, " ", maxWords) {
		if at > maxSubject || r.steps < 0 {
			break
		}
		f := r.predicate(text[at+1:], depth)
		if f.size == 0 || at == 0 {
			continue
		}
		subject := found{text: text[:at]}
		if p := r.index.whole[text[:at]]; p != nil {
			subject = r.render(p, nil, depth)
		}
		best = best.or(found{subject.text + between + f.text, subject.size + len(" ") + f.size})
	}
	return best
}

// predicate is a sentence of several words that begins with one of ours.
func (r *reader) predicate(text string, depth int) (f found) {
	word, _, more := strings.Cut(text, " ")
	if !more {
		return f
	}
	if p := r.index.whole[text]; p != nil {
		f = r.render(p, nil, depth)
	}
	for _, p := range r.index.first[word] {
		if values, ok := r.fit(p.english, text, nil); ok {
			f = f.or(r.render(p, values, depth))
		}
	}
	return f
}

// chain are sentences with a sign between, such as an error and its cause.
func (r *reader) chain(text string, depth int) (best found) {
	for _, sign := range []string{": ", "; ", ". ", "\n"} {
		for _, at := range cuts(text, sign, maxLinks) {
			if r.steps < 0 {
				return best
			}
			best = best.or(r.join(text[:at], sign, text[at+len(sign):], depth))
		}
	}
	return best
}

// cuts are the first places of a sign that are in no quoted value.
func cuts(text, sign string, most int) (places []int) {
	for at := 0; at < len(text) && len(places) < most; at++ {
		if text[at] == '"' {
			if quoted, err := strconv.QuotedPrefix(text[at:]); err == nil {
				at += len(quoted) - 1
			}
			continue
		}
		if strings.HasPrefix(text[at:], sign) {
			places = append(places, at)
		}
	}
	return places
}

func (r *reader) join(before, sign, after string, depth int) found {
	left, right := r.say(before, depth+1), r.say(after, depth+1)
	if left.size+right.size == 0 {
		return found{}
	}
	if left.size == 0 {
		left.text = before
	}
	if right.size == 0 {
		right.text = after
	}
	between := sign
	if sign == ". " && r.language == "ja" {
		between = "。"
	}
	return found{left.text + between + right.text, left.size + len(sign) + right.size}
}
