package web

import "github.com/ingotvm/ingot/internal/api/wire"

// The agent speaks English; here is how its sentences come to be in the
// language of the page. What a page shows of an answer passes through these.

// say is a sentence of the agent's in the appliance's language.
func (v *visit) say(english string) string { return v.words.Sentence(english) }

// advice is a message of the agent's with what to do.
func (v *visit) advice(message, hint string) string { return v.words.Advice(message, hint) }

// inWords are problems whose message is all that is to be shown of them.
func (v *visit) inWords(problems []wire.Problem) []wire.Problem {
	list := make([]wire.Problem, len(problems))
	for i, p := range problems {
		list[i] = wire.Problem{Path: p.Path, Property: p.Property, Message: v.advice(p.Message, p.Hint)}
	}
	return list
}

// facts are what is wanted beside what is.
func (v *visit) facts(facts []wire.Fact) []wire.Fact {
	list := make([]wire.Fact, len(facts))
	for i, f := range facts {
		list[i].Differs = f.Differs
		list[i].Name, list[i].Wanted, list[i].Actual = v.words.Fact(f.Name, f.Wanted, f.Actual)
	}
	return list
}

// Hint is what the agent says to do, as it stands after a full stop.
func (f frame) Hint(english string) string { return f.v.words.Hint(english) }

// Say is a sentence of the agent's in the language of the page.
func (f frame) Say(english string) string { return f.v.say(english) }
