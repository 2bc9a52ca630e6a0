package ovf

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// The names that the descriptor's elements and attributes belong to.
const (
	nsOVF  = "http://schemas.dmtf.org/ovf/envelope/1"
	nsRASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
	nsVSSD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
	nsVMW  = "http://www.vmware.com/schema/ovf"

	formatStreamOptimized = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"

	// cimDebian64 is CIM_OperatingSystem.OSType for Debian 64-Bit.
	cimDebian64 = "96"

	// minimumKey is a guestinfo variable, which ESXi lets a package set, and
	// which the guest can read.
	minimumKey = "guestinfo.ingot.memory.minimum"

	// transport is how properties reach the guest: see the package comment.
	transport = "com.vmware.guestInfo iso"
)

// Resource types of CIM_ResourceAllocationSettingData.
const (
	typeCPU     = 3
	typeMemory  = 4
	typeIDE     = 5
	typeSCSI    = 6
	typeNetwork = 10
	typeCD      = 15
	typeDisk    = 17
)

// Marshal renders the descriptor.
func (d Descriptor) Marshal() ([]byte, error) {
	d = d.withDefaults()
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("cannot write OVF descriptor: %w", err)
	}
	w := &writer{}
	w.b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	language := "en-US"
	if len(d.EULAs) > 0 {
		language = d.EULAs[0].Language
	}
	w.element("Envelope", attrs{"xmlns", nsOVF, "xmlns:ovf", nsOVF, "xmlns:rasd", nsRASD, "xmlns:vssd", nsVSSD,
		"xmlns:vmw", nsVMW, "xml:lang", language}, func() {
		d.references(w)
		d.disks(w)
		d.networks(w)
		w.element("VirtualSystem", attrs{"ovf:id", d.Name}, func() {
			w.text("Info", nil, "A virtual appliance")
			w.text("Name", nil, d.Title)
			d.sections(w)
			var a attrs
			if len(d.Properties) > 0 {
				a = attrs{"ovf:transport", transport}
			}
			w.element("VirtualHardwareSection", a, func() { d.hardware(w) })
		})
		for _, e := range d.EULAs[min(1, len(d.EULAs)):] {
			w.element("Strings", attrs{"xml:lang", e.Language}, func() {
				w.text("Msg", attrs{"ovf:msgid", "eula"}, e.Text)
			})
		}
	})
	return w.b.Bytes(), nil
}

func (d Descriptor) references(w *writer) {
	w.element("References", nil, func() {
		for i, disk := range d.Disks {
			if disk.File != "" {
				w.empty("File", attrs{"ovf:href", disk.File, "ovf:id", fmt.Sprint("file", i+1), "ovf:size", fmt.Sprint(disk.FileSize)})
			}
		}
	})
}

func (d Descriptor) disks(w *writer) {
	w.element("DiskSection", nil, func() {
		w.text("Info", nil, "Virtual disks")
		for i, disk := range d.Disks {
			a := attrs{"ovf:capacity", fmt.Sprint(disk.Capacity), "ovf:capacityAllocationUnits", "byte",
				"ovf:diskId", fmt.Sprint("vmdisk", i+1)}
			if disk.File != "" {
				a = append(a, "ovf:fileRef", fmt.Sprint("file", i+1))
			}
			a = append(a, "ovf:format", formatStreamOptimized)
			if disk.Populated > 0 {
				a = append(a, "ovf:populatedSize", fmt.Sprint(disk.Populated))
			}
			w.empty("Disk", a)
		}
	})
}

func (d Descriptor) networks(w *writer) {
	w.element("NetworkSection", nil, func() {
		w.text("Info", nil, "Networks that the appliance connects to")
		for _, n := range d.Networks {
			w.element("Network", attrs{"ovf:name", n.Name}, func() { w.text("Description", nil, n.Description) })
		}
	})
}

