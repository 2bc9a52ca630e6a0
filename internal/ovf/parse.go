package ovf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strconv"
	"strings"
)

// maxDepth of elements; descriptors need seven.
const maxDepth = 64

// ParseDescriptor reads a descriptor of one machine, ours or others'. Of
// others' it takes what a Descriptor has room for. It refuses document type
// definitions, and with them every entity but XML's own five.
//
// What is read is not checked for more than that: a descriptor that can be
// read may be one that Marshal refuses.
func ParseDescriptor(data []byte) (Descriptor, error) {
	d, err := parse(data)
	if err != nil {
		return Descriptor{}, fmt.Errorf("cannot read OVF descriptor: %w", err)
	}
	return d, nil
}

// The elements that are read. encoding/xml matches names without prefix in
// any name space.
type xmlEnvelope struct {
	XMLName  xml.Name
	Language string `xml:"lang,attr"`
	Files    []struct {
		ID   string `xml:"id,attr"`
		Href string `xml:"href,attr"`
		Size string `xml:"size,attr"`
	} `xml:"References>File"`
	Disks []struct {
		ID        string `xml:"diskId,attr"`
		FileRef   string `xml:"fileRef,attr"`
		Capacity  string `xml:"capacity,attr"`
		Units     string `xml:"capacityAllocationUnits,attr"`
		Populated string `xml:"populatedSize,attr"`
	} `xml:"DiskSection>Disk"`
	Networks []struct {
		Name        string `xml:"name,attr"`
		Description string `xml:"Description"`
	} `xml:"NetworkSection>Network"`
	Systems []xmlSystem `xml:"VirtualSystem"`
	Strings []struct {
		Language string `xml:"lang,attr"`
		Msgs     []struct {
			ID   string `xml:"msgid,attr"`
			Text string `xml:",chardata"`
		} `xml:"Msg"`
	} `xml:"Strings"`
}

type xmlSystem struct {
	ID         string `xml:"id,attr"`
	Name       string `xml:"Name"`
	Annotation string `xml:"AnnotationSection>Annotation"`
	OS         struct {
		Type string `xml:"osType,attr"`
	} `xml:"OperatingSystemSection"`
	Products []struct {
		Product    string     `xml:"Product"`
		Vendor     string     `xml:"Vendor"`
		Version    string     `xml:"Version"`
		ProductURL string     `xml:"ProductUrl"`
		VendorURL  string     `xml:"VendorUrl"`
		Fields     []xmlField `xml:",any"`
	} `xml:"ProductSection"`
	EULAs []struct {
		License struct {
			ID   string `xml:"msgid,attr"`
			Text string `xml:",chardata"`
		} `xml:"License"`
	} `xml:"EulaSection"`
	Hardware []struct {
		Type  string `xml:"System>VirtualSystemType"`
		Items []struct {
			Bound        string `xml:"bound,attr"`
			Type         string `xml:"ResourceType"`
			Quantity     string `xml:"VirtualQuantity"`
			Units        string `xml:"AllocationUnits"`
			HostResource string `xml:"HostResource"`
			Connection   string `xml:"Connection"`
		} `xml:"Item"`
		Config      []xmlConfig `xml:"Config"`
		ExtraConfig []xmlConfig `xml:"ExtraConfig"`
	} `xml:"VirtualHardwareSection"`
}

type xmlConfig struct {
	Key   string `xml:"key,attr"`
	Value string `xml:"value,attr"`
}

func parse(data []byte) (Descriptor, error) {
	if len(data) > maxDescriptor {
		return Descriptor{}, fmt.Errorf("it has %d bytes, more than %d", len(data), maxDescriptor)
	}
	if err := scan(data); err != nil {
		return Descriptor{}, err
	}
	var e xmlEnvelope
	if err := xml.Unmarshal(data, &e); err != nil {
		return Descriptor{}, err
	}
	if e.XMLName.Local != "Envelope" || len(e.Systems) != 1 || len(e.Systems[0].Hardware) != 1 {
		return Descriptor{}, errors.New("not an envelope with one virtual system")
	}
	s := e.Systems[0]
	d := Descriptor{Name: s.ID, Title: s.Name, GuestID: s.OS.Type, HardwareVersion: s.Hardware[0].Type}
	if len(s.Products) > 0 {
		p := s.Products[0]
		d.Vendor, d.Version, d.ProductURL, d.VendorURL = p.Vendor, p.Version, p.ProductURL, p.VendorURL
		var err error
		if d.Properties, err = readProperties(p.Fields); err != nil {
			return Descriptor{}, err
		}
	}
	e.readEULAs(&d)
	if err := e.readHardware(&d); err != nil {
		return Descriptor{}, err
	}
	// The note about memory is ours, and said in MinimumMemoryMiB.
	d.Description = s.Annotation
	if plain := (Descriptor{MinimumMemoryMiB: d.MinimumMemoryMiB}).annotation(); plain != "" {
		text := strings.TrimSuffix(d.Description, plain)
		if text != d.Description {
			d.Description = strings.TrimSuffix(text, "\n\n")
		}
	}
	return d, nil
}

