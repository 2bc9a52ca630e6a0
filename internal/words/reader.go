package words

import (
	"slices"
	"strconv"
	"strings"
)

// reader understands one sentence.
type reader struct {
	language string
	// plain writes German without its letters.
	plain bool
	steps int
	index *index
	// heard are the parts that were looked at already.
	heard map[string]found
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
	f, ok := r.heard[text]
	if !ok {
		f = r.known(text, depth).or(r.phrase(text, depth)).or(r.chain(text, depth))
		r.heard[text] = f
	}
	return f
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
	both := left.size > 0 && right.size > 0
	if left.size+right.size == 0 || sign == ". " && !both { // names have full stops, too
		return found{}
	}
	if left.size == 0 {
		left.text = before
	}
	if right.size == 0 {
		right.text = after
	}
	between := sign
	if both && r.language == "ja" && (sign == ". " || sign == "; ") {
		between = "。"
	}
	return found{left.text + between + right.text, left.size + len(sign) + right.size}
}
