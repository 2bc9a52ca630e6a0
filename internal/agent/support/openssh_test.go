package support

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/host/hosttest"
)

// keys are those of a test, made by OpenSSH itself: two authorities, and the
// keys of two people.
type keys struct {
	t   *testing.T
	dir string
}

func newKeys(t *testing.T) *keys {
	t.Helper()
	hosttest.Need(t, "ssh", "ssh-keygen")
	k := &keys{t, t.TempDir()}
	for _, name := range []string{"ca", "other-ca", "alice", "bob"} {
		k.keygen("-t", "ed25519", "-N", "", "-C", name, "-f", k.path(name))
	}
	return k
}

func (k *keys) path(name string) string { return filepath.Join(k.dir, name) }

func (k *keys) keygen(args ...string) {
	k.t.Helper()
	if out, err := exec.Command("ssh-keygen", append([]string{"-q"}, args...)...).CombinedOutput(); err != nil {
		k.t.Fatalf("ssh-keygen %q: %v\n%s", args, err, out)
	}
}

func (k *keys) read(name string) string {
	k.t.Helper()
	data, err := os.ReadFile(k.path(name))
	if err != nil {
		k.t.Fatal(err)
	}
	return string(data)
}

// sign makes a certificate of a person's key, and gives its text.
func (k *keys) sign(person string, args ...string) string {
	k.t.Helper()
	all := []string{"-s", k.path("ca"), "-I", person + "@example.com"}
	for _, arg := range args {
		if name, ok := strings.CutPrefix(arg, "-n "); ok {
			if name != "" {
				all = append(all, "-n", name)
			}
			continue
		}
		all = append(all, arg) // the last of an option counts
	}
	if !strings.Contains(strings.Join(args, " "), "-n ") {
		all = append(all, "-n", "support")
	}
	if !strings.Contains(strings.Join(args, " "), "-V ") {
		all = append(all, "-V", "-1m:+1d")
	}
	k.keygen(append(all, k.path(person)+".pub")...)
	return k.read(person + "-cert.pub")
}

// local runs programs on this machine.
type local struct{}

func (local) Start(p Program) (Process, error) {
	return host.Local{}.StartSession(host.Command{Name: p.Args[0], Args: p.Args[1:], Env: p.Env}, p.Files, p.Terminal != "")
}

// appliance is a manager that runs.
type appliance struct {
	*Manager
	t    *testing.T
	keys *keys
	opts Options
	port string
	log  *screen
	// up is the boot clock, in nanoseconds; ahead how much later it is.
	up, ahead *atomic.Int64
	changed   *atomic.Int64
	stop      func()
}

func newAppliance(t *testing.T, k *keys, change ...func(*Options)) *appliance {
	t.Helper()
	a := &appliance{t: t, keys: k, log: new(screen), up: new(atomic.Int64), ahead: new(atomic.Int64), changed: new(atomic.Int64)}
	started := time.Now()
	a.opts = Options{
		Dir: t.TempDir(), Authorities: []string{strings.TrimSpace(k.read("ca.pub"))}, Instance: "0123-4567", BootID: "this boot",
		Host: func() string { return "till1" }, Shells: local{},
		Listen: func() (net.Listener, error) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err == nil {
				_, a.port, _ = net.SplitHostPort(l.Addr().String())
			}
			return l, err
		},
		Now:     func() time.Time { return time.Now().Add(time.Duration(a.ahead.Load())) },
		Uptime:  func() time.Duration { return time.Since(started) + time.Duration(a.up.Load()) },
		Changed: func() { a.changed.Add(1) },
		Log: func(format string, args ...any) {
			fmt.Fprintf(a.log, format+"\n", args...)
		},
	}
	for _, f := range change {
		f(&a.opts)
	}
	a.start()
	t.Cleanup(func() { a.stop() })
	return a
}

// start runs the agent's part anew, as on the same disk.
func (a *appliance) start() {
	a.t.Helper()
	m, err := New(a.opts)
	if err != nil {
		a.t.Fatal(err)
	}
	a.Manager = m
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Run(ctx)
	}()
	a.stop = func() {
		cancel()
		<-done
	}
}

// opens opens a session for a certificate.
func (a *appliance) opens(certificate string) Session {
	a.t.Helper()
	s, err := a.Open(Request{By: "bob", From: "192.0.2.7", Certificate: certificate, Length: time.Hour, Why: "ticket 7"})
	if err != nil {
		a.t.Fatal(err)
	}
	return s
}

