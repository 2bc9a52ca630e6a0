package words

import (
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

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
		networkSentences, certificateSentences, statusSentences, machineSentences, startSentences, passkeySentences, supportSentences, outsideSentences, updateSentences, releaseSentences,
	}
}

const (
	// maxSentence bounds what is looked at, in bytes; more comes back as it is.
	maxSentence = 16 << 10
	// maxDepth bounds sentences in sentences.
	maxDepth = 6
	// maxSteps bounds the work for one sentence, to some milliseconds.
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
	r := reader{language: w.Language(), plain: w.Charset == terminal.ASCII, steps: maxSteps, index: patterns(), heard: map[string]found{}}
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
	stop := w.Text("web.stop")
	return strings.TrimSuffix(message, strings.TrimSpace(stop)) + stop + w.Hint(hint)
}

// Hint is what to do, as it stands after a full stop.
func (w Words) Hint(english string) string {
	said := w.Sentence(english)
	if w.Language() != "de" || said == english {
		return said
	}
	first, size := utf8.DecodeRuneInString(said)
	return string(unicode.ToUpper(first)) + said[size:]
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
