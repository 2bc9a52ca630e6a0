package seed

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/ingotvm/ingot/internal/config/seedtext"
)

// smbios reads the OEM strings (structure type 11) of the firmware's table:
// "ingot.seed:KEY=VALUE" is one property, "ingot.seed.base64=…" a whole text;
// several of those are parts of one.
type smbios struct{ Options }

func (smbios) Name() string { return "smbios" }

const (
	smbiosValue = "ingot.seed:"
	smbiosText  = "ingot.seed.base64="
	// maxTable is more than any firmware has: SMBIOS 2 ends at 64 KiB.
	maxTable = 4 << 20
)

func (p smbios) Read(context.Context) (Answers, error) {
	const failed = "cannot read the seed from the SMBIOS strings: %w"
	table, err := readLimited(filepath.Join(p.Root, "sys/firmware/dmi/tables/DMI"), maxTable)
	if errors.Is(err, fs.ErrNotExist) {
		return Answers{}, nil
	}
	if err != nil {
		return Answers{}, fmt.Errorf(failed, err)
	}
	c := newCollector(p.Name(), p.Options)
	var encoded strings.Builder
	for _, s := range oemStrings(table) {
		if rest, ok := strings.CutPrefix(s, smbiosText); ok {
			encoded.WriteString(rest)
		}
	}
	if encoded.Len() > 0 {
		text, err := decodeBase64(encoded.String())
		if err == nil {
			err = c.text(text)
		}
		if err != nil {
			return Answers{}, fmt.Errorf(failed, err)
		}
	}
	for _, s := range oemStrings(table) {
		rest, ok := strings.CutPrefix(s, smbiosValue)
		if !ok {
			continue
		}
		key, value, ok := strings.Cut(rest, "=")
		if !ok {
			c.problem(key, "came without a value: write %sKEY=VALUE", smbiosValue)
			continue
		}
		c.value(key, value)
	}
	return c.finish()
}

// oemStrings are the strings of all structures of type 11 of an SMBIOS table
// (DSP0134, 6.1 and 7.12). A table that ends too soon is read as far as it goes.
func oemStrings(table []byte) []string {
	const (
		header   = 4 // type, length, handle
		oem, end = 11, 127
	)
	var found []string
	for len(table) >= header {
		kind, length := table[0], int(table[1])
		if length < header || length > len(table) || kind == end {
			break
		}
		var strings []string
		strings, table = structureStrings(table[length:])
		if kind == oem {
			found = append(found, strings...)
		}
	}
	return found
}

// structureStrings are the strings after a structure's fixed part, each ended
// by a zero byte, the last by one more; and what follows them.
func structureStrings(data []byte) (list []string, rest []byte) {
	if len(data) >= 2 && data[0] == 0 && data[1] == 0 { // no strings are two zeros too
		return nil, data[2:]
	}
	for len(data) > 0 && data[0] != 0 {
		n := 0
		for n < len(data) && data[n] != 0 {
			n++
		}
		list = append(list, string(data[:n]))
		data = data[min(n+1, len(data)):]
	}
	return list, data[min(1, len(data)):]
}

// decodeBase64 takes the standard alphabet, with line ends and with or
// without padding.
func decodeBase64(text string) ([]byte, error) {
	text = strings.Join(strings.Fields(text), "")
	if len(text) > seedtext.MaxBytes/3*4+4 {
		return nil, errTooLarge
	}
	data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, errors.New("it is not base64")
	}
	return data, nil
}
