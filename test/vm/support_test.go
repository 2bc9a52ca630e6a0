package vm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/host/hosttest"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// guest is somebody of the vendor's support, with OpenSSH's own client.
type guest struct {
	t           *testing.T
	dir         string
	certificate string
	address     string
}

// newGuest makes an authority and a key that it signed.
func newGuest(t *testing.T) *guest {
	t.Helper()
	hosttest.Need(t, "ssh", "ssh-keygen")
	g := &guest{t: t, dir: t.TempDir()}
	for _, args := range [][]string{
		{"-t", "ed25519", "-N", "", "-f", g.path("ca")}, {"-t", "ed25519", "-N", "", "-f", g.path("alice")},
		{"-s", g.path("ca"), "-I", "alice", "-n", "support", "-V", "-1d:+1d", g.path("alice") + ".pub"},
	} {
		if out, err := exec.Command("ssh-keygen", append([]string{"-q"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	g.certificate = g.read("alice-cert.pub")
	return g
}

func (g *guest) path(name string) string { return filepath.Join(g.dir, name) }

func (g *guest) read(name string) string {
	g.t.Helper()
	data, err := os.ReadFile(g.path(name))
	if err != nil {
		g.t.Fatal(err)
	}
	return string(data)
}

func (g *guest) ssh(options ...string) *exec.Cmd {
	host, port, _ := net.SplitHostPort(g.address)
	command := options[len(options)-1]
	return exec.CommandContext(g.t.Context(), "ssh", append(append([]string{"-F", "none", "-p", port, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "LogLevel=ERROR", "-i", g.path("alice")}, options[:len(options)-1]...), "support@"+host, command)...)
}

// says runs a command and gives what it says.
func (g *guest) says(options ...string) string {
	g.t.Helper()
	var stderr bytes.Buffer
	cmd := g.ssh(options...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		g.t.Errorf("%q: %v\n%s%s", options, err, out, &stderr)
	}
	return string(out)
}

// TestSupport lets somebody in, and throws them out with all that they have
// started: by the button, and when the agent dies.
func TestSupport(t *testing.T) {
	needAll(t)
	g := newGuest(t)
	file := editedWith(t, map[string]string{"support-ca.pub": g.read("ca.pub")}, "services:\n", "support: {authority: ./support-ca.pub}\nservices:\n")
	m := machine(t, file, hypervisor.Spec{Data: 1 << 30, Forwards: []hypervisor.Forward{{Guest: appliance.SupportPort}}})
	boots(t, m)
	c := admin(t, m)
	var err error
	if g.address, err = m.Address(appliance.SupportPort); err != nil {
		t.Fatal(err)
	}
	if out, err := g.ssh("echo in").CombinedOutput(); err == nil {
		t.Errorf("somebody is let in before the session: %s", out)
	}
	open := func() {
		t.Helper()
		if _, err := c.OpenSupport(t.Context(), wire.NewSupport{Certificate: g.certificate, Minutes: 60, Why: "a test"}); err != nil {
			t.Fatal(err)
		}
	}
	open()
	if got := g.says(`echo "$(id -u) $0 $HOME"; cat; echo $((2+3))`); got != "0 /bin/bash /\n5\n" {
		t.Errorf("it says %q", got)
	}
	if got := g.says("cat /proc/self/cgroup /proc/self/status"); !strings.Contains(got, "/ingot-support-") || !strings.Contains(got, "NoNewPrivs:\t0") || !strings.Contains(got, "Seccomp:\t0") {
		t.Errorf("a shell is in %q", got)
	}
	if got := g.says("-tt", "tty; stty size; ps -o tty= -p $$ 2>/dev/null; : < /dev/tty && echo controlled"); !strings.Contains(got, "/dev/pts/") || !strings.Contains(got, "controlled") {
		t.Errorf("in a terminal it says %q", got)
	}
	var exit *exec.ExitError
	if err := g.ssh("exit 7").Run(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("a command that fails: %v", err)
	}
	if got := g.says("systemctl is-active ingotd; journalctl -n 1 -o cat --unit ingotd | head -c 8"); got != "active\nsupport:" {
		t.Errorf("of the system it says %q", got)
	}
	for _, end := range []struct {
		how string
		do  func()
	}{
		{"person", func() {
			if err := c.EndSupport(t.Context()); err != nil {
				t.Error(err)
			}
		}},
		{"agent", func() { _ = g.ssh("kill -KILL $(systemctl show --property MainPID --value ingotd)").Run() }},
	} {
		pids := g.leaves()
		end.do()
		eventually(t, 2*time.Minute, "the session has ended", func(ctx context.Context) error {
			s, err := c.Support(ctx)
			if err == nil && (s.Open != nil || len(s.Sessions) == 0 || s.Sessions[0].How != end.how) {
				err = fmt.Errorf("it is %+v", s)
			}
			if err == nil || end.how != "agent" {
				return err
			}
			// Log-ins of the agent that died have ended.
			again := stranger(t, m)
			if session, failed := again.Login(ctx, wire.Login{Account: "admin", Password: password}); failed == nil {
				c = again.WithToken(session.Token)
			}
			return err
		})
		if out, err := g.ssh("echo in").CombinedOutput(); err == nil {
			t.Errorf("somebody is let in afterwards: %s", out)
		}
		open()
		if got := g.says("for p in " + pids + "; do test -e /proc/$p && cat /proc/$p/cmdline; done; echo done"); got != "done\n" {
			t.Errorf("of what was started there is, after the end by %s: %q", end.how, got)
		}
	}
	rules, err := c.Firewall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(fmt.Sprint(rules), "support session"); n != 1 {
		t.Errorf("the firewall lets in %v", rules)
	}
	if err := c.Fix(t.Context(), "support"); err != nil {
		t.Error(err)
	}
	if rules, err = c.Firewall(t.Context()); err != nil || strings.Contains(fmt.Sprint(rules), "support session") {
		t.Errorf("after the end the firewall lets in %v, %v", rules, err)
	}
	turnOff(t, m)
}

// leaves starts programs that try to outlive their shell, and gives their
// numbers. The shell itself waits.
func (g *guest) leaves() string {
	g.t.Helper()
	cmd := g.ssh("trap '' TERM HUP; setsid sleep 900 >/dev/null 2>&1 & echo $!; (setsid nohup sleep 900 >/dev/null 2>&1 & echo $!); echo $$; wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	var pids []string
	for len(pids) < 3 && lines.Scan() {
		pids = append(pids, lines.Text())
	}
	if len(pids) < 3 {
		g.t.Fatalf("it started %q", pids)
	}
	return strings.Join(pids, " ")
}
