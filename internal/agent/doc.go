// Package agent is the appliance's one daemon: it wires the parts below
// internal/agent, runs them, and answers what the API, the pages and the
// console ask.
//
// The parts do not know each other and nothing here knows the API, the web
// pages or the console: cmd/ingotd puts these on top. What they exchange is
// package wire's.
//
// Guarantees: the agent comes up whatever it finds. Facts that it cannot read
// become warnings, never a reason not to start: the management page is what
// the administrator has to find out what is wrong.
package agent
