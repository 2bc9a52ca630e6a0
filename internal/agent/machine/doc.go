// Package machine reads facts of the running machine: memory, uptime, network
// interfaces, listening sockets, writable mounts, processes.
//
// Every fact is read anew from /proc or the kernel when asked for; nothing is
// kept and nothing is changed. Paths are below a root that is handed in, so
// that tests read a made-up /proc.
//
// It does not judge: which port was declared, or which mount may be written
// to, is for the caller to say.
package machine
