package ovf

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Descriptor is a virtual machine as an importer is told of it.
type Descriptor struct {
	// Name identifies the machine: letters, digits, ".", "-" and "_".
	Name string
	// Title is what people read; Name when empty.
	Title  string
	Vendor string
	// Version of the product.
	Version string
	// Description in plain text, at most 255 characters.
	Description string
	ProductURL  string
	VendorURL   string
	// EULAs are one licence in several languages; the first is shown to who
	// speaks none of them.
	EULAs []EULA
	// Properties are what the importer may set.
	Properties []Property `json:",omitempty"`
	CPUs       int
	// MemoryMiB is what the machine gets; MinimumMemoryMiB, 0 when not known,
	// what it cannot do with less than.
	MemoryMiB        int
	MinimumMemoryMiB int
	// Disks in the order of their SCSI addresses.
	Disks []Disk
	// Networks that the machine has an adapter on each; when nil, one called
	// DefaultNetwork.
	Networks []Network
	// Firmware is EFI when empty.
	Firmware Firmware
	// SecureBoot asks for firmware that boots signed code only.
	SecureBoot bool
	// HardwareVersion and GuestID are DefaultHardwareVersion and
	// DefaultGuestID when empty; the package comment says why.
	HardwareVersion string
	GuestID         string
}

// EULA is a licence in one language, named by a tag as "en" or "pt-BR".
type EULA struct {
	Language string
	Text     string
}

// Disk is one virtual disk.
type Disk struct {
	// File is the name of the streamOptimized VMDK with its content; an empty
	// disk has none.
	File string
	// FileSize is the exact length of that file in bytes.
	FileSize int64
	// Capacity of the disk in bytes.
	Capacity int64
	// Populated is how many bytes of it the content takes, 0 when not known.
	Populated int64
}

// Network is a network that the importer maps to one of his.
type Network struct {
	Name        string
	Description string
}

// Firmware is what the machine starts with.
type Firmware string

// The kinds of firmware.
const (
	EFI  Firmware = "efi"
	BIOS Firmware = "bios"
)

const (
	// DefaultHardwareVersion and DefaultGuestID: see the package comment.
	DefaultHardwareVersion = "vmx-17"
	DefaultGuestID         = "other4xLinux64Guest"
	// DefaultNetwork is what ESXi calls the network of a new host: importers
	// map by name, so that most need not ask.
	DefaultNetwork = "VM Network"
)

const (
	// maxDescription in characters: vCloud Director refuses longer ones.
	maxDescription = 255
	// maxDisks: a SCSI controller has addresses 0 to 15, and is 7 itself.
	maxDisks    = 15
	maxNetworks = 10 // of a machine in vSphere
)

// withDefaults fills in what may be left empty.
func (d Descriptor) withDefaults() Descriptor {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&d.Title, d.Name)
	set((*string)(&d.Firmware), string(EFI))
	set(&d.HardwareVersion, DefaultHardwareVersion)
	set(&d.GuestID, DefaultGuestID)
	if d.Networks == nil {
		d.Networks = []Network{{Name: DefaultNetwork, Description: "The network on which the appliance serves"}}
	}
	return d
}

