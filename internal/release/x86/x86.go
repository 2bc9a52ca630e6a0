// Package x86 makes images with programs easier to compress.
//
// A call or an access to a variable names its target by the distance from the
// instruction, so that a hundred calls of one function are a hundred different
// numbers. Encoding puts the target's place in the stream there instead, the
// same in all of them, and a compressor finds that it has seen it before.
//
// Glossary: a distance is the last four bytes of one of the instructions that
// [operand] knows; a place is a distance counted from the start of the stream.
//
// Guarantees: decoding gives back what was encoded, whatever that was; neither
// changes lengths.
//
// What it does not do: tell code from data. Data that looks like instructions
// is changed too, and changed back.
package x86

import (
	"encoding/binary"
	"io"
)

// Distances of up to 16 MiB either way are converted: 25 bits with the sign.
// The fourth byte is then 0 or 255 before and after, which is how decoding
// knows what encoding has changed.
const (
	bits = 25
	mask = 1<<bits - 1
	sign = 1 << (bits - 1)
)

// longest is the length of the longest instruction that is looked for.
const longest = 7

// chunk is how much is converted at once, in bytes; instructions across its
// bounds stay as they are.
const chunk = 128 << 10

// Encode reads r encoded.
func Encode(r io.Reader) io.Reader { return &stream{r: r, direction: 1} }

// Decode reads r, which was encoded, as it was before.
func Decode(r io.Reader) io.Reader { return &stream{r: r, direction: -1} }

type stream struct {
	r         io.Reader
	direction int32
	at        uint32 // of the next chunk, cut to 32 bits
	buffer    []byte
	ready     []byte // of the buffer: converted, and not read yet
	err       error  // after that
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.ready) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		s.fill()
	}
	n := copy(p, s.ready)
	s.ready = s.ready[n:]
	if n == 0 && len(p) > 0 {
		return 0, s.err
	}
	return n, nil
}

func (s *stream) fill() {
	if s.buffer == nil {
		s.buffer = make([]byte, chunk)
	}
	var n int
	n, s.err = io.ReadFull(s.r, s.buffer)
	if s.err == io.ErrUnexpectedEOF {
		s.err = io.EOF
	}
	s.ready = s.buffer[:n]
	convert(s.ready, s.at, s.direction)
	s.at += uint32(n)
}

// convert goes from instruction to instruction. What it looks at to find the
// next one is never what it changes, so that both directions go the same way;
// for that it also steps over distances that are too long.
func convert(b []byte, at uint32, direction int32) {
	for i := 0; i+longest <= len(b); {
		skip := operand(b[i], b[i+1], b[i+2])
		if skip == 0 {
			i++
			continue
		}
		i += skip + 4
		field := b[i-4 : i]
		if top := field[3]; top != 0 && top != 0xFF {
			continue
		}
		here := at + uint32(i)
		if direction < 0 {
			here = -here
		}
		v := (binary.LittleEndian.Uint32(field) + here) & mask
		if v&sign != 0 {
			v |= ^uint32(mask)
		}
		binary.LittleEndian.PutUint32(field, v)
	}
}

// operand says how many bytes are before the distance of an instruction that
// begins with a, b, c; 0 when it is none of those that are frequent enough:
//
//	E8, E9            call, jump
//	48..4F 8D         address of a variable, 64 bits
//	48..4F 89, 8B     a variable written, read
//	48..4F 39, 3B     compared
//	80 3D, 83 3D      compared with a constant
func operand(a, b, c byte) int {
	const (
		modeMask, relative = 0xC7, 0x05 // of the byte that says where an operand is
		wide, wideMask     = 0x48, 0xF8
	)
	switch {
	case a&0xFE == 0xE8:
		return 1
	case a&wideMask == wide:
		if c&modeMask == relative && (b == 0x8D || b == 0x8B || b == 0x89 || b == 0x39 || b == 0x3B) {
			return 3
		}
	case (a == 0x80 || a == 0x83) && b == 0x3D:
		return 2
	}
	return 0
}