// scan refuses what the parser proper should not see.
func scan(data []byte) error {
	dec := xml.NewDecoder(bytes.NewReader(data))
	depth := 0
	for {
		token, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch token.(type) {
		case xml.Directive:
			return errors.New("it has a document type definition")
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
		if depth > maxDepth {
			return errors.New("elements lie too deep in each other")
		}
	}
}

func (e *xmlEnvelope) readEULAs(d *Descriptor) {
	language := e.Language
	for _, section := range e.Systems[0].EULAs {
		if text := section.License.Text; strings.TrimSpace(text) != "" {
			d.EULAs = append(d.EULAs, EULA{Language: language, Text: text})
		}
		for _, s := range e.Strings {
			for _, m := range s.Msgs {
				if m.ID != "" && m.ID == section.License.ID {
					d.EULAs = append(d.EULAs, EULA{Language: s.Language, Text: m.Text})
				}
			}
		}
		break // we have room for one licence
	}
}

func (e *xmlEnvelope) readHardware(d *Descriptor) error {
	hw := e.Systems[0].Hardware[0]
	for _, it := range hw.Items {
		if it.Bound == "min" || it.Bound == "max" {
			continue
		}
		var err error
		switch kind, _ := strconv.Atoi(it.Type); kind {
		case typeCPU:
			d.CPUs, err = strconv.Atoi(it.Quantity)
		case typeMemory:
			var n int64
			n, err = parseUnits(it.Quantity, it.Units)
			d.MemoryMiB = int(n >> 20)
		case typeDisk:
			var disk Disk
			disk, err = e.readDisk(it.HostResource)
			d.Disks = append(d.Disks, disk)
		case typeNetwork:
			d.Networks = append(d.Networks, e.network(it.Connection))
		}
		if err != nil {
			return err
		}
		if len(d.Disks) > maxFiles || len(d.Networks) > maxFiles {
			return errors.New("too many disks or networks")
		}
	}
	for _, c := range hw.Config {
		switch c.Key {
		case "firmware":
			d.Firmware = Firmware(c.Value)
		case "bootOptions.efiSecureBootEnabled":
			d.SecureBoot = strings.EqualFold(c.Value, "true")
		}
	}
	for _, c := range hw.ExtraConfig {
		if c.Key == minimumKey {
			n, err := strconv.Atoi(c.Value)
			if err != nil || n < 0 {
				return fmt.Errorf("a minimum of %.40q MiB of memory", c.Value)
			}
			d.MinimumMemoryMiB = n
		}
	}
	return nil
}

// readDisk finds what "ovf:/disk/ID" means.
func (e *xmlEnvelope) readDisk(resource string) (Disk, error) {
	id := resource[strings.LastIndexByte(resource, '/')+1:]
	for _, x := range e.Disks {
		if x.ID != id {
			continue
		}
		capacity, err := parseUnits(x.Capacity, x.Units)
		if err != nil {
			return Disk{}, fmt.Errorf("disk %.40q: %w", id, err)
		}
		d := Disk{Capacity: capacity}
		if x.Populated != "" {
			if d.Populated, err = parseUnits(x.Populated, "byte"); err != nil {
				return Disk{}, fmt.Errorf("disk %.40q: %w", id, err)
			}
		}
		if x.FileRef == "" {
			return d, nil
		}
		for _, f := range e.Files {
			if f.ID != x.FileRef {
				continue
			}
			if err := checkFileName(f.Href); err != nil {
				return Disk{}, err
			}
			d.File = f.Href
			if f.Size != "" {
				d.FileSize, err = parseUnits(f.Size, "byte")
			}
			return d, err
		}
		return Disk{}, fmt.Errorf("disk %.40q refers to the file %.40q, which is not there", id, x.FileRef)
	}
	return Disk{}, fmt.Errorf("a drive refers to the disk %.40q, which is not there", resource)
}

func (e *xmlEnvelope) network(name string) Network {
	for _, n := range e.Networks {
		if n.Name == name {
			return Network{Name: name, Description: n.Description}
		}
	}
	return Network{Name: name}
}

// parseUnits reads a number with its unit: "byte", "byte * 2^20", or the words
// of OVF 0.9, which some still write.
func parseUnits(number, unit string) (int64, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no number", number)
	}
	words := map[string]uint{"": 0, "byte": 0, "bytes": 0, "kilobytes": 10, "megabytes": 20, "gigabytes": 30}
	compact := strings.ToLower(strings.ReplaceAll(unit, " ", ""))
	shift, ok := words[compact]
	if power, is := strings.CutPrefix(compact, "byte*2^"); is {
		p, err := strconv.ParseUint(power, 10, 6)
		shift, ok = uint(p), err == nil
	}
	if !ok {
		return 0, fmt.Errorf("%.40q is no unit", unit)
	}
	if bits.Len64(n)+int(shift) > 63 {
		return 0, fmt.Errorf("%d %s is too much", n, unit)
	}
	return int64(n << shift), nil
}
