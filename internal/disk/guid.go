package disk

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// GUID identifies a disk, a partition or a partition type, in the canonical
// form "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", lower case.
type GUID string

// Partition types. The first two are given by the UEFI specification (table
// 5.7) and GRUB's manual, the last two are Ingot's own, drawn at random.
const (
	TypeESP      GUID = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	TypeBIOSBoot GUID = "21686148-6449-6e6f-744e-656564454649"
	TypeSystem   GUID = "8e0a6f1c-5f0c-4c57-9b7a-6d1e2b3c4a01"
	TypeData     GUID = "8e0a6f1c-5f0c-4c57-9b7a-6d1e2b3c4a02"
)

// Names of Ingot's own partitions; their file systems have the same labels.
const (
	NameSystem = "ingot-system"
	NameData   = "ingot-data"
)

// ParseGUID reads the canonical form, in either case.
func ParseGUID(s string) (GUID, error) {
	g := GUID(strings.ToLower(s))
	if _, err := g.encode(); err != nil {
		return "", err
	}
	return g, nil
}

// MakeGUID makes a GUID of 16 bytes that are random or a digest, by setting
// the bits that mark version 8 (RFC 9562: custom) of the standard layout.
func MakeGUID(b [16]byte) GUID {
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return format(b)
}

func format(b [16]byte) GUID {
	return GUID(fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16]))
}

// encode gives the bytes as a GPT stores them: the first three fields little
// endian, the rest in the order in which they are written.
func (g GUID) encode() ([16]byte, error) {
	var b [16]byte
	s := string(g)
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return b, fmt.Errorf("cannot read GUID %q: want 8-4-4-4-12 hex digits", s)
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(raw) != 16 {
		return b, fmt.Errorf("cannot read GUID %q: want 8-4-4-4-12 hex digits", s)
	}
	copy(b[:], raw)
	swapGUID(&b)
	return b, nil
}

// decodeGUID is the inverse of encode.
func decodeGUID(raw []byte) GUID {
	var b [16]byte
	copy(b[:], raw)
	swapGUID(&b)
	return format(b)
}

func swapGUID(b *[16]byte) {
	binary.BigEndian.PutUint32(b[0:], binary.LittleEndian.Uint32(b[0:]))
	binary.BigEndian.PutUint16(b[4:], binary.LittleEndian.Uint16(b[4:]))
	binary.BigEndian.PutUint16(b[6:], binary.LittleEndian.Uint16(b[6:]))
}
