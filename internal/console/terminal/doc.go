// Package terminal is the console's way to a text terminal: Linux's own, or
// whatever is at the other end of a serial line.
//
// The words: a cell is one column of one line; a [Charset] is what a terminal
// can show; a [Frame] is one screen as lines, with their styles spelled out;
// keys are what a terminal sends.
//
// Guarantees: [Clean] leaves nothing that moves the cursor or that the
// terminal cannot show, and what it leaves is as wide as [Cells] says; only
// lines that changed are sent; a frame that comes while another is being sent
// takes the place of those that wait; the terminal is given back as it was.
//
// It does not know what is on the screens: package console does.
package terminal
