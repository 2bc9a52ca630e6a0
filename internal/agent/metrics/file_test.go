package metrics

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var testKeys = []string{"cpu ", "service.cpu web"}

func filled() *history {
	h := newHistory(testKeys)
	at := time.Unix(1_700_000_000, 0)
	for i := range 2000 {
		h.add(at.Add(time.Duration(i)*every), []float32{float32(i), gap})
	}
	return h
}

// sealed is a file's body with a good checksum.
func sealed(body []byte) []byte {
	return binary.LittleEndian.AppendUint32(slices.Clone(body), crc32.Checksum(body, castagnoli))
}

// TestFileSize: what the package's comment says of memory and file.
func TestFileSize(t *testing.T) {
	if got := len(encode(filled())); got != headSize+4+2*(1+seriesSize)+len(strings.Join(testKeys, "")) {
		t.Errorf("two series take %d bytes", got)
	}
	if seriesSize > 7206 || maxFile > 1<<20 {
		t.Errorf("a series takes %d bytes, the largest file %d", seriesSize, maxFile)
	}
}

// TestBadFiles are dropped as a whole, and the history begins anew.
func TestBadFiles(t *testing.T) {
	good := encode(filled())
	body := good[:len(good)-4]
	changed := func(at int, with ...byte) []byte {
		b := slices.Clone(body)
		copy(b[at:], with)
		return b
	}
	for name, data := range map[string][]byte{
		"empty":              {},
		"zeros":              make([]byte, len(good)),
		"torn":               good[:len(good)/2],
		"one bit":            append(changed(5000, good[5000]^1), good[len(good)-4:]...),
		"another magic":      sealed(changed(0, 'X')),
		"a later version":    sealed(changed(len(magic), 2)),
		"more series":        sealed(changed(len(magic)+2, 3)),
		"fewer series":       sealed(changed(len(magic)+2, 1)),
		"more after the end": sealed(append(slices.Clone(body), 0)),
		"cut, but sealed":    sealed(body[:len(body)-1]),
		"before 1970":        sealed(changed(len(magic)+4, 255, 255, 255, 255, 255, 255, 255, 255)),
		"no time at all":     sealed(changed(len(magic)+4, 255, 255, 255, 255, 255, 255, 255, 127)),
		"too large":          make([]byte, maxFile+1),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ring")
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			said := 0
			s := New(Options{Root: t.TempDir(), DataDir: "/", File: file, Log: func(string, ...any) { said++ }})
			if said != 1 || s.history.last != [len(spans)]int64{} {
				t.Errorf("%d lines in the log, and the newest slots are %v", said, s.history.last)
			}
			s.save()
			if kept, err := os.ReadFile(file); err != nil || decode(kept, newHistory(nil)) != nil {
				t.Errorf("the next file is no better: %v", err)
			}
		})
	}
}

// FuzzFile: whatever a file holds, nothing breaks, and what is taken of it is
// something that could have been measured. A file is its head and then one
// pattern over and over: the fuzzer is slow with inputs as large as real files.
func FuzzFile(f *testing.F) {
	whole := encode(newHistory(testKeys[:1]))
	head, length := whole[:headSize+len(testKeys[0])+3], uint16(len(whole)-4)
	f.Add(head, []byte{0, 0, 0x80, 0x3f}, length, true)
	f.Add(head, []byte{0, 0, 0x80, 0xbf, 0, 0, 0x80, 0x7f, 1}, length, true)
	f.Add(head, []byte{0xff}, length-1, true)
	f.Add([]byte(magic), []byte{0}, length, false)
	f.Fuzz(func(t *testing.T, head, pattern []byte, length uint16, seal bool) {
		data := append(slices.Clone(head), bytes.Repeat(pattern, 1+int(length)/max(len(pattern), 1))...)
		data = data[:min(len(data), int(length))]
		if seal {
			data = sealed(data)
		}
		h := newHistory(testKeys)
		if err := decode(data, h); err != nil {
			if h.last != [len(spans)]int64{} {
				t.Error("a file that was refused was taken")
			}
			return
		}
		for _, s := range h.series {
			for r := range s.tracks {
				for _, ring := range []*[size]float32{&s.tracks[r].mean, s.tracks[r].peak} {
					if ring == nil {
						continue
					}
					for _, v := range ring {
						if !isGap(v) && !(v >= 0 && v <= math.MaxFloat32) {
							t.Fatalf("the file gave %v", v)
						}
					}
				}
			}
		}
		again := newHistory(testKeys)
		if err := decode(encode(h), again); err != nil || !bytes.Equal(encode(again), encode(h)) {
			t.Errorf("the file is another when it is read again: %v", err)
		}
		for i := range patience + 2 {
			h.add(time.Unix(1_800_000_000+int64(10*i), 0), []float32{1, 2})
		}
		first, last := h.window(0, time.Unix(1_800_000_000, 0))
		if points := h.points(0, &h.series[0].tracks[0].mean, first, last); len(points) != size {
			t.Errorf("there are %d points", len(points))
		}
	})
}

// FuzzCounters: the kernel's files may hold anything; a value is a gap or one
// that can be.
func FuzzCounters(f *testing.F) {
	f.Add("cpu 1 2 3 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\n", "cpu 2 3 4 5 6 7 8 9\ncpu0 2 3 4 5 6 7 8 9\n", 10.0)
	f.Add(" 252 0 vda 5 0 1 7 5 0 9 0\n", " 252 0 vda 5 0 18446744073709551615 7 5 0 9 0\n", 1.5)
	f.Add("eth0: 1 0 0 0 0 0 0 0 2\n", "eth0: 3 0 0 0 0 0 0 0 4\n", 30.0)
	f.Add("MemTotal: 5 kB\nMemAvailable: 4 kB\n", "usage_usec 99\n", math.Inf(1))
	f.Fuzz(func(t *testing.T, before, now string, seconds float64) {
		all := func(string) bool { return true }
		read := func(text string, up time.Duration) reading {
			cpu, ok := value(text, "usage_usec")
			return reading{up: up, cpu: processorTimes(text), memory: memoryInUse(text), disks: diskBytes(text, all), links: linkBytes(text, all),
				services: []usage{{cpu: cpu, cpuOK: ok}}}
		}
		a := read(before, time.Second)
		b := read(now, time.Second+time.Duration(seconds*float64(time.Second)))
		if up := uptime(before); up < 0 {
			t.Errorf("uptime %v", up)
		}
		for i, v := range sample(a, b) {
			percent := i == 0 || i == 7
			if !isGap(v) && (!(v >= 0) || v > math.MaxFloat32 || percent && v > 100) {
				t.Errorf("value %d is %v", i, v)
			}
		}
	})
}
