// Package formula works out the numbers of a definition that follow from the
// size of the machine: "40%", "max(128MiB, memory - 512MiB)", "cpus * 2".
//
// Guarantees: a formula that was read can be worked out for every machine, in
// bounded time, or says why not; the result is exact, whole and not negative;
// an error of the text says at which character it is.
//
// It does not know what units there are, nor what the number is for.
package formula