var (
	nameRE     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$`)
	languageRE = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
	wordRE     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)
)

// check says whether the descriptor, with defaults, can be written.
func (d Descriptor) check() error {
	switch {
	case !nameRE.MatchString(d.Name):
		return fmt.Errorf("name %q: want letters, digits, dots, dashes", d.Name)
	case len(utf16.Encode([]rune(d.Description))) > maxDescription:
		return fmt.Errorf("description has more than %d characters", maxDescription)
	case d.CPUs < 1 || d.CPUs > 768: // vSphere 8's maximum
		return fmt.Errorf("%d processors", d.CPUs)
	case d.MemoryMiB < 4 || d.MemoryMiB%4 != 0 || d.MemoryMiB > 24<<20:
		return fmt.Errorf("%d MiB of memory: want a multiple of 4", d.MemoryMiB) // vSphere's rule
	case d.MinimumMemoryMiB < 0 || d.MinimumMemoryMiB > d.MemoryMiB:
		return fmt.Errorf("a minimum of %d MiB of memory, and only %d MiB given", d.MinimumMemoryMiB, d.MemoryMiB)
	case d.Firmware != EFI && d.Firmware != BIOS:
		return fmt.Errorf("firmware %q", d.Firmware)
	case d.SecureBoot && d.Firmware != EFI:
		return errors.New("secure boot without EFI")
	case !wordRE.MatchString(d.HardwareVersion) || !wordRE.MatchString(d.GuestID):
		return fmt.Errorf("hardware version %q, guest %q", d.HardwareVersion, d.GuestID)
	case len(d.Networks) > maxNetworks:
		return fmt.Errorf("%d networks", len(d.Networks))
	}
	for _, check := range []func() error{d.checkDisks, d.checkEULAs, d.checkProperties, d.checkTexts} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (d Descriptor) checkDisks() error {
	if len(d.Disks) < 1 || len(d.Disks) > maxDisks {
		return fmt.Errorf("%d disks", len(d.Disks))
	}
	seen := make(map[string]bool)
	for i, disk := range d.Disks {
		switch {
		case disk.Capacity <= 0 || disk.Capacity%512 != 0 || disk.Capacity > 62<<40: // vSphere's maximum
			return fmt.Errorf("disk %d has a capacity of %d bytes", i+1, disk.Capacity)
		case disk.File == "" && (disk.FileSize != 0 || disk.Populated != 0):
			return fmt.Errorf("disk %d has a size but no file", i+1)
		case disk.File != "" && (checkFileName(disk.File) != nil || disk.FileSize <= 0 || seen[disk.File]):
			return fmt.Errorf("disk %d has the file %q of %d bytes", i+1, disk.File, disk.FileSize)
		case disk.Populated < 0 || disk.Populated > disk.Capacity:
			return fmt.Errorf("disk %d has %d of %d bytes populated", i+1, disk.Populated, disk.Capacity)
		}
		seen[disk.File] = true
	}
	return nil
}

func (d Descriptor) checkEULAs() error {
	seen := make(map[string]bool)
	for _, e := range d.EULAs {
		if !languageRE.MatchString(e.Language) || seen[strings.ToLower(e.Language)] {
			return fmt.Errorf("licence in language %q", e.Language)
		}
		if strings.TrimSpace(e.Text) == "" {
			return fmt.Errorf("licence in language %q is empty", e.Language)
		}
		seen[strings.ToLower(e.Language)] = true
	}
	return nil
}

func (d Descriptor) checkTexts() error {
	texts := []string{d.Title, d.Vendor, d.Version, d.Description, d.ProductURL, d.VendorURL}
	for _, e := range d.EULAs {
		texts = append(texts, e.Text)
	}
	for _, p := range d.Properties {
		texts = append(texts, p.Category, p.Label, p.Description, p.Value)
		texts = append(texts, p.Values...)
	}
	names := make(map[string]bool)
	for _, n := range d.Networks {
		if n.Name == "" || names[n.Name] {
			return fmt.Errorf("network %q is there twice or has no name", n.Name)
		}
		names[n.Name] = true
		texts = append(texts, n.Name, n.Description)
	}
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, notXML) {
			return fmt.Errorf("text %.40q has a character that XML cannot hold", s)
		}
	}
	return nil
}

// notXML is the complement of XML 1.0's Char.
func notXML(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
}

// annotation is the text that importers show with the machine.
func (d Descriptor) annotation() string {
	if d.MinimumMemoryMiB == 0 {
		return d.Description
	}
	note := fmt.Sprintf("Needs at least %d MiB of memory.", d.MinimumMemoryMiB)
	text := strings.TrimSpace(d.Description + "\n\n" + note)
	if len(utf16.Encode([]rune(text))) > maxDescription {
		return d.Description // the memory item still says it
	}
	return text
}
