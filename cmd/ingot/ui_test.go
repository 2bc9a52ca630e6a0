package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
	"github.com/ingotvm/ingot/internal/build"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/pipeline"
)

func TestExitStatus(t *testing.T) {
	stage := func(err error) error { return &pipeline.StageError{Stage: "base", Err: err} }
	cases := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("x"), 1},
		{usagef("", "x"), 2},
		{yamltext.Problems{{Message: "x"}}, 3},
		{stage(&build.Error{Kind: build.KindDefinition}), 3},
		{&lackError{}, 4},
		{stage(fmt.Errorf("cannot run mmdebstrap: %w", host.ErrNotFound)), 4},
		{stage(errors.New("x")), 5},
		{stage(&build.Error{Kind: build.KindStage}), 5},
		{&build.Error{Kind: build.KindMirror}, 6},
		{stage(&build.Error{Kind: build.KindMirror}), 6},
		{&pipeline.StorageError{Err: errors.New("x")}, 7},
		{stage(&pipeline.StorageError{Err: errors.New("x")}), 7},
		{stage(&build.Error{Kind: build.KindSpace}), 7},
		{&testsFailedError{}, 8},
		{errInterrupted, 130},
	}
	for _, tc := range cases {
		if got := exitStatus(tc.err); got != tc.want {
			t.Errorf("%v: status %d, want %d", tc.err, got, tc.want)
		}
	}
}

func TestFail(t *testing.T) {
	cases := []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New("cannot x:\n  y\x1b[31m"), "ingot: cannot x: y[31m\n"},
		{usagef("see y", "bad x"), "ingot: bad x\ningot: hint: see y\n"},
		{&pipeline.StageError{Stage: "base", LogPath: "/c/base.log", LogTail: []string{"one", "two\x07"},
			Err: &build.Error{Message: "the mirror is gone", Hint: "check the network"}},
			"the log of stage base ends with:\n  one\n  two\n" +
				"ingot: stage base failed: the mirror is gone\ningot: hint: check the network\ningot: hint: the whole log is /c/base.log\n"},
		{&pipeline.StorageError{Path: "/out", Free: 5 << 20, Err: fmt.Errorf("cannot write /out/x: %w", unix.ENOSPC)},
			"ingot: cannot write /out/x: no space left on device\n" +
				"ingot: hint: 5 MiB is left on the file system of /out; make room there, or run: ingot cache trim\n"},
		{fmt.Errorf("cannot run qemu-img: %w", host.ErrNotFound),
			"ingot: cannot run qemu-img: executable file not found in $PATH\n" +
				"ingot: hint: ingot doctor names what this machine lacks, and ingot doctor --install installs it\n"},
		{errors.Join(nil, yamltext.Problems{{File: "f", Line: 1, Column: 2, Message: "wrong"}}),
			"f:1:2: wrong\ningot: the definition has 1 problem; nothing was built\n"},
	}
	for _, tc := range cases {
		var errs bytes.Buffer
		(&ui{err: &errs}).fail(tc.err)
		if errs.String() != tc.want {
			t.Errorf("said %q, want %q", errs.String(), tc.want)
		}
	}
}

// TestInterrupted: whatever an interrupted command returns, it was interrupted.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errs bytes.Buffer
	a := &app{ui: &ui{out: &bytes.Buffer{}, err: &errs}, getenv: func(string) string { return "" }}
	if got := a.main(ctx, []string{"check", t.TempDir()}); got != 130 || errs.String() != "ingot: interrupted\n" {
		t.Errorf("status %d, said %q", got, errs.String())
	}
}

