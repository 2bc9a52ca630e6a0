// Package vm holds the tests that boot appliances: the examples as `make
// build` builds them, in QEMU, under BIOS and UEFI, with power cuts, damage
// and growing disks. They want the programs in bin/ and run under `make test`
// only, when INGOT_TEST_ALL is set.
package vm
