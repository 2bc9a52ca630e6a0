package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/release/delta"
	"github.com/ingotvm/ingot/internal/rootfs"
)

// deltaPackages are those of a plausible appliance.
const deltaPackages = "systemd,systemd-sysv,udev,openssh-server,curl,nftables,chrony,open-vm-tools,qemu-guest-agent,snmpd,rsyslog,python3-minimal,ca-certificates,libssl3,openssl"

// deltaEpoch is the time of everything in both images.
var deltaEpoch = time.Date(2025, 8, 9, 0, 0, 0, 0, time.UTC)

// anotherHandler is what the rebuilt program has more.
const anotherHandler = `package api

import "net/http"

func init() {
	http.HandleFunc("/bench", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "another handler", http.StatusTeapot) })
}
`

// updates measures what a security update downloads: Debian's point release
// against the security updates of today, the same packages, with the agent
// rebuilt with one handler more. Peers, where they are installed: xdelta3,
// zstd --patch-from, casync.
func (b *bench) updates(ctx context.Context) error {
	old, err := b.deltaImage(ctx, "old", false)
	if err != nil {
		return err
	}
	next, err := b.deltaImage(ctx, "new", true)
	if err != nil {
		return err
	}
	b.add("update: both images", fmt.Sprintf("%s and %s, EROFS", mb(length(old)), mb(length(next))), "")
	whole := filepath.Join(b.dir, "whole.zst")
	if err := tool(ctx, nil, "zstd", "-q", "-19", "-T2", "-f", next, "-o", whole); err != nil {
		return err
	}
	b.add("update: whole, zstd -19", mb(length(whole)), "")
	patch, err := b.ownPatch(ctx, old, next)
	if err != nil {
		return err
	}
	index, err := b.ownBlocks(ctx, old, next)
	if err != nil {
		return err
	}
	b.add("update: patch beside the whole, beside the block index", fmt.Sprintf("%.1f %%, %.2f", 100*float64(patch)/float64(length(whole)), float64(patch)/float64(index)), "≤ 5 %, ≤ 0.2")
	return b.deltaPeers(ctx, old, next, patch)
}

// deltaImage makes an image of Debian packages and the agent.
func (b *bench) deltaImage(ctx context.Context, name string, newer bool) (string, error) {
	tar := filepath.Join(b.dir, name+".tar")
	args := []string{"--variant=essential", "--include=" + deltaPackages, "--mode=auto", "--quiet"}
	if newer {
		args = append(args, "bookworm", tar, "deb http://deb.debian.org/debian bookworm main", "deb http://deb.debian.org/debian-security bookworm-security main")
	} else {
		args = append(args, "bookworm", tar, "deb http://deb.debian.org/debian bookworm main")
	}
	if err := tool(ctx, nil, "mmdebstrap", args...); err != nil {
		return "", err
	}
	program := filepath.Join(b.dir, name+"-program")
	build := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", program}
	if newer {
		extra, overlay := filepath.Join(b.dir, "extra.go"), filepath.Join(b.dir, "overlay.json")
		here, err := filepath.Abs("internal/api/bench_extra.go")
		if err != nil {
			return "", err
		}
		data, err := json.Marshal(map[string]map[string]string{"Replace": {here: extra}})
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(extra, []byte(anotherHandler), 0o644); err != nil {
			return "", err
		}
		if err := os.WriteFile(overlay, data, 0o644); err != nil {
			return "", err
		}
		build = append(build, "-overlay", overlay)
	}
	if err := tool(ctx, []string{"CGO_ENABLED=0"}, "go", append(build, "./cmd/ingotd")...); err != nil {
		return "", err
	}
	return b.erofs(name, tar, program)
}

func (b *bench) erofs(name, tar, program string) (string, error) {
	f, err := os.Open(tar)
	if err != nil {
		return "", err
	}
	defer f.Close()
	tree, err := rootfs.ReadTar(f, length(tar))
	if err != nil {
		return "", err
	}
	tree = tree.Filter(func(name string, e *rootfs.Entry) bool {
		return e.Mode&(fs.ModeDevice|fs.ModeCharDevice) == 0 && !strings.HasPrefix(name, "var/cache/") && !strings.HasPrefix(name, "var/lib/apt/")
	})
	if err := tree.HostFile("usr/bin/program", 0o755, program); err != nil {
		return "", err
	}
	path := filepath.Join(b.dir, name+".erofs")
	out, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer out.Close()
	if err := tree.WriteEROFS(out, b.dir, deltaEpoch); err != nil {
		return "", err
	}
	size, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	return path, out.Truncate((size + 4095) / 4096 * 4096)
}

