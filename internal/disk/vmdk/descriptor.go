package vmdk

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"strings"
)

// descriptor is the text embedded in the file.
func descriptor(sectors int64, opts Options) ([]byte, error) {
	name := cmp.Or(opts.Name, "disk.vmdk")
	if strings.ContainsAny(name, "\"\n\r\x00/\\") || len(name) > 255 {
		return nil, fmt.Errorf("name %q cannot stand in a descriptor", name)
	}
	// The content ID is the end of the long one. The two highest are taken to
	// mean "no parent" and "all zeros".
	id := opts.ContentID
	if cid := binary.BigEndian.Uint32(id[12:]); cid >= 0xfffffffe || cid == 0 {
		id[12], id[15] = 0x1e, 0x01
	}
	// The geometry that VMware gives SCSI disks; nothing boots by it.
	const heads, perTrack = 255, 63
	cylinders := min((sectors+heads*perTrack-1)/(heads*perTrack), 65535)

	var b bytes.Buffer
	fmt.Fprintf(&b, `# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=%x
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RW %d SPARSE "%s"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "%d"
ddb.geometry.heads = "%d"
ddb.geometry.sectors = "%d"
ddb.longContentID = "%x"
ddb.toolsInstallType = "4"
ddb.toolsVersion = "2147483647"
ddb.virtualHWVersion = "4"
`, id[12:], sectors, name, cylinders, heads, perTrack, id)
	// adapterType: "lsilogic" is what VMware writes for every SCSI adapter,
	// paravirtual ones too. toolsVersion 2147483647 and install type 4 say
	// that the guest brings its own tools (open-vm-tools), so that vSphere does
	// not offer to install others. virtualHWVersion is obsolete since ESX 3
	// and required all the same.
	if b.Len() > descriptorSectors*sector {
		return nil, fmt.Errorf("descriptor of %d bytes does not fit", b.Len())
	}
	return b.Bytes(), nil
}
