// Package console draws the appliance's screens on a terminal: what it is, how
// it is, where to reach it; the questions of the first boot; and, behind a
// log-in, what an administrator does where there is no network.
//
// The words: a [Model] is everything that the console knows, and changes only
// by [Model.Update]; a page is one screen's part of it; a call is one question
// to the agent, as data; a [Screen] is what is shown, as text with styles.
//
// It is a client of the agent's API and knows nothing else: what it shows is
// what any client is told, and each question of the first boot, with its
// titles, rules and choices, is the agent's. The model does no input or
// output. commands.go alone asks the agent, package terminal alone writes to
// the terminal: only the lines that changed, since a serial line takes a second
// for a full screen. Bubble Tea reads the keys and runs the loop. The texts are
// in package words.
//
// Guarantees: every screen can be used on 80×24, and does what it can on less;
// on serial lines it sends ASCII only, unless the terminal showed that it
// takes UTF-8 and somebody asked for a language that needs it; nothing that
// the agent says, and nothing that is typed or pasted, can send the terminal
// a control sequence; a password is never shown; who is logged in is logged
// out after five minutes without a key; when the agent goes away the last
// that it said stays.
package console
