// Package power listens to the power button.
//
// A hypervisor asks a guest to shut down by pressing its virtual ACPI power
// button, which the kernel hands on as a key of an input device. Elsewhere
// systemd-logind listens; an appliance has no log-ins, so the agent does it
// and the image needs neither logind nor a D-Bus daemon.
//
// It only reports the press; what then happens is for the caller to do.
package power
