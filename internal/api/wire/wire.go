// Package wire holds the words that the agent and its clients exchange: the
// JSON bodies of the API, and nothing else. It imports only the standard
// library, so that the agent can fill them in and a client can read them
// without either knowing the other.
//
// Guarantees: a field is never renamed or given another meaning within /v1;
// new fields may come. Durations are milliseconds, sizes are bytes, times are
// RFC 3339 in UTC.
package wire

import "time"

// State is how a service, or the appliance as a whole, is.
type State string

// Services are starting, healthy or failing; the appliance is starting,
// healthy or degraded.
const (
	Starting State = "starting"
	Healthy  State = "healthy"
	Failing  State = "failing"
	Degraded State = "degraded"
	// Off is a service that is not wanted at present.
	Off State = "off"
	// SetUp is an appliance that waits to be set up; its services are off.
	SetUp State = "set-up"
)

// The states of the set-up.
const (
	SetupComplete = "complete"
	SetupNeeded   = "needed"
)

// Status is GET /v1/status: what anyone who reaches the appliance may know.
type Status struct {
	// Name, Title, Vendor, Version and Variant are the definition's.
	Name    string `json:"name"`
	Title   string `json:"title"`
	Vendor  string `json:"vendor,omitempty"`
	Version string `json:"version"`
	Variant string `json:"variant,omitempty"`
	// Agent is the version of the agent itself.
	Agent    string `json:"agent"`
	Hostname string `json:"hostname"`
	// Locale is how it speaks and writes.
	Locale Locale `json:"locale"`
	// State is degraded as soon as one service or system unit fails, starting
	// until every service has been healthy once.
	State State `json:"state"`
	// Setup is SetupNeeded until the first boot's questions are answered, and
	// the application is closed so long; "" is complete too.
	Setup string `json:"setup,omitempty"`
	// Uptime is seconds since the kernel started.
	Uptime int64     `json:"uptime"`
	Booted time.Time `json:"booted"`
	CPUs   int       `json:"cpus"`
	Memory Memory    `json:"memory"`
	// Network is every interface but loopback, as it is, in the kernel's order.
	Network []Interface `json:"network"`
	// URLs are the application's pages, by the first usable address;
	// Management is this agent's. Empty while there is no address.
	URLs       []URL  `json:"urls"`
	Management string `json:"management,omitempty"`
	// Fingerprint is the SHA-256 of the management certificate, as browsers
	// show it: upper-case hex pairs with colons.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Services are in the order of the definition.
	Services []Service `json:"services"`
	// Notices are what needs attention, the most urgent first.
	Notices []Notice `json:"notices,omitempty"`
	// Warnings are the texts of the notices that are not of a service.
	Warnings []string `json:"warnings,omitempty"`
	// Pending is a change that waits to be confirmed.
	Pending *Pending `json:"pending,omitempty"`
	// Support is there when an administrator can let the vendor's support in.
	Support *SupportStatus `json:"support,omitempty"`
}

// Notice is one thing that needs attention.
type Notice struct {
	// ID stays the same while the cause does.
	ID string `json:"id"`
	// Level is Critical or Warning.
	Level Level `json:"level"`
	// Text is a sentence, Hint says what to do; it may be "".
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
	// Fix is what POST /v1/notices/{id}/fix does about it; "" is nothing.
	Fix string `json:"fix,omitempty"`
}

// Level is how urgent a notice is.
type Level string

// The levels: something does not work, or will not.
const (
	Critical Level = "critical"
	Warning  Level = "warning"
)

// Locale is how the appliance speaks and writes, as it is set.
type Locale struct {
	// Language is en, de or ja, Formats a tag such as de-CH, Zone one of the
	// IANA's, such as Europe/Berlin.
	Language string `json:"language"`
	Formats  string `json:"formats"`
	Zone     string `json:"zone"`
}

// Memory in bytes.
type Memory struct {
	// Given is what the virtual machine has, Total what of it the kernel left.
	Given     int64 `json:"given,omitempty"`
	Total     int64 `json:"total"`
	Available int64 `json:"available"`
	// Agent is the resident size of the agent's own process.
	Agent int64 `json:"agent"`
}

// Interface is one network interface.
type Interface struct {
	Name string `json:"name"`
	MAC  string `json:"mac,omitempty"`
	// State is "up", "no-address", "no-link" or "down".
	State string `json:"state"`
	// Addresses are global ones with prefix length, IPv4 first.
	Addresses []string `json:"addresses,omitempty"`
	// Problem says in a sentence why there is no address; "" when all is well.
	Problem string `json:"problem,omitempty"`
}

// The states of an interface.
const (
	InterfaceUp        = "up"
	InterfaceNoAddress = "no-address"
	InterfaceNoLink    = "no-link"
	InterfaceDown      = "down"
)

