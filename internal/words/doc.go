// Package words is the catalogue of the messages of console and pages, in their
// languages.
//
// A message has an id ("status.open") and a text in each language. What the
// agent says (warnings, errors, the help of the application's settings) is not
// among them: it is English, or what the vendor wrote, and shown as it comes.
//
// Guarantees: every message is there in every language, with the same places
// for values; what is given for a terminal can be shown on it.
package words