// ssh is OpenSSH's client as a person with their key and certificate.
func (a *appliance) ssh(person string, args ...string) *exec.Cmd {
	return exec.Command("ssh", append([]string{"-F", "none", "-p", a.port, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "CertificateFile=" + a.keys.path(person) + "-cert.pub",
		"-i", a.keys.path(person), "support@127.0.0.1"}, args...)...)
}

// says runs a command as alice, and checks what comes back.
func (a *appliance) says(want string, args ...string) {
	a.t.Helper()
	cmd := a.ssh("alice", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || string(out) != want {
		a.t.Errorf("%q says %q, %v; want %q\n%s\n%s", args, out, err, want, &stderr, a.log)
	}
}

// refuses checks that somebody does not get in.
func (a *appliance) refuses(person, why string) {
	a.t.Helper()
	out, err := a.ssh(person, "echo in").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 255 || bytes.Contains(out, []byte("in\n")) {
		a.t.Errorf("%s: ssh says %v: %s", why, err, out)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// TestLogin: the certificate that was given gets in, and runs what it likes.
func TestLogin(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	s := a.opens(k.sign("alice", "-z", "7"))
	if s.Name != "alice@example.com" || s.Serial != 7 || s.By != "bob" || s.Until.Sub(s.Opened).Round(time.Minute) != time.Hour || a.changed.Load() != 1 {
		t.Errorf("opened: %+v, %d changes", s, a.changed.Load())
	}
	a.says("hello\n", "echo hello")
	a.says("- 5 - /\n", "cat; echo - $((2+3)) - $HOME")
	cmd := a.ssh("alice", "tr a-z A-Z; echo wrong >&2; exit 7")
	cmd.Stdin = strings.NewReader("typed")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 || string(out) != "TYPED" || !strings.HasSuffix(stderr.String(), "wrong\n") {
		t.Errorf("says %q and %q, %v", out, &stderr, err)
	}
	if !strings.Contains(stderr.String(), "All that happens in it is recorded.") {
		t.Errorf("before the log-in it says %q", &stderr)
	}
	now, _ := a.Current()
	if len(now.Logins) != 3 || now.Logins[0].From != "127.0.0.1" || len(now.Shells) != 3 || now.Shells[0].Command != "echo hello" || now.Shells[2].Ended.IsZero() {
		t.Errorf("noted: %+v", now)
	}
	for _, line := range []string{"bob opens a session for alice@example.com", "alice@example.com logged in from 127.0.0.1", `runs "echo hello"`} {
		if !strings.Contains(a.log.String(), line) {
			t.Errorf("the log lacks %q:\n%s", line, a.log)
		}
	}
}

// TestTerminal is a shell that one types into.
func TestTerminal(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	s := a.opens(k.sign("alice"))
	cmd := a.ssh("alice")
	cmd.Args = append(cmd.Args[:1], append([]string{"-tt"}, cmd.Args[1:]...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	seen := new(screen)
	cmd.Stdout = seen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ wait, line string }{
		{"support@", "tty; test -t 0 && echo 'gr''üezi'"}, {"grüezi\r\n", "stty -a | head -1; echo so''far"},
		{"sofar\r\n", "read -s -p 'Passwo''rd: ' x; echo rea''d"}, {"Password: ", "hush-hush"}, {"read\r\n", "exit 3"},
	} {
		eventually(t, "the terminal shows "+step.wait, func() bool { return strings.Contains(seen.String(), step.wait) })
		fmt.Fprintln(in, step.line)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("it ends with %v", err)
	}
	out := seen.String()
	for _, want := range []string{"You are root on till1. All that happens here is recorded.", "/dev/pts/", "rows 24; columns 80"} {
		if !strings.Contains(out, want) {
			t.Errorf("the terminal does not show %q:\n%s", want, out)
		}
	}
	list := a.Recordings(s.ID, "1")
	if len(list) != 1 {
		t.Fatalf("recordings: %+v", list)
	}
	data, err := a.Recording(s.ID, list[0].File)
	if err != nil {
		t.Fatal(err)
	}
	head, shown, events := replay(t, data)
	if head.Version != 2 || head.Env["SHELL"] != "/bin/bash" || !strings.Contains(head.Title, "alice@example.com") {
		t.Errorf("header: %+v", head)
	}
	if shown != out {
		t.Errorf("recorded is %q, seen was %q", shown, out)
	}
	if events[typed] == 0 || strings.Contains(string(data), "hush-hush") {
		t.Errorf("%v of %s", events, data)
	}
}

// screen is what a terminal has shown.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// replay reads an asciicast as a player does.
func replay(t *testing.T, data []byte) (h header, text string, events map[string]int) {
	t.Helper()
	events = map[string]int{}
	before := 0.0
	for i, l := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		if i == 0 {
			if err := json.Unmarshal([]byte(l), &h); err != nil || h.Width == 0 || h.Height == 0 || h.Timestamp == 0 {
				t.Fatalf("header %q: %v", l, err)
			}
			continue
		}
		var e []any
		if err := json.Unmarshal([]byte(l), &e); err != nil || len(e) != 3 {
			t.Fatalf("line %d, %q: %v", i+1, l, err)
		}
		if e[0].(float64) < before {
			t.Errorf("line %d goes back in time", i+1)
		}
		before = e[0].(float64)
		events[e[1].(string)]++
		if e[1] == shown {
			text += e[2].(string)
		}
	}
	return h, text, events
}

// TestNobodyElse: neither another certificate nor another key gets in.
func TestNobodyElse(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	cert := k.sign("alice")
	a.opens(cert)
	a.refuses("bob", "a key that is not signed")
	k.sign("bob")
	a.refuses("bob", "another's key, with a certificate")
	k.sign("alice", "-z", "2")
	a.refuses("alice", "another certificate of the same key")
	k.sign("alice", "-s", k.path("other-ca"))
	a.refuses("alice", "a certificate of another authority")
	if err := os.Remove(k.path("alice-cert.pub")); err != nil {
		t.Fatal(err)
	}
	a.refuses("alice", "the key without its certificate")
	if err := os.WriteFile(k.path("alice-cert.pub"), []byte(cert), 0o600); err != nil {
		t.Fatal(err)
	}
	root := a.ssh("alice", "echo in")
	for i, arg := range root.Args {
		root.Args[i] = strings.Replace(arg, "support@", "root@", 1)
	}
	if out, err := root.CombinedOutput(); err == nil {
		t.Errorf("another user gets in: %s", out)
	}
	a.says("in\n", "echo in")
	if n := strings.Count(a.log.String(), "failed"); n < 6 {
		t.Errorf("%d failures are in the log:\n%s", n, a.log)
	}
}

// TestSourceAddress: a certificate for some addresses is good from there.
func TestSourceAddress(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	a.opens(k.sign("alice", "-O", "source-address=192.0.2.0/24"))
	a.refuses("alice", "from another address")
	if err := a.End("bob"); err != nil {
		t.Fatal(err)
	}
	a.opens(k.sign("alice", "-O", "source-address=127.0.0.0/8,192.0.2.0/24"))
	a.says("in\n", "echo in")
}

// TestNothingElse: no forwarding, no agent, no files, no more than one program
// in a channel.
func TestNothingElse(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	a.opens(k.sign("alice"))
	far, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	reached := new(atomic.Bool)
	go func() {
		for {
			c, err := far.Accept()
			if err != nil {
				return
			}
			reached.Store(true)
			c.Close()
		}
	}()
	for name, args := range map[string][]string{
		"a port from there": {"-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:" + far.Addr().String()},
		"a port there":      {"-W", far.Addr().String()},
		"files":             {"-s", "sftp"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		cmd := a.ssh("alice")
		where := cmd.Args[len(cmd.Args)-1]
		args = append(append(cmd.Args[1:len(cmd.Args)-1], args...), where)
		if name == "files" {
			args = append(args[:len(args)-2], where, "sftp")
		}
		out, err := exec.CommandContext(ctx, "ssh", args...).CombinedOutput()
		if err == nil || ctx.Err() != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		cancel()
	}
	if reached.Load() {
		t.Error("a forwarded port was reached")
	}
	a.says("none none\n", `echo "${SSH_AUTH_SOCK:-none} ${DISPLAY:-none}"`)
	agent := a.ssh("alice", `echo "${SSH_AUTH_SOCK:-none}"`)
	agent.Args = append(agent.Args[:1], append([]string{"-A", "-X"}, agent.Args[1:]...)...)
	if out, err := agent.Output(); err != nil || string(out) != "none\n" {
		t.Errorf("with an agent: %q, %v", out, err)
	}
	copied := exec.Command("scp", "-F", "none", "-P", a.port, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-i", k.path("alice"),
		k.path("ca.pub"), "support@127.0.0.1:"+filepath.Join(t.TempDir(), "x"))
	if out, err := copied.CombinedOutput(); err == nil {
		t.Errorf("scp: %s", out)
	}
}

// TestNoTerminal: a certificate that permits no terminal gets none.
func TestNoTerminal(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	a.opens(k.sign("alice", "-O", "no-pty"))
	cmd := a.ssh("alice", "tty || echo none")
	cmd.Args = append(cmd.Args[:1], append([]string{"-tt"}, cmd.Args[1:]...)...)
	if out, _ := cmd.CombinedOutput(); strings.Contains(string(out), "/dev/pts/") {
		t.Errorf("it has a terminal: %s", out)
	}
	a.says("in\n", "echo in")
}

// running says whether a process does.
func running(pid string) bool {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !bytes.Contains(data, []byte(") Z "))
}

// TestEnd: who is in the session is thrown out, what they started is killed,
// the port is closed, and it is noted.
func TestEnd(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	s := a.opens(k.sign("alice"))
	cmd := a.ssh("alice", "trap '' TERM HUP; nohup sleep 600 >&2 2>/dev/null & (sleep 600 & echo $!; wait) & echo $! $$; wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	text := ""
	for strings.Count(text, "\n") < 2 {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		text += string(buf[:n])
	}
	pids := strings.Fields(text)
	for _, pid := range pids {
		if !running(pid) {
			t.Fatalf("process %s of %q does not run", pid, text)
		}
	}
	if err := a.End("olga"); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if running(pid) {
			t.Errorf("process %s runs on", pid)
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("ssh ends as if all were well")
	}
	if c, err := net.Dial("tcp", "127.0.0.1:"+a.port); err == nil {
		c.Close()
		t.Error("the port is open")
	}
	if err := a.End("olga"); !errors.Is(err, ErrNone) {
		t.Errorf("a second end: %v", err)
	}
	list := a.Sessions()
	if len(list) != 1 || list[0].ID != s.ID || list[0].How != ByPerson || list[0].EndedBy != "olga" || list[0].Ended.IsZero() || a.changed.Load() != 2 {
		t.Errorf("kept: %+v; %d changes", list, a.changed.Load())
	}
	if _, err := os.Stat(filepath.Join(a.opts.Dir, "open.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of the open session: %v", err)
	}
}

// TestExitKills: what a shell leaves behind ends with it.
func TestExitKills(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	a.opens(k.sign("alice"))
	out, err := a.ssh("alice", "nohup sleep 600 >/dev/null 2>&1 & echo $!").Output()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the program ends with its shell", func() bool { return !running(strings.TrimSpace(string(out))) })
	// Whoever hangs up ends their shell, too.
	cmd := a.ssh("alice", "echo $$; exec sleep 600")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 20)
	n, err := pipe.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	eventually(t, "the shell ends with its connection", func() bool { return !running(strings.TrimSpace(string(buf[:n]))) })
}

// TestTwoAtOnce: two people's windows at once, and a fifth program is refused.
func TestTwoAtOnce(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	a.opens(k.sign("alice"))
	var waiting []*exec.Cmd
	for range maxChannels {
		cmd := a.ssh("alice", "echo in; cat")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 3)
		if _, err := out.Read(buf); err != nil || string(buf) != "in\n" {
			t.Fatalf("%q, %v", buf, err)
		}
		waiting = append(waiting, cmd)
	}
	if out, err := a.ssh("alice", "echo in").CombinedOutput(); err == nil || !strings.Contains(string(out), "at most 4 shells") {
		t.Errorf("a fifth: %v: %s", err, out)
	}
	if err := a.End("bob"); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range waiting {
		if cmd.Wait() == nil {
			t.Error("one ends as if all were well")
		}
	}
}

// TestFull: when there is no room to record, the session ends.
func TestFull(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k, func(o *Options) { o.Room = 3 << 20 })
	s := a.opens(k.sign("alice"))
	out, err := a.ssh("alice", "yes 0123456789").Output()
	if err == nil || len(out) == 0 {
		t.Errorf("it ends with %v", err)
	}
	eventually(t, "the session has ended", func() bool { _, open := a.Current(); return !open })
	list := a.Sessions()
	if len(list) != 1 || list[0].How != ByFullness {
		t.Errorf("kept: %+v", list)
	}
	var size int64
	text := ""
	for _, r := range a.Recordings(s.ID, "1") {
		size += r.Size
		data, err := a.Recording(s.ID, r.File)
		if err != nil {
			t.Fatal(err)
		}
		_, part, _ := replay(t, data)
		text += part
	}
	if size > 3<<20 || size < 2<<20 || !strings.HasPrefix(text, string(out[:min(len(out), len(text))])[:1000]) {
		t.Errorf("%d bytes are recorded", size)
	}
}

// TestOnce: a second session is refused, and comes after the first.
func TestOnce(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	s := a.opens(k.sign("alice"))
	r := Request{By: "olga", Certificate: k.sign("bob"), Length: time.Hour, Why: "x"}
	if _, err := a.Open(r); !errors.Is(err, ErrOpen) {
		t.Errorf("a second: %v", err)
	}
	if err := a.End("olga"); err != nil {
		t.Fatal(err)
	}
	a.ahead.Store(int64(2 * time.Second)) // so that it sorts after
	next, err := a.Open(r)
	if err != nil {
		t.Fatal(err)
	}
	if list := a.Sessions(); len(list) != 2 || list[0].ID != next.ID || list[1].ID != s.ID {
		t.Errorf("kept: %+v", list)
	}
	a.refuses("alice", "the certificate of a session that has ended")
}

// TestTime: a session ends at its time and with its certificate, even if
// somebody sets the clock back.
func TestTime(t *testing.T) {
	k := newKeys(t)
	for _, c := range []struct {
		name          string
		up, ahead     time.Duration
		ends          bool
		certificateOf string
	}{
		{"before", 59 * time.Minute, 0, false, "-1m:+1d"},
		{"after", time.Hour, 0, true, "-1m:+1d"},
		{"clock set back", time.Hour, -30 * time.Second, true, "-1m:+1d"},
		{"clock set forward", 0, 23 * time.Hour, false, "-1m:+1d"},
		{"certificate over", 0, 31 * time.Minute, true, "-1m:+30m"},
		{"no longer than the certificate", 30 * time.Minute, 0, true, "-1m:+30m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAppliance(t, k)
			a.opens(k.sign("alice", "-V", c.certificateOf))
			cmd := a.ssh("alice", "echo in; sleep 600")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 3)); err != nil {
				t.Fatal(err)
			}
			a.up.Store(int64(c.up))
			a.ahead.Store(int64(c.ahead))
			if !c.ends {
				time.Sleep(lookEvery + 200*time.Millisecond)
				if _, open := a.Current(); !open {
					t.Error("it has ended")
				}
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				return
			}
			eventually(t, "it has ended", func() bool { _, open := a.Current(); return !open })
			if err := cmd.Wait(); err == nil {
				t.Error("ssh ends as if all were well")
			}
			eventually(t, "it is noted", func() bool { list := a.Sessions(); return len(list) == 1 && list[0].How == ByTime })
		})
	}
}

// TestEndDoesNotWait for what follows the opening, such as a firewall that has
// to wait for its turn.
func TestEndDoesNotWait(t *testing.T) {
	k := newKeys(t)
	first, hold := new(atomic.Bool), make(chan struct{})
	a := newAppliance(t, k, func(o *Options) {
		o.Changed = func() {
			if first.CompareAndSwap(false, true) {
				<-hold
			}
		}
	})
	cert := k.sign("alice")
	opened := make(chan error, 1)
	go func() {
		_, err := a.Open(Request{By: "bob", Certificate: cert, Length: time.Hour, Why: "x"})
		opened <- err
	}()
	eventually(t, "it is open", func() bool { _, open := a.Current(); return open })
	a.says("in\n", "echo in")
	if err := a.End("olga"); err != nil {
		t.Fatal(err)
	}
	a.refuses("alice", "after the end")
	close(hold)
	if err := <-opened; err != nil {
		t.Error(err)
	}
}
