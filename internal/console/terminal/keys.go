package terminal

import (
	"bytes"
	"io"
)

// linuxKeys reads what a terminal sends, with the keys F1 to F5 of Linux's own
// console (ESC [ [ A to E, see console_codes(4)), which nobody else spells so
// and Bubble Tea does not know, as VT220s send them (ESC [ 11 ~ to 15 ~).
type linuxKeys struct {
	in io.Reader
	// ready was translated and not read yet. held may be the begin of a key,
	// of which the first sent bytes were read all the same.
	ready bytes.Buffer
	held  []byte
	sent  int
	err   error
}

// Keys reads keys from a terminal.
func Keys(in io.Reader) io.Reader { return &linuxKeys{in: in} }

// Read implements [io.Reader].
func (l *linuxKeys) Read(p []byte) (int, error) {
	buf := make([]byte, 256)
	for l.ready.Len() == 0 {
		if l.err != nil {
			return 0, l.err
		}
		n, err := l.in.Read(buf)
		l.err = err
		l.translate(append(l.held, buf[:n]...), err != nil)
	}
	return l.ready.Read(p)
}

// translate takes bytes; unless they are the last, it holds back what may be
// the begin of such a key. An escape alone is a key and is passed on at once,
// but remembered.
func (l *linuxKeys) translate(data []byte, last bool) {
	sent := l.sent
	l.held, l.sent = nil, 0
	prefix := []byte("\x1b[[")
	var out []byte
	for {
		at := bytes.Index(data, prefix)
		if at < 0 || at+3 == len(data) {
			break
		}
		out = append(out, data[:at]...)
		key := data[at+3]
		data = data[at+3:]
		if key < 'A' || key > 'E' {
			out = append(out, prefix...)
			continue
		}
		out = append(out, "\x1b[1"+string(rune('1'+key-'A'))+"~"...)
		data = data[1:]
	}
	for n := len(prefix); n > 0 && !last; n-- {
		if !bytes.HasSuffix(data, prefix[:n]) {
			continue
		}
		l.held = bytes.Clone(prefix[:n])
		out = append(out, data[:len(data)-n]...)
		data = nil
		switch {
		case n == 1: // the escape alone
			out = append(out, prefix[0])
			l.sent = 1
		case len(out) == 0:
			l.sent, sent = sent, 0
		}
		break
	}
	out = append(out, data...)
	l.ready.Write(out[min(sent, len(out)):])
}