// ownPatch makes and applies a patch, and says what that takes.
func (b *bench) ownPatch(ctx context.Context, old, next string) (int64, error) {
	a, err := os.Open(old)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	n, err := os.Open(next)
	if err != nil {
		return 0, err
	}
	defer n.Close()
	var patch bytes.Buffer
	started := time.Now()
	stats, err := delta.Encode(ctx, &patch, a, length(old), n, length(next))
	if err != nil {
		return 0, err
	}
	encode := time.Since(started)
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // the peak begins anew (proc_pid_clear_refs(5))
		return 0, err
	}
	before := peak()
	started = time.Now()
	out := filepath.Join(b.dir, "applied")
	w, err := os.Create(out)
	if err != nil {
		return 0, err
	}
	defer w.Close()
	if err := delta.Apply(ctx, w, bytes.NewReader(patch.Bytes()), a, length(old), length(next)); err != nil {
		return 0, err
	}
	apply := time.Since(started)
	if err := tool(ctx, nil, "cmp", out, next); err != nil {
		return 0, fmt.Errorf("the patch makes another file: %w", err)
	}
	b.add("update: patch", fmt.Sprintf("%s (%s copied, %s coded)", mb(int64(patch.Len())), mb(stats.Copied), mb(stats.Coded)), "")
	b.add("update: to make the patch, to apply it, its memory", fmt.Sprintf("%.1f s, %.2f s, %d MiB", encode.Seconds(), apply.Seconds(), (peak()-before)>>20), "≤ 64 MiB")
	return int64(patch.Len()), nil
}

// peak is the most memory that this program has had, in bytes.
func peak() int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64) // the kernel's
			return n << 10
		}
	}
	return 0
}

// ownBlocks is what ranged reads by the block index come to, with the index.
func (b *bench) ownBlocks(ctx context.Context, old, next string) (int64, error) {
	a, err := os.Open(old)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	n, err := os.Open(next)
	if err != nil {
		return 0, err
	}
	defer n.Close()
	var index bytes.Buffer
	blocks := filepath.Join(b.dir, "blocks")
	w, err := os.Create(blocks)
	if err != nil {
		return 0, err
	}
	defer w.Close()
	if err := delta.WriteBlocks(ctx, &index, w, n, length(next)); err != nil {
		return 0, err
	}
	size := int64(index.Len())
	x, err := delta.ReadIndex(&index, length(next))
	if err != nil {
		return 0, err
	}
	p, err := x.Plan(ctx, a, length(old))
	if err != nil {
		return 0, err
	}
	b.add("update: block index and ranged reads", fmt.Sprintf("%s + %s in %d requests", mb(size), mb(p.Bytes()), len(p.Ranges())), "")
	return size + p.Bytes(), nil
}

func (b *bench) deltaPeers(ctx context.Context, old, next string, patch int64) error {
	at := func(name string) string { return filepath.Join(b.dir, name) }
	for _, peer := range []struct {
		name, out string
		args      []string
	}{
		{"xdelta3", at("xdelta"), []string{"-e", "-6", "-B", "512000000", "-f", "-s", old, next, at("xdelta")}},
		{"zstd", at("patch-from"), []string{"-q", "-9", "--long=31", "-f", "--patch-from=" + old, next, "-o", at("patch-from")}},
	} {
		started := time.Now()
		if err := tool(ctx, nil, peer.name, peer.args...); err != nil {
			b.add("update: "+peer.name, "not measured: "+err.Error(), "")
			continue
		}
		b.add("update: "+peer.name, fmt.Sprintf("%s in %.1f s; our patch is %.2f of it", mb(length(peer.out)), time.Since(started).Seconds(), float64(patch)/float64(length(peer.out))), "")
	}
	return b.casync(ctx, old, next, patch)
}

// casync counts the chunks that the new image's index has and the old one's not.
func (b *bench) casync(ctx context.Context, old, next string, patch int64) error {
	store := filepath.Join(b.dir, "old.castr")
	both := filepath.Join(b.dir, "both.castr")
	for _, step := range [][2]string{{store, old}, {both, old}, {both, next}} {
		if err := tool(ctx, nil, "casync", "make", "--store="+step[0], filepath.Join(b.dir, "x.caibx"), step[1]); err != nil {
			b.add("update: casync", "not measured: "+err.Error(), "")
			return nil
		}
	}
	more := folder(both) - folder(store)
	b.add("update: casync, 64 KiB chunks", fmt.Sprintf("%s; our patch is %.2f of it", mb(more), float64(patch)/float64(more)), "≤ 0.2")
	return nil
}

func folder(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n += length(path)
		}
		return nil
	})
	return n
}

func tool(ctx context.Context, env []string, name string, args ...string) error {
	var said bytes.Buffer
	if err := (host.Local{}).Run(ctx, host.Command{Name: name, Args: args, Env: env, Stdout: &said, Stderr: &said}); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

func length(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func mb(n int64) string { return fmt.Sprintf("%.2f MB", float64(n)/1e6) }
