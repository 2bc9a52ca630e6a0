// Package words is the catalogue of the messages of console and pages, in their
// languages.
//
// A message has an id ("status.open") and a text in each language.
//
// What the agent says (problems, errors, notices, facts) has no ids: the API
// speaks English, for programs, logs and the history. It is translated where
// it is shown, by tables of patterns ([Words.Sentence], [Words.Advice],
// [Words.Fact]). What the vendor wrote, what people typed, and the words of the
// kernel and of foreign programs come as they are.
//
// Guarantees: every message and pattern is there in every language, with the
// same places for values; what is given for a terminal can be shown on it; a
// value in quotes comes back unchanged; no sentence, however long or strange,
// takes more than some ten milliseconds. TestEverySayingIsTranslated reads the
// agent's source and fails for what it says without a translation.
package words
