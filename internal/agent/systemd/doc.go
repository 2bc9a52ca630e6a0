// Package systemd speaks with the system manager: it asks for the state of
// units over the manager's private socket, which root may use and which needs
// no D-Bus daemon, starts units, and tells the manager how the agent itself
// is (sd_notify).
//
// The units of the agent itself are in internal/build/osfiles.
package systemd