// URL is one page that the appliance offers.
type URL struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// Service is one service of the definition and its health.
type Service struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	State State  `json:"state"`
	// Detail is the last error, or what is being waited for; "" when healthy.
	Detail string `json:"detail,omitempty"`
	// Since is when State was entered.
	Since time.Time `json:"since"`
	Ports []Port    `json:"ports,omitempty"`
}

// Port is a port that a service was declared to offer.
type Port struct {
	Port     int    `json:"port"`
	Protocol string `json:"protocol"`
	Title    string `json:"title,omitempty"`
}

// Checks is GET /v1/checks: what an acceptance test wants to know of the
// inside, without a shell.
type Checks struct {
	FailedUnits []FailedUnit `json:"failed_units"`
	Listening   []Listening  `json:"listening"`
	// Writable are the mounts that can be written to, kernel interfaces
	// (proc, sysfs, cgroup2, …) left out.
	Writable []Mount `json:"writable"`
	Memory   Memory  `json:"memory"`
	// Processes are all of userspace, the largest first.
	Processes []Process `json:"processes"`
	BootTimes BootTimes `json:"boot_times"`
	// Jobs are units that the system manager has not finished with yet; empty
	// once the boot is complete.
	Jobs     []string `json:"jobs"`
	Warnings []string `json:"warnings"`
	// Errors name the facts above that could not be found out; their absence
	// proves nothing then.
	Errors []string `json:"errors"`
}

// FailedUnit is a unit that the system manager reports as failed.
type FailedUnit struct {
	Name string `json:"name"`
	// Result is systemd's word: exit-code, timeout, signal, …
	Result string `json:"result"`
	// LogTail is the end of the unit's log, at most 20 lines.
	LogTail string `json:"log_tail"`
}

// Listening is a socket that accepts connections or datagrams.
type Listening struct {
	// Protocol is "tcp" or "udp", for IPv4 and IPv6 alike.
	Protocol string `json:"protocol"`
	Address  string `json:"address"`
	Port     int    `json:"port"`
	// Process is "name[pid]", or "" when the kernel itself or a process that
	// is gone holds the socket.
	Process string `json:"process"`
	// Loopback says that no other machine can reach it.
	Loopback bool `json:"loopback"`
	// Declared says that a service of the definition declares the port, or
	// that it is the management port or a DHCP client's.
	Declared bool `json:"declared"`
}

// Mount is a mounted file system that can be written to.
type Mount struct {
	MountPoint string `json:"mount_point"`
	Source     string `json:"source"`
	FSType     string `json:"fs_type"`
	// Place is where writes go: "memory", "data" (the data disk) or "other".
	Place string `json:"place"`
}

// The places where writes go.
const (
	PlaceMemory = "memory"
	PlaceData   = "data"
	PlaceOther  = "other"
)

// Process is one process's share of memory, in bytes.
type Process struct {
	PID      int    `json:"pid"`
	Name     string `json:"name"`
	Resident int64  `json:"resident"`
}

// BootTimes are milliseconds. Kernel, Init and Userspace are lengths of the
// boot's parts; the others are points in time since the kernel started. 0
// means not known, or not reached yet.
type BootTimes struct {
	Kernel    int64 `json:"kernel"`
	Init      int64 `json:"init"`
	Userspace int64 `json:"userspace"`
	// AgentStart is when the agent's process began, AgentReady when it listened.
	AgentStart int64 `json:"agent_start"`
	AgentReady int64 `json:"agent_ready"`
	// Address is when the machine first had an address that others can use.
	Address int64 `json:"address"`
	// Healthy is when all services had become healthy for the first time.
	Healthy int64 `json:"healthy"`
	// FirstBoot says that this boot made the data disk.
	FirstBoot bool `json:"first_boot"`
	// Units are the services and targets that were started, in that order.
	Units []UnitTimes `json:"units"`
}

// UnitTimes say when a unit began to start and when it had, in milliseconds
// since the kernel started.
type UnitTimes struct {
	Name  string `json:"name"`
	Start int64  `json:"start"`
	Ready int64  `json:"ready"`
}

// ErrorBody is what every answer with a status of 400 or more carries.
type ErrorBody struct {
	Error Error `json:"error"`
}

// Error says what went wrong and, where the caller can do something, what.
type Error struct {
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	// Problems are those of a change that is not valid.
	Problems []Problem `json:"problems,omitempty"`
	// CodeNeeded says that a log-in's password was right, and the code of the
	// second factor is missing or wrong. Continue goes into the next
	// [Login] in place of account and password, for some minutes.
	CodeNeeded bool   `json:"code_needed,omitempty"`
	Continue   string `json:"continue,omitempty"`
}
