// Package host is the only door from Ingot to the machine it runs on: running
// programs, and writing files so that a crash leaves the old or the new one.
//
// No other package imports os/exec; tests hand in hosttest.Runner instead of
// [Local].
package host
