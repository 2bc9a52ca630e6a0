package x86

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

func encoded(t testing.TB, in []byte) []byte {
	t.Helper()
	out, err := io.ReadAll(Encode(bytes.NewReader(in)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func decoded(t testing.TB, in []byte) []byte {
	t.Helper()
	out, err := io.ReadAll(Decode(iotest.HalfReader(bytes.NewReader(in))))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEncode(t *testing.T) {
	for _, c := range []struct{ what, in, want string }{
		{"two calls of one function", "e8fb010000 e8f6010000 000000", "e800020000 e800020000 000000"},
		{"backwards", "9090 e8f9ffffff 000000", "9090 e800000000 000000"},
		{"a target before the stream", "e8f0ffffff 000000", "e8f5ffffff 000000"},
		{"too far", "e800000001 e8fb010000 000000", "e800000001 e805020000 000000"},
		{"address", "488d0d00010000 00", "488d0d07010000 00"},
		{"no address by distance", "488d4d00010000 00", "488d4d00010000 00"},
		{"constant", "833d0001000000 00", "833d0601000000 00"},
		{"cut off", "e80001", "e80001"},
		{"too near the end", "e800010000", "e800010000"},
		{"nothing", "", ""},
	} {
		in, want := unhex(t, c.in), unhex(t, c.want)
		if got := encoded(t, in); !bytes.Equal(got, want) {
			t.Errorf("%s: % x became % x; want % x", c.what, in, got, want)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(s), []byte(" "), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRoundTrip takes streams of several chunks, dense with what looks like
// instructions and with fourth bytes on the edge.
func TestRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	likely := []byte{0xE8, 0xE9, 0x48, 0x4C, 0x8D, 0x8B, 0x05, 0x0D, 0x80, 0x83, 0x3D, 0x00, 0xFF, 0x01, 0xFE}
	for _, size := range []int{chunk - 1, chunk, chunk + 1, 3*chunk + 5} {
		in := make([]byte, size)
		for i := range in {
			in[i] = likely[random.IntN(len(likely))]
		}
		middle := encoded(t, in)
		if bytes.Equal(middle, in) {
			t.Errorf("%d bytes were not changed", size)
		}
		if !bytes.Equal(decoded(t, middle), in) {
			t.Errorf("%d bytes did not come back", size)
		}
	}
}

func TestFailuresComeAfterWhatWasRead(t *testing.T) {
	wrong := errors.New("wrong")
	got, err := io.ReadAll(Decode(io.MultiReader(bytes.NewReader([]byte("abc")), iotest.ErrReader(wrong))))
	if string(got) != "abc" || !errors.Is(err, wrong) {
		t.Errorf("read %q, %v", got, err)
	}
}

// FuzzRoundTrip: whatever the bytes are, both ways round they come back, and
// no length changes.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("\xe8\xe8\x00\x00\x00\x00\xe8\xff\x48\x8d\x05\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if got := decoded(t, encoded(t, in)); !bytes.Equal(got, in) {
			t.Errorf("% x became % x", in, got)
		}
		if got := encoded(t, decoded(t, in)); !bytes.Equal(got, in) {
			t.Errorf("the other way round, % x became % x", in, got)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	in := make([]byte, 16*chunk)
	rand.NewChaCha8([32]byte{}).Read(in)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := io.Copy(io.Discard, Decode(bytes.NewReader(in))); err != nil {
			b.Fatal(err)
		}
	}
}
