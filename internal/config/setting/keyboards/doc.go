// Package keyboards holds the keyboard layouts of the console as the kernel
// takes them.
//
// Guarantees: every layout can type all of ASCII, each letter and digit by one
// key, and every keymap says something of the same keys, so that nothing of
// the layout before is left. Dead keys write their accent at once.
//
// It loads nothing: that is the kernel's matter, through the settings.
package keyboards
