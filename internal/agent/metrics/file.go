package metrics

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
)

// The file, all numbers in little endian:
//
//	magic    8 bytes
//	version  uint16
//	series   uint16, their number
//	last     int64 for each range, the number of its newest slot
//	series, each:
//	  length uint8, key
//	  for each range:
//	    n    uint16, the samples of the newest point
//	    mean float32 for each place of the ring
//	    peak the same, but in the first range
//	checksum uint32, CRC-32C of all before
const (
	magic   = "ingotmet"
	version = 1

	headSize   = len(magic) + 2 + 2 + 8*len(spans)
	seriesSize = 2*len(spans) + 4*size*(2*len(spans)-1)
	maxKey     = 255
	maxSeries  = 7 + 2*maxServices
	maxFile    = headSize + maxSeries*(1+maxKey+seriesSize) + 4
)

// maxN bounds how many samples a point can be of: one a second for a week's.
const maxN = 28 * 60

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encode(h *history) []byte {
	b := make([]byte, 0, headSize+len(h.series)*(1+32+seriesSize)+4)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, version)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(h.series)))
	for _, slot := range h.last {
		b = binary.LittleEndian.AppendUint64(b, uint64(slot))
	}
	for _, s := range h.series {
		key := s.key[:min(len(s.key), maxKey)]
		b = append(append(b, byte(len(key))), key...)
		for r := range s.tracks {
			t := &s.tracks[r]
			b = binary.LittleEndian.AppendUint16(b, t.n)
			b = appendRing(b, &t.mean)
			if t.peak != nil {
				b = appendRing(b, t.peak)
			}
		}
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func appendRing(b []byte, ring *[size]float32) []byte {
	for _, v := range ring {
		if isGap(v) {
			v = gap // always the same bits
		}
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// decode puts the series of a file into those of h that have their keys. When
// it fails, h is as it was.
func decode(data []byte, h *history) error {
	if len(data) < headSize+4 || string(data[:len(magic)]) != magic {
		return errors.New("it is not one of ours")
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return errors.New("it is damaged")
	}
	r := reader{body[len(magic):]}
	if v := r.uint16(); v != version {
		return fmt.Errorf("it is of version %d, not %d", v, version)
	}
	count := int(r.uint16())
	var last [len(spans)]int64
	for i := range last {
		last[i] = int64(r.uint64())
		if last[i] < 0 || last[i] > math.MaxInt64/2/spans[i].step {
			return fmt.Errorf("slot %d is in no time", last[i])
		}
	}
	found := map[string]*series{}
	for range count {
		s, ok := r.series()
		if !ok {
			return errors.New("it is cut off")
		}
		found[s.key] = s
	}
	if len(r.rest) > 0 {
		return errors.New("something follows its end")
	}
	for i, s := range h.series {
		if f := found[s.key]; f != nil {
			h.series[i] = f
		}
	}
	h.last = last
	return nil
}

// reader takes numbers from a file's rest; past its end there are zeros.
type reader struct{ rest []byte }

func (r *reader) take(n int) []byte {
	if len(r.rest) < n {
		r.rest = nil
		return make([]byte, n)
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) uint16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }

func (r *reader) uint64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *reader) series() (*series, bool) {
	length := int(r.take(1)[0])
	if len(r.rest) < length+seriesSize {
		return nil, false
	}
	s := newSeries(string(bytes.Clone(r.take(length))))
	for i := range s.tracks {
		t := &s.tracks[i]
		t.n = min(r.uint16(), maxN)
		r.ring(&t.mean)
		if t.peak != nil {
			r.ring(t.peak)
		}
	}
	return s, true
}

// ring takes the values that can be; all others are gaps.
func (r *reader) ring(into *[size]float32) {
	for i := range into {
		v := math.Float32frombits(binary.LittleEndian.Uint32(r.take(4)))
		if !(v >= 0) || v > math.MaxFloat32 {
			v = gap
		}
		into[i] = v
	}
}

// readAtMost reads a file that may be somebody else's.
func readAtMost(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return data, err
}
