package fat

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// node is a file or a folder.
type node struct {
	name     string
	short    [11]byte // 8.3 without the dot
	folder   bool
	labelled bool // the root, with an entry for the label
	data     []byte
	parent   *node // nil for the root
	children []*node
	first    int64 // cluster; 0 for an empty file and FAT16's root
}

// tree sorts the files into folders and gives all their short names.
func tree(files []File) (*node, error) {
	root := &node{folder: true}
	for _, f := range files {
		if err := root.add(f); err != nil {
			return nil, err
		}
	}
	return root, root.finish()
}

func (n *node) add(f File) error {
	parts := strings.Split(f.Path, "/")
	for i, name := range parts {
		if err := checkName(name); err != nil {
			return fmt.Errorf("path %q: %w", f.Path, err)
		}
		last := i == len(parts)-1
		at := slices.IndexFunc(n.children, func(c *node) bool { return strings.EqualFold(c.name, name) })
		if at >= 0 {
			if c := n.children[at]; last || !c.folder || c.name != name {
				return fmt.Errorf("path %q is there twice (upper and lower case are the same)", f.Path)
			}
			n = n.children[at]
			continue
		}
		c := &node{name: name, parent: n, folder: !last}
		if last {
			if int64(len(f.Data)) > 1<<32-1 {
				return fmt.Errorf("path %q: a file of %d bytes is too large", f.Path, len(f.Data))
			}
			c.data = f.Data
		}
		n.children = append(n.children, c)
		n = c
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q is no name", name)
	case strings.ContainsAny(name, "\"*:<>?\\|\x7f") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '\ufffd' }):
		return fmt.Errorf("name %q has a character that FAT does not allow", name)
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") || strings.HasPrefix(name, " "):
		return fmt.Errorf("name %q begins or ends with a dot or space", name)
	case len(utf16.Encode([]rune(name))) > 255:
		return fmt.Errorf("name %q is longer than 255 characters", name)
	}
	return nil
}

// finish sorts, and gives short names in that order.
func (n *node) finish() error {
	slices.SortFunc(n.children, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	used := make(map[[11]byte]bool)
	// Names that are their own short ones come first, lest a shortened one
	// takes their place.
	for _, c := range n.children {
		if short, ok := shortName(c.name); ok {
			c.short = short
			used[short] = true
		}
	}
	for _, c := range n.children {
		if c.short == [11]byte{} {
			short, err := alias(c.name, used)
			if err != nil {
				return err
			}
			c.short = short
			used[short] = true
		}
		if err := c.finish(); err != nil {
			return err
		}
	}
	return nil
}

// shortRune says whether r may stand in a short name.
func shortRune(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'()-@^_`{}~", r)
}

// shortName is the name's 8.3 form, if it has one but for the case.
func shortName(name string) (short [11]byte, ok bool) {
	base, ext, dot := strings.Cut(strings.ToUpper(name), ".")
	if base == "" || len(base) > 8 || len(ext) > 3 || dot && ext == "" ||
		strings.TrimFunc(base+ext, shortRune) != "" {
		return short, false
	}
	copy(short[:], fmt.Sprintf("%-8s%-3s", base, ext))
	return short, true
}

// alias makes up a short name for a long one: FIRSTS~1.EXT.
func alias(name string, used map[[11]byte]bool) (short [11]byte, err error) {
	keep := func(s string, n int) string {
		s = strings.Map(func(r rune) rune {
			if shortRune(r) {
				return r
			}
			return -1
		}, strings.ToUpper(s))
		return s[:min(n, len(s))]
	}
	base, ext := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		base, ext = name[:i], name[i+1:]
	}
	for i := 1; i < 1_000_000; i++ {
		tail := fmt.Sprintf("~%d", i)
		copy(short[:], fmt.Sprintf("%-8s%-3s", keep(base, 8-len(tail))+tail, keep(ext, 3)))
		if !used[short] {
			return short, nil
		}
	}
	return short, fmt.Errorf("too many names like %q", name)
}

// isShort says whether the name needs no long entries: it is upper case 8.3.
func (n *node) isShort() bool {
	short, ok := shortName(n.name)
	return ok && short == n.short && n.name == strings.ToUpper(n.name)
}

// entries is the number of folder entries that the node takes in its folder.
func (n *node) entries() int64 {
	if n.isShort() {
		return 1
	}
	return 1 + int64(len(utf16.Encode([]rune(n.name)))+12)/13
}

// length in bytes of what the node holds.
func (n *node) length() int64 {
	if !n.folder {
		return int64(len(n.data))
	}
	var count int64
	if n.parent != nil {
		count = 2 // . and ..
	} else {
		count = 1 // the label; without one, room is left: a root is never empty
	}
	for _, c := range n.children {
		count += c.entries()
	}
	return count * entrySize
}

// folder renders the entries of a folder.
func (v *volume) folder(n, parent *node) []byte {
	var b []byte
	if parent != nil {
		b = v.entry(b, [11]byte([]byte(".          ")), attrFolder, n.first, 0)
		up := parent.first
		if parent.parent == nil {
			up = 0 // the root is always called 0 here
		}
		b = v.entry(b, [11]byte([]byte("..         ")), attrFolder, up, 0)
	} else if n.labelled {
		b = v.entry(b, v.label, attrLabel, 0, 0)
	}
	for _, c := range n.children {
		if !c.isShort() {
			b = appendLong(b, c)
		}
		if c.folder {
			b = v.entry(b, c.short, attrFolder, c.first, 0)
		} else {
			b = v.entry(b, c.short, attrFile, c.first, len(c.data))
		}
	}
	return b
}

func (v *volume) entry(b []byte, name [11]byte, attr byte, first int64, size int) []byte {
	date, clock := dosTime(v.date)
	e := make([]byte, entrySize)
	le := binary.LittleEndian
	copy(e, name[:])
	e[11] = attr
	le.PutUint16(e[14:], clock) // made
	le.PutUint16(e[16:], date)
	le.PutUint16(e[18:], date) // read
	le.PutUint16(e[20:], uint16(first>>16))
	le.PutUint16(e[22:], clock) // written
	le.PutUint16(e[24:], date)
	le.PutUint16(e[26:], uint16(first))
	le.PutUint32(e[28:], uint32(size))
	return append(b, e...)
}

// appendLong adds the entries of the long name, last part first.
func appendLong(b []byte, n *node) []byte {
	units := utf16.Encode([]rune(n.name))
	var sum byte
	for _, c := range n.short {
		sum = sum>>1 | sum<<7
		sum += c
	}
	count := (len(units) + 12) / 13
	if len(units)%13 != 0 {
		units = append(units, 0)
	}
	for len(units) < count*13 {
		units = append(units, 0xffff)
	}
	for i := count; i >= 1; i-- {
		e := make([]byte, entrySize)
		e[0] = byte(i)
		if i == count {
			e[0] |= 0x40
		}
		e[11], e[13] = attrLong, sum
		part := units[(i-1)*13:]
		for k, at := range []int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30} {
			binary.LittleEndian.PutUint16(e[at:], part[k])
		}
		b = append(b, e...)
	}
	return b
}

// dosTime packs a time as FAT does, from 1980 to 2107.
func dosTime(t time.Time) (date, clock uint16) {
	t = t.UTC()
	if t.Year() < 1980 || t.Year() > 2107 {
		return 1<<5 | 1, 0
	}
	date = uint16(t.Year()-1980)<<9 | uint16(t.Month())<<5 | uint16(t.Day())
	clock = uint16(t.Hour())<<11 | uint16(t.Minute())<<5 | uint16(t.Second()/2)
	return date, clock
}
