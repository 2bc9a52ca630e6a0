package hypervisortest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
)

// The echo guest counts its boots on its disk and says "ready N". It answers
// each byte on the serial port with "echo C", except 'p', on which it switches
// the machine off, and 'r', on which it resets it. On the power button it says
// "button" and switches off. N is one digit.

// EchoImage is the echo guest as a raw disk image of 1 MiB (SeaBIOS does not boot
// from virtio disks of less than a cylinder): 16-bit code of a boot sector, for machines with a BIOS, a PC's serial port at 0x3f8 and the
// ACPI registers where SeaBIOS puts them, at 0x600.
func EchoImage() []byte {
	sector := slices.Concat(
		// 0x7c00
		[]byte{0x31, 0xc0},       // xor %ax,%ax
		[]byte{0x8e, 0xd8},       // mov %ax,%ds
		[]byte{0x8e, 0xd0},       // mov %ax,%ss
		[]byte{0xbc, 0x00, 0x7c}, // mov $0x7c00,%sp
		[]byte{0xfb},             // sti: the timer wakes us from hlt
		[]byte{0xfc},             // cld
		// Count this boot in the first byte of sector 1: read it to 0x8000
		// and write it back (INT 13h extensions; %dl is the BIOS's word for
		// the disk that we come from).
		[]byte{0xbe, 0x80, 0x7c},       // mov $0x7c80,%si
		[]byte{0xb4, 0x42},             // mov $0x42,%ah
		[]byte{0x52},                   // push %dx
		[]byte{0xcd, 0x13},             // int $0x13
		[]byte{0x5a},                   // pop %dx
		[]byte{0xfe, 0x06, 0x00, 0x80}, // incb 0x8000
		[]byte{0xbe, 0x80, 0x7c},       // mov $0x7c80,%si
		[]byte{0xb8, 0x00, 0x43},       // mov $0x4300,%ax
		[]byte{0xcd, 0x13},             // int $0x13
		// Ask for the power button: PWRBTN_EN of PM1_EN (ACPI 4.8.3.1).
		[]byte{0xba, 0x02, 0x06}, // mov $0x602,%dx
		[]byte{0xb8, 0x00, 0x01}, // mov $0x100,%ax
		[]byte{0xef},             // out %ax,(%dx)
		[]byte{0xa0, 0x00, 0x80}, // mov 0x8000,%al
		[]byte{0x04, '0'},        // add $'0',%al
		[]byte{0xa2, 0x96, 0x7c}, // mov %al,0x7c96
		[]byte{0xbe, 0x90, 0x7c}, // mov $0x7c90,%si
		[]byte{0xe8, 0x3f, 0x00}, // call 0x7c74
		// 0x7c35: wait for the button (PWRBTN_STS of PM1_STS) or a byte (data
		// ready of the 16550's line status).
		[]byte{0xf4},             // hlt
		[]byte{0xba, 0x00, 0x06}, // mov $0x600,%dx
		[]byte{0xed},             // in (%dx),%ax
		[]byte{0xf6, 0xc4, 0x01}, // test $0x1,%ah
		[]byte{0x75, 0x1e},       // jne 0x7c5d
		[]byte{0xba, 0xfd, 0x03}, // mov $0x3fd,%dx
		[]byte{0xec},             // in (%dx),%al
		[]byte{0xa8, 0x01},       // test $0x1,%al
		[]byte{0x74, 0xee},       // je 0x7c35
		[]byte{0xb2, 0xf8},       // mov $0xf8,%dl
		[]byte{0xec},             // in (%dx),%al
		[]byte{0x3c, 'p'},        // cmp $'p',%al
		[]byte{0x74, 0x15},       // je 0x7c63
		[]byte{0x3c, 'r'},        // cmp $'r',%al
		[]byte{0x74, 0x1a},       // je 0x7c6c
		[]byte{0xa2, 0x9e, 0x7c}, // mov %al,0x7c9e
		[]byte{0xbe, 0x99, 0x7c}, // mov $0x7c99,%si
		[]byte{0xe8, 0x19, 0x00}, // call 0x7c74
		[]byte{0xeb, 0xd8},       // jmp 0x7c35
		// 0x7c5d: the button.
		[]byte{0xbe, 0xa1, 0x7c}, // mov $0x7ca1,%si
		[]byte{0xe8, 0x11, 0x00}, // call 0x7c74
		// 0x7c63: off: SLP_EN of PM1_CNT; the type of S5 is 0 in QEMU.
		[]byte{0xba, 0x04, 0x06}, // mov $0x604,%dx
		[]byte{0xb8, 0x00, 0x20}, // mov $0x2000,%ax
		[]byte{0xef},             // out %ax,(%dx)
		[]byte{0xeb, 0xf7},       // jmp 0x7c63
		// 0x7c6c: reset: the chipset's reset control register.
		[]byte{0xba, 0xf9, 0x0c}, // mov $0xcf9,%dx
		[]byte{0xb0, 0x06},       // mov $0x6,%al
		[]byte{0xee},             // out %al,(%dx)
		[]byte{0xeb, 0xf8},       // jmp 0x7c6c
		// 0x7c74: print the text at %si up to a zero byte.
		[]byte{0xba, 0xf8, 0x03}, // mov $0x3f8,%dx
		[]byte{0xac},             // lods %ds:(%si),%al
		[]byte{0x84, 0xc0},       // test %al,%al
		[]byte{0x74, 0x03},       // je 0x7c7f
		[]byte{0xee},             // out %al,(%dx)
		[]byte{0xeb, 0xf8},       // jmp 0x7c77
		[]byte{0xc3},             // ret
		// 0x7c80: the packet for INT 13h: its size, one sector, to 0:0x8000,
		// from sector 1.
		[]byte{0x10, 0, 1, 0, 0x00, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0},
		[]byte("ready 0\n\x00"), // 0x7c90
		[]byte("echo 0\n\x00"),  // 0x7c99
		[]byte("button\n\x00"),  // 0x7ca1
	)
	image := make([]byte, 1<<20)
	copy(image, sector)
	image[510], image[511] = 0x55, 0xaa // what the BIOS looks for
	return image
}

// EchoGuest is the echo guest for [Fake].
func EchoGuest(ctx context.Context, g *Guest) {
	input := make(chan byte)
	go func() {
		defer close(input)
		var b [1]byte
		for {
			if n, err := g.Read(b[:]); n == 0 || err != nil {
				return
			}
			select {
			case input <- b[0]:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		n, _ := strconv.Atoi(g.Disk["boots"]) // "" is the first boot
		g.Disk["boots"] = strconv.Itoa(n + 1)
		fmt.Fprintf(g, "ready %d\n", n+1)
		if echoUntilReset(ctx, g, input) {
			return
		}
	}
}

// echoUntilReset is one boot of the guest; true when it is to be switched off.
func echoUntilReset(ctx context.Context, g *Guest, input <-chan byte) bool {
	for {
		select {
		case <-ctx.Done():
			return true
		case <-g.Reset:
			return false
		case <-g.Button:
			fmt.Fprint(g, "button\n")
			return true
		case b, ok := <-input:
			switch {
			case !ok || b == 'p':
				return true
			case b == 'r':
				return false
			}
			g.Write(bytes.Join([][]byte{[]byte("echo "), {b}, []byte("\n")}, nil))
		}
	}
}
