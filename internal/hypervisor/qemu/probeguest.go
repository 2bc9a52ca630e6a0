package qemu

import "slices"

// The test guest says probeMagic on QEMU's debug port 0xe9 and ends QEMU
// through isa-debug-exit at port 0xf4, which makes an exit status of
// value*2+1. 0x2a is any value whose status QEMU does not use itself.
const (
	probeMagic = "INGOT-KVM-OK"
	probeExit  = 0x2a*2 + 1
)

// probeGuest is a disk with a boot sector: 16-bit code that the BIOS loads to 0x7c00, and
// that goes on to 64-bit code with paging, because hosts that cannot run
// guests fail at different points of that way. Addresses in the code are those
// of the layout below; TestProbeGuest runs it in translation.
func probeGuest() []byte {
	sector := slices.Concat(
		// 0x7c00: real mode. Page tables: 0x1000 → 0x2000 → 0x3000, whose
		// first entry maps the first 2 MiB to themselves.
		[]byte{0xfa},                               // cli
		[]byte{0x31, 0xc0},                         // xor %ax,%ax
		[]byte{0x8e, 0xd8},                         // mov %ax,%ds
		[]byte{0x8e, 0xc0},                         // mov %ax,%es
		[]byte{0xfc},                               // cld
		[]byte{0x66, 0xbf, 0x00, 0x10, 0, 0},       // mov $0x1000,%edi
		[]byte{0x0f, 0x22, 0xdf},                   // mov %edi,%cr3
		[]byte{0x66, 0x31, 0xc0},                   // xor %eax,%eax
		[]byte{0xb9, 0x00, 0x0c},                   // mov $0xc00,%cx: three pages of 4-byte words
		[]byte{0x66, 0xf3, 0xab},                   // rep stos %eax,%es:(%di)
		[]byte{0xc7, 0x06, 0x00, 0x10, 0x03, 0x20}, // movw $0x2003,0x1000: present, writable
		[]byte{0xc7, 0x06, 0x00, 0x20, 0x03, 0x30}, // movw $0x3003,0x2000
		[]byte{0xc6, 0x06, 0x00, 0x30, 0x83},       // movb $0x83,0x3000: and a large page
		// The way into long mode of the AMD64 manual, volume 2, 14.6.
		[]byte{0xb0, 0x20},                         // mov $0x20,%al: PAE
		[]byte{0x0f, 0x22, 0xe0},                   // mov %eax,%cr4
		[]byte{0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0}, // mov $0xc0000080,%ecx: EFER
		[]byte{0x0f, 0x32},                         // rdmsr
		[]byte{0x80, 0xcc, 0x01},                   // or $0x1,%ah: LME
		[]byte{0x0f, 0x30},                         // wrmsr
		[]byte{0x0f, 0x01, 0x16, 0x6b, 0x7c},       // lgdtw 0x7c6b
		[]byte{0x0f, 0x20, 0xc0},                   // mov %cr0,%eax
		[]byte{0x66, 0x0d, 0x01, 0x00, 0x00, 0x80}, // or $0x80000001,%eax: PG, PE
		[]byte{0x0f, 0x22, 0xc0},                   // mov %eax,%cr0
		[]byte{0xea, 0x53, 0x7c, 0x08, 0x00},       // ljmp $0x8,$0x7c53
		// 0x7c53: 64-bit mode.
		[]byte{0xbe, 0x81, 0x7c, 0, 0},               // mov $0x7c81,%esi: the magic
		[]byte{0xb9, byte(len(probeMagic)), 0, 0, 0}, // mov $12,%ecx
		[]byte{0xba, 0xe9, 0, 0, 0},                  // mov $0xe9,%edx
		[]byte{0xf3, 0x6e},                           // rep outsb
		[]byte{0xb0, 0x2a},                           // mov $0x2a,%al
		[]byte{0xe6, 0xf4},                           // out %al,$0xf4
		[]byte{0xf4},                                 // hlt
		[]byte{0xeb, 0xfd},                           // jmp to the hlt
		// 0x7c6b: the global descriptor table's limit and address, the table
		// at 0x7c71: nothing, and a 64-bit code segment.
		[]byte{0x0f, 0x00, 0x71, 0x7c, 0, 0},
		[]byte{0, 0, 0, 0, 0, 0, 0, 0},
		[]byte{0, 0, 0, 0, 0, 0x9a, 0x20, 0},
		// 0x7c81
		[]byte(probeMagic),
	)
	// 1 MiB: SeaBIOS does not boot from virtio disks of less than a cylinder.
	image := make([]byte, 1<<20)
	copy(image, sector)
	image[510], image[511] = 0x55, 0xaa // what the BIOS looks for
	return image
}
