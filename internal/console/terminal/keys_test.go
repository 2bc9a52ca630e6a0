package terminal

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func FuzzLinuxKeys(f *testing.F) {
	for _, s := range []string{"\x1b[[A", "a\x1b[[B\x1b[[Ez", "\x1b", "\x1b[", "\x1b[[", "\x1b[[F", "\x1b[\x1b[[[C", "\x1b[A\x1b[12~"} {
		f.Add([]byte(s))
	}
	spelled := strings.NewReplacer("\x1b[[A", "\x1b[11~", "\x1b[[B", "\x1b[12~", "\x1b[[C", "\x1b[13~", "\x1b[[D", "\x1b[14~", "\x1b[[E", "\x1b[15~")
	f.Fuzz(func(t *testing.T, in []byte) {
		want := spelled.Replace(string(in))
		for name, r := range map[string]io.Reader{"at once": bytes.NewReader(in), "byte by byte": iotest.OneByteReader(bytes.NewReader(in)), "by halves": iotest.HalfReader(bytes.NewReader(in))} {
			got, err := io.ReadAll(&linuxKeys{in: r})
			if err != nil || string(got) != want {
				t.Errorf("%q read %s is %q, %v; want %q", in, name, got, err, want)
			}
		}
	})
}
