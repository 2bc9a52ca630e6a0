package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// register is where each expression leaves what the next one looks at.
const register = unix.NFT_REG_1

// protocols are the numbers that meta l4proto knows protocols by.
func protocols() map[string]byte {
	return map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP, "icmp": unix.IPPROTO_ICMP, "icmpv6": unix.IPPROTO_ICMPV6}
}

// states are the bits of conntrack that a rule's state stands for.
func states() map[string]uint32 {
	return map[string]uint32{
		"established": expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED,
		"invalid":     expr.CtStateBitINVALID,
	}
}

// expressions are a rule as the kernel runs it: conditions that each must
// hold, a counter, and what becomes of the packet.
func expressions(r setting.Rule) ([]expr.Any, error) {
	var list []expr.Any
	if r.Link != "" {
		if len(r.Link) >= unix.IFNAMSIZ {
			return nil, fmt.Errorf("%q is not the name of an adapter", r.Link)
		}
		list = append(list, &expr.Meta{Key: expr.MetaKeyIIFNAME, Register: register}, equals(linkName(r.Link)))
	}
	if r.State != "" {
		bits, ok := states()[r.State]
		if !ok {
			return nil, fmt.Errorf("%q is not a state", r.State)
		}
		list = append(list, &expr.Ct{Key: expr.CtKeySTATE, Register: register},
			masked(native(bits)), &expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: native(0)})
	}
	source, err := sourceExpressions(r.Source)
	if err != nil {
		return nil, err
	}
	list = append(list, source...)
	ports, err := protocolExpressions(r)
	if err != nil {
		return nil, err
	}
	list = append(append(list, ports...), &expr.Counter{})
	verdict, err := verdictOf(r)
	if err != nil {
		return nil, err
	}
	return append(list, verdict), nil
}

// sourceExpressions look at where a packet comes from.
func sourceExpressions(source string) ([]expr.Any, error) {
	if source == "" {
		return nil, nil
	}
	n, err := parseSource(source)
	if err != nil {
		return nil, err
	}
	// The sender's address stands at byte 12 of an IPv4 header (RFC 791) and
	// at byte 8 of an IPv6 header (RFC 8200).
	family, offset := byte(unix.NFPROTO_IPV4), uint32(12)
	if n.Addr().Is6() {
		family, offset = unix.NFPROTO_IPV6, 8
	}
	list := []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register}, equals([]byte{family})}
	if n.Bits() == 0 {
		return list, nil
	}
	length := uint32(n.Addr().BitLen() / 8)
	list = append(list, &expr.Payload{
		OperationType: expr.PayloadLoad, DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length,
	})
	if !n.IsSingleIP() {
		list = append(list, masked(maskOf(n)))
	}
	return append(list, equals(n.Addr().AsSlice())), nil
}

func parseSource(source string) (netip.Prefix, error) {
	n, err := netip.ParsePrefix(source)
	if a, errAddr := netip.ParseAddr(source); errAddr == nil {
		n, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	if err != nil || n.Masked() != n || n.Addr().Is4In6() || n.Addr().Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is not an address or network", source)
	}
	return n, nil
}

// protocolExpressions look at the protocol and its ports, or types of message.
func protocolExpressions(r setting.Rule) ([]expr.Any, error) {
	if r.Protocol == "" {
		if r.FirstPort != 0 || r.LastPort != 0 {
			return nil, errors.New("there is a port without a protocol")
		}
		return nil, nil
	}
	number, ok := protocols()[r.Protocol]
	if !ok {
		return nil, fmt.Errorf("%q is not a protocol", r.Protocol)
	}
	list := []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}, equals([]byte{number})}
	if r.FirstPort == 0 && r.LastPort == 0 {
		return list, nil
	}
	// The port of the receiver is the second number of a TCP or UDP header;
	// the type is the first byte of an ICMP header.
	offset, length, most := uint32(2), uint32(2), 65535
	if isICMP(r.Protocol) {
		offset, length, most = 0, 1, 255
	}
	if r.FirstPort < 1 || r.LastPort < r.FirstPort || r.LastPort > most {
		return nil, fmt.Errorf("%d to %d are not its ports", r.FirstPort, r.LastPort)
	}
	list = append(list, &expr.Payload{
		OperationType: expr.PayloadLoad, DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: length,
	})
	if r.FirstPort == r.LastPort {
		return append(list, equals(wide(r.FirstPort, length))), nil
	}
	return append(list,
		&expr.Cmp{Op: expr.CmpOpGte, Register: register, Data: wide(r.FirstPort, length)},
		&expr.Cmp{Op: expr.CmpOpLte, Register: register, Data: wide(r.LastPort, length)}), nil
}

// verdictOf is what becomes of the packet. A refused TCP connection is reset,
// so that the other side knows at once; others are told by ICMP.
func verdictOf(r setting.Rule) (expr.Any, error) {
	switch r.Action {
	case "accept":
		return &expr.Verdict{Kind: expr.VerdictAccept}, nil
	case "drop":
		return &expr.Verdict{Kind: expr.VerdictDrop}, nil
	case "reject":
		if r.Protocol == "tcp" {
			return &expr.Reject{Type: unix.NFT_REJECT_TCP_RST}, nil
		}
		return &expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH}, nil
	}
	return nil, fmt.Errorf("%q is not an action", r.Action)
}

func isICMP(protocol string) bool { return protocol == "icmp" || protocol == "icmpv6" }

func equals(data []byte) *expr.Cmp {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: data}
}

// masked keeps the bits of mask.
func masked(mask []byte) *expr.Bitwise {
	return &expr.Bitwise{
		SourceRegister: register, DestRegister: register, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask)),
	}
}

func maskOf(n netip.Prefix) []byte {
	mask := make([]byte, n.Addr().BitLen()/8)
	for bit := range n.Bits() {
		mask[bit/8] |= 0x80 >> (bit % 8)
	}
	return mask
}

// linkName is a name as the kernel compares it: filled up with zeros.
func linkName(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}

// native is a number in the order of the machine's bytes, as conntrack has it.
func native(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// wide is a number of one or two bytes in the network's order.
func wide(n int, length uint32) []byte {
	if length == 1 {
		return []byte{byte(n)}
	}
	return binary.BigEndian.AppendUint16(nil, uint16(n))
}

// encoded is an expression as it goes to the kernel.
func encoded(e expr.Any) ([]byte, error) { return expr.Marshal(byte(nftables.TableFamilyINet), e) }