// TestProgressPlain: where lines cannot be redrawn, each event is a line, and
// a long stage says now and then that it lives.
func TestProgressPlain(t *testing.T) {
	var errs bytes.Buffer
	p := newProgress(&ui{err: &errs}, true)
	p.close()
	p.quiet = false
	now := time.Unix(0, 0)
	p.now = func() time.Time { return now }
	p.StageStarted("base")
	p.show()
	p.StageProgress("base", 3<<20, 6<<20)
	now = now.Add(sayEvery)
	p.show()
	p.show()
	p.StageWaiting("os")
	p.Notice("os", "its cache entry is damaged")
	p.StageFinished(pipeline.StageResult{Stage: "base", State: pipeline.Ran, Duration: 16 * time.Second, Bytes: 250 << 20})
	p.StageFinished(pipeline.StageResult{Stage: "os", State: pipeline.Cached})
	p.StageFailed("disk", errors.New("x"))
	now = now.Add(sayEvery)
	p.show()
	want := `base           started
base            15.0s  3.0 MiB of 6.0 MiB (50%)
os             waiting for another build, which is making it
ingot: note: os: its cache entry is damaged
base           done in 16.0s, 250.0 MiB
os             cached
disk           failed
`
	if errs.String() != want {
		t.Errorf("said:\n%s\nwant:\n%s", errs.String(), want)
	}
}

// TestProgressLive: running stages are drawn below the lines that stay.
func TestProgressLive(t *testing.T) {
	var errs bytes.Buffer
	p := newProgress(&ui{err: &errs, live: true, width: func() int { return 30 }}, true)
	p.close()
	p.quiet = false
	now := time.Unix(0, 0)
	p.now = func() time.Time { return now }
	p.StageStarted("base")
	p.StageStarted("app")
	p.show()
	p.StageProgress("base", 3<<20, 6<<20)
	p.show()
	p.StageFinished(pipeline.StageResult{Stage: "app", State: pipeline.Cached})
	p.show()
	got := screen(errs.String())
	want := "app            cached\n  base             0.0s  3.0…\n"
	if got != want {
		t.Errorf("the screen shows:\n%q\nwant:\n%q", got, want)
	}
}

// screen plays the part of a terminal that draw uses: up, and clear below.
func screen(written string) string {
	var lines []string
	for line := range strings.Lines(written) {
		for strings.HasPrefix(line, "\x1b[") {
			var up int
			if _, err := fmt.Sscanf(line, "\x1b[%dA\x1b[J", &up); err != nil {
				return "unknown sequence: " + line
			}
			lines = lines[:len(lines)-up]
			line = line[strings.Index(line, "J")+1:]
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

func TestWords(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 36 << 20: "36.0 MiB", 1<<20 - 1: "1.0 MiB", 4 << 30: "4.0 GiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{300 * time.Millisecond: "0.3s", 90 * time.Second: "1m30s", 10 * time.Minute: "10m0s"} {
		if got := seconds(d); got != want {
			t.Errorf("seconds(%v) = %s, want %s", d, got, want)
		}
	}
	if got := strings.Join(table([][]string{{"a", "bcd", ""}, {"éèê", "b", "x"}}), "\n"); got != "a    bcd\néèê  b    x" {
		t.Errorf("table:\n%s", got)
	}
}

func TestThroughForward(t *testing.T) {
	address := map[int]string{80: "127.0.0.1:4001", 8443: "127.0.0.1:4002", 443: "127.0.0.1:4003"}
	for in, want := range map[string]string{
		"http://10.0.2.15/_/":       "http://127.0.0.1:4001/_/",
		"https://10.0.2.15:8443/?x": "https://127.0.0.1:4002/?x",
		"https://[fe80::1]/":        "https://127.0.0.1:4003/",
		"http://10.0.2.15:81/":      "",
		"":                          "",
	} {
		if got := throughForward(in, address); got != want {
			t.Errorf("%s → %s, want %s", in, got, want)
		}
	}
}

func TestForwardedPorts(t *testing.T) {
	def := &appliance.Definition{Services: []appliance.Service{
		{Name: "a", Ports: []appliance.Port{{Port: 8090, Protocol: "tcp", HTTPS: true}, {Port: 53, Protocol: "udp"}}},
		{Name: "b", Ports: []appliance.Port{{Port: 5432, Protocol: "tcp"}}},
	}}
	if got := tcpPorts(def); !slices.Equal(got, []int{443, 80, 5432}) {
		t.Errorf("forwarded are %v", got)
	}
}
