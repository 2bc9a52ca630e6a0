// Package hypervisortest holds the suite that every driver must pass, and a
// driver without a hypervisor for tests of what stands above.
//
//   - [Run] is the suite. It boots the echo guest of [EchoImage], a boot sector
//     that reports on the serial port what happens to it.
//   - [Fake] runs a Go function as the guest.
package hypervisortest