// sections are those of the machine besides its hardware.
func (d Descriptor) sections(w *writer) {
	w.element("OperatingSystemSection", attrs{"ovf:id", cimDebian64, "vmw:osType", d.GuestID}, func() {
		w.text("Info", nil, "The operating system of the appliance")
		w.text("Description", nil, "Debian GNU/Linux (64-bit)")
	})
	if note := d.annotation(); note != "" {
		w.element("AnnotationSection", nil, func() {
			w.text("Info", nil, "What the appliance is")
			w.text("Annotation", nil, note)
		})
	}
	w.element("ProductSection", nil, func() {
		w.text("Info", nil, "The product in the appliance")
		for _, field := range [][2]string{{"Product", d.Title}, {"Vendor", d.Vendor}, {"Version", d.Version},
			{"FullVersion", d.Version}, {"ProductUrl", d.ProductURL}, {"VendorUrl", d.VendorURL}} {
			if field[1] != "" {
				w.text(field[0], nil, field[1])
			}
		}
		d.properties(w)
	})
	if len(d.EULAs) > 0 {
		w.element("EulaSection", nil, func() {
			w.text("Info", nil, "The licence to accept")
			w.text("License", attrs{"ovf:msgid", "eula"}, d.EULAs[0].Text)
		})
	}
}

func (d Descriptor) hardware(w *writer) {
	w.text("Info", nil, "Virtual hardware")
	w.element("System", nil, func() {
		w.text("vssd:ElementName", nil, "Virtual Hardware Family")
		w.text("vssd:InstanceID", nil, "0")
		w.text("vssd:VirtualSystemIdentifier", nil, d.Name)
		w.text("vssd:VirtualSystemType", nil, d.HardwareVersion)
	})
	for i, item := range d.items() {
		item.instance = i + 1
		item.write(w)
	}
	config := func(key, value string) {
		w.empty("vmw:Config", attrs{"ovf:required", "false", "vmw:key", key, "vmw:value", value})
	}
	config("firmware", string(d.Firmware))
	config("bootOptions.efiSecureBootEnabled", strconv.FormatBool(d.SecureBoot))
	// The administrator's buttons ask the guest instead of pulling the plug.
	config("powerOpInfo.powerOffType", "soft")
	config("powerOpInfo.resetType", "soft")
	config("powerOpInfo.suspendType", "soft")
	// The guest brings its own open-vm-tools and asks time servers.
	config("tools.syncTimeWithHost", "false")
	config("tools.toolsUpgradePolicy", "manual")

	extra := func(key, value string) {
		w.empty("vmw:ExtraConfig", attrs{"ovf:required", "false", "vmw:key", key, "vmw:value", value})
	}
	if d.MinimumMemoryMiB > 0 {
		extra(minimumKey, fmt.Sprint(d.MinimumMemoryMiB))
	}
	// Ways between the guest and the administrator's desktop that an appliance
	// has no use for: clipboard, drag and drop, shared folders.
	extra("isolation.tools.copy.disable", "TRUE")
	extra("isolation.tools.paste.disable", "TRUE")
	extra("isolation.tools.dnd.disable", "TRUE")
	extra("isolation.tools.setGUIOptions.enable", "FALSE")
	extra("isolation.tools.hgfs.disable", "TRUE")
	extra("isolation.tools.hgfsServerSet.disable", "TRUE")
}

// item is one Item of the hardware; empty fields are left out.
type item struct {
	instance                 int
	typ                      int
	name, description        string
	subType                  string
	units                    string
	quantity                 int
	address                  string // on the machine, of a controller
	parent, addressOnParent  string
	hostResource, connection string
	optional                 bool // an importer may leave it out
}

