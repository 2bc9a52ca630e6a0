package machine

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Socket is one that accepts connections or datagrams from anyone.
type Socket struct {
	// Protocol is "tcp" or "udp".
	Protocol string
	Address  netip.AddrPort
	// PID and Process are 0 and "" when the kernel holds the socket, or when
	// its process could not be found.
	PID     int
	Process string
}

// States of sockets in /proc/net (include/net/tcp_states.h in Linux). A UDP
// socket that is bound but talks to nobody in particular shows as closed.
const (
	tcpListen = "0A"
	udpBound  = "07"
)

// Sockets are all listening sockets of the network namespace of PID 1.
func (m *Machine) Sockets() ([]Socket, error) {
	type source struct{ file, protocol, state string }
	var list []Socket
	inodes := map[string][]int{} // socket's inode to index in list
	for _, s := range []source{
		{"tcp", "tcp", tcpListen}, {"tcp6", "tcp", tcpListen},
		{"udp", "udp", udpBound}, {"udp6", "udp", udpBound},
	} {
		data, err := os.ReadFile(m.path("proc/1/net", s.file))
		if os.IsNotExist(err) && strings.HasSuffix(s.file, "6") {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("cannot list listening sockets: %w", err)
		}
		for line := range strings.Lines(string(data)) {
			// sl local_address rem_address st tx:rx tr:when retr uid timeout inode
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != s.state {
				continue
			}
			addr, err := parseAddress(f[1])
			if err != nil {
				return nil, fmt.Errorf("cannot list listening sockets: %s: %w", s.file, err)
			}
			inodes[f[9]] = append(inodes[f[9]], len(list))
			list = append(list, Socket{Protocol: s.protocol, Address: addr})
		}
	}
	if err := m.findOwners(list, inodes); err != nil {
		return nil, err
	}
	return list, nil
}

// findOwners looks for the sockets among the open files of all processes; of
// several that share one, the first, which is the oldest, is named.
func (m *Machine) findOwners(list []Socket, inodes map[string][]int) error {
	pids, err := m.pids()
	if err != nil {
		return err
	}
	slices.Sort(pids)
	for _, pid := range pids {
		dir := m.path("proc", strconv.Itoa(pid), "fd")
		fds, err := os.ReadDir(dir)
		if err != nil {
			continue // gone meanwhile
		}
		for _, fd := range fds {
			target, err := os.Readlink(dir + "/" + fd.Name())
			if err != nil {
				continue
			}
			inode, ok := strings.CutPrefix(target, "socket:[")
			if !ok {
				continue
			}
			for _, i := range inodes[strings.TrimSuffix(inode, "]")] {
				if list[i].PID == 0 {
					list[i].PID, list[i].Process = pid, m.processName(pid)
				}
			}
		}
	}
	return nil
}

// parseAddress reads "0100007F:1538": the address as 32-bit words in the
// byte order of the machine (little-endian on all that we support), the port
// as a plain number.
func parseAddress(s string) (netip.AddrPort, error) {
	host, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	n, perr := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || perr != nil || (len(raw) != 4 && len(raw) != 16) {
		return netip.AddrPort{}, fmt.Errorf("cannot read address %q", s)
	}
	for i := 0; i < len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	addr, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), nil
}
