package kernel

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// comment is the type of the comment in a rule's user data (NFTNL_UDATA_RULE_COMMENT).
const comment = 0

// label is the user data of a rule: its origin and comment, as nft(8) shows
// comments.
func label(r setting.Rule) []byte {
	text := r.Origin
	if r.Comment != "" {
		text += ": " + r.Comment
	}
	// Its length, with the zero at its end, is told in one byte, and the
	// kernel takes 256 in all.
	if len(text) > 252 {
		text = strings.ToValidUTF8(text[:252], "")
	}
	return append([]byte{comment, byte(len(text) + 1)}, text+"\x00"...)
}

// readLabel is the way back. Other programs write other things there.
func readLabel(data []byte) (origin, text string) {
	for len(data) >= 2 {
		kind, length := data[0], int(data[1])
		if length > len(data)-2 {
			break
		}
		if kind == comment {
			origin, text, _ = strings.Cut(strings.TrimRight(string(data[2:2+length]), "\x00"), ": ")
			return origin, text
		}
		data = data[2+length:]
	}
	return "", ""
}

// decode reads a rule back out of its expressions. One that would be written
// otherwise than it is found is not ours.
func decode(exprs []expr.Any, userData []byte) setting.Rule {
	var r setting.Rule
	rest := exprs
	for _, read := range []func(*setting.Rule, []expr.Any) []expr.Any{readLink, readState, readSource, readProtocol, readVerdict} {
		rest = read(&r, rest)
	}
	r.Origin, r.Comment = readLabel(userData)
	again, err := expressions(r)
	if err != nil || !same(again, exprs) || r.Origin == "" {
		r = setting.Rule{Origin: unknown, Comment: "a rule that the appliance did not make", Action: r.Action}
	}
	for _, e := range exprs {
		if c, ok := e.(*expr.Counter); ok {
			r.Packets, r.Bytes = c.Packets, c.Bytes
		}
	}
	return r
}

// same compares expressions but for what was counted.
func same(a, b []expr.Any) bool {
	return slices.EqualFunc(a, b, func(x, y expr.Any) bool {
		_, countsX := x.(*expr.Counter)
		_, countsY := y.(*expr.Counter)
		if countsX || countsY {
			return countsX && countsY
		}
		dataX, errX := encoded(x)
		dataY, errY := encoded(y)
		return errX == nil && errY == nil && bytes.Equal(dataX, dataY)
	})
}

// The readers below each take the expressions of one condition from the front,
// if they are there, and return the rest. They look only as far as they must:
// decode compares the whole.

func readLink(r *setting.Rule, list []expr.Any) []expr.Any {
	data, rest, ok := meta(list, expr.MetaKeyIIFNAME)
	if !ok {
		return list
	}
	r.Link = strings.TrimRight(string(data), "\x00")
	return rest
}

func readState(r *setting.Rule, list []expr.Any) []expr.Any {
	if len(list) < 3 {
		return list
	}
	ct, isCt := list[0].(*expr.Ct)
	mask, isMask := list[1].(*expr.Bitwise)
	if !isCt || !isMask || ct.Key != expr.CtKeySTATE {
		return list
	}
	for name, bits := range states() {
		if bytes.Equal(mask.Mask, native(bits)) {
			r.State = name
		}
	}
	return list[3:]
}

func readSource(r *setting.Rule, list []expr.Any) []expr.Any {
	family, rest, ok := meta(list, expr.MetaKeyNFPROTO)
	if !ok || len(family) != 1 {
		return list
	}
	everything := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if family[0] == unix.NFPROTO_IPV6 {
		everything = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	r.Source = everything.String()
	payload, ok := first[*expr.Payload](rest)
	if !ok || payload.Base != expr.PayloadBaseNetworkHeader {
		return rest
	}
	rest = rest[1:]
	bits := everything.Addr().BitLen()
	if mask, ok := first[*expr.Bitwise](rest); ok {
		bits, rest = ones(mask.Mask), rest[1:]
	}
	cmp, ok := first[*expr.Cmp](rest)
	if !ok {
		return rest
	}
	if addr, ok := netip.AddrFromSlice(cmp.Data); ok {
		r.Source = addr.String()
		if bits != addr.BitLen() {
			r.Source = netip.PrefixFrom(addr, bits).String()
		}
	}
	return rest[1:]
}

func readProtocol(r *setting.Rule, list []expr.Any) []expr.Any {
	number, rest, ok := meta(list, expr.MetaKeyL4PROTO)
	if !ok || len(number) != 1 {
		return list
	}
	for name, n := range protocols() {
		if n == number[0] {
			r.Protocol = name
		}
	}
	if _, ok := first[*expr.Payload](rest); !ok {
		return rest
	}
	rest = rest[1:]
	low, ok := first[*expr.Cmp](rest)
	if !ok {
		return rest
	}
	r.FirstPort, rest = number16(low.Data), rest[1:]
	r.LastPort = r.FirstPort
	if high, ok := first[*expr.Cmp](rest); ok {
		r.LastPort, rest = number16(high.Data), rest[1:]
	}
	return rest
}

// readVerdict finds what becomes of the packet, wherever it stands.
func readVerdict(r *setting.Rule, list []expr.Any) []expr.Any {
	for _, e := range list {
		switch v := e.(type) {
		case *expr.Verdict:
			switch v.Kind {
			case expr.VerdictAccept:
				r.Action = "accept"
			case expr.VerdictDrop:
				r.Action = "drop"
			}
		case *expr.Reject:
			r.Action = "reject"
		}
	}
	return nil
}

// meta takes a comparison with something that the kernel knows of a packet.
func meta(list []expr.Any, key expr.MetaKey) (data []byte, rest []expr.Any, ok bool) {
	m, ok := first[*expr.Meta](list)
	if !ok || m.Key != key || len(list) < 2 {
		return nil, list, false
	}
	cmp, ok := first[*expr.Cmp](list[1:])
	if !ok {
		return nil, list, false
	}
	return cmp.Data, list[2:], true
}

func first[T expr.Any](list []expr.Any) (T, bool) {
	if len(list) == 0 {
		var none T
		return none, false
	}
	e, ok := list[0].(T)
	return e, ok
}

// ones counts the bits of a mask before its first zero.
func ones(mask []byte) int {
	for i := range 8 * len(mask) {
		if mask[i/8]&(0x80>>(i%8)) == 0 {
			return i
		}
	}
	return 8 * len(mask)
}

func number16(data []byte) int {
	switch len(data) {
	case 1:
		return int(data[0])
	case 2:
		return int(binary.BigEndian.Uint16(data))
	}
	return 0
}