// items are in the order of importers' dialogs. The controller is the third.
func (d Descriptor) items() []item {
	memory := "Memory size"
	if d.MinimumMemoryMiB > 0 {
		memory = fmt.Sprintf("Memory size, at least %d MiB", d.MinimumMemoryMiB)
	}
	list := []item{
		{typ: typeCPU, name: fmt.Sprintf("%d virtual CPU(s)", d.CPUs), description: "Number of virtual CPUs",
			units: "hertz * 10^6", quantity: d.CPUs},
		{typ: typeMemory, name: fmt.Sprintf("%d MB of memory", d.MemoryMiB), description: memory,
			units: "byte * 2^20", quantity: d.MemoryMiB},
		// VirtualSCSI is VMware's paravirtual controller; VirtualBox makes it
		// an LSI Logic one.
		{typ: typeSCSI, name: "SCSI controller 0", description: "SCSI controller", subType: "VirtualSCSI", address: "0"},
	}
	const controller = "3"
	for i := range d.Disks {
		unit := i
		if i >= 7 {
			unit++ // 7 is the controller
		}
		list = append(list, item{typ: typeDisk, name: fmt.Sprintf("Hard disk %d", i+1), parent: controller,
			addressOnParent: fmt.Sprint(unit), hostResource: fmt.Sprint("ovf:/disk/vmdisk", i+1)})
	}
	for i, n := range d.Networks {
		list = append(list, item{typ: typeNetwork, name: fmt.Sprintf("Network adapter %d", i+1),
			description: fmt.Sprintf("VmxNet3 ethernet adapter on %q", n.Name), subType: "VmxNet3",
			addressOnParent: fmt.Sprint(7 + i), connection: n.Name})
	}
	if len(d.Properties) > 0 { // the drive of the transport "iso"
		parent := fmt.Sprint(len(list) + 1)
		list = append(list,
			item{typ: typeIDE, name: "IDE controller 0", description: "IDE controller", address: "0", optional: true},
			item{typ: typeCD, name: "CD/DVD drive 1", description: "Brings the settings where the hypervisor's own way does not",
				subType: "vmware.cdrom.remotepassthrough", parent: parent, addressOnParent: "0", optional: true})
	}
	return list
}

// write puts the elements in alphabetical order, as the schema wants them.
func (it item) write(w *writer) {
	optional := func(name, value string) {
		if value != "" {
			w.text("rasd:"+name, nil, value)
		}
	}
	var a attrs
	if it.optional {
		a = attrs{"ovf:required", "false"}
	}
	w.element("Item", a, func() {
		optional("Address", it.address)
		optional("AddressOnParent", it.addressOnParent)
		optional("AllocationUnits", it.units)
		if it.connection != "" {
			optional("AutomaticAllocation", "true") // connected at power-on
		}
		if it.typ == typeCD {
			optional("AutomaticAllocation", "false") // the hypervisor connects it when there is something in it
		}
		optional("Connection", it.connection)
		optional("Description", it.description)
		optional("ElementName", it.name)
		optional("HostResource", it.hostResource)
		optional("InstanceID", fmt.Sprint(it.instance))
		optional("Parent", it.parent)
		optional("ResourceSubType", it.subType)
		optional("ResourceType", fmt.Sprint(it.typ))
		if it.quantity > 0 {
			optional("VirtualQuantity", fmt.Sprint(it.quantity))
		}
	})
}

// writer writes indented XML. encoding/xml cannot: it declares a name space
// anew on every element, which some importers do not bear.
type writer struct {
	b     bytes.Buffer
	depth int
}

// attrs are names and values by turns.
type attrs []string

func (w *writer) start(name string, a attrs) {
	w.b.WriteString(strings.Repeat("  ", w.depth) + "<" + name)
	for i := 0; i < len(a); i += 2 {
		w.b.WriteString(" " + a[i] + `="`)
		w.escape(a[i+1], true)
		w.b.WriteString(`"`)
	}
}

func (w *writer) element(name string, a attrs, content func()) {
	w.start(name, a)
	w.b.WriteString(">\n")
	w.depth++
	content()
	w.depth--
	w.b.WriteString(strings.Repeat("  ", w.depth) + "</" + name + ">\n")
}

func (w *writer) empty(name string, a attrs) {
	w.start(name, a)
	w.b.WriteString("/>\n")
}

func (w *writer) text(name string, a attrs, text string) {
	w.start(name, a)
	w.b.WriteString(">")
	w.escape(text, false)
	w.b.WriteString("</" + name + ">\n")
}

// escape keeps line ends as they are: in attributes, and carriage returns
// everywhere, a parser would change them.
func (w *writer) escape(s string, attribute bool) {
	for _, r := range s {
		switch {
		case r == '&':
			w.b.WriteString("&amp;")
		case r == '<':
			w.b.WriteString("&lt;")
		case r == '>':
			w.b.WriteString("&gt;")
		case r == '"' && attribute:
			w.b.WriteString("&quot;")
		case r == '\r' || attribute && r < ' ':
			fmt.Fprintf(&w.b, "&#%d;", r)
		default:
			w.b.WriteRune(r)
		}
	}
}
