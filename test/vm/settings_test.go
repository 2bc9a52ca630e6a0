package vm

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// seedHello answers all that the example hello asks.
const seedHello = "access.password: " + password + "\napplication.greeting: Good day\n"

// admin is a client that is logged in over the network.
func admin(t *testing.T, m hypervisor.Machine) *client.Client {
	t.Helper()
	c := stranger(t, m)
	session, err := c.Login(t.Context(), wire.Login{Account: "admin", Password: password})
	if err != nil {
		t.Fatalf("cannot log in: %v", err)
	}
	return c.WithToken(session.Token)
}

// oneConnection is an administrator who keeps to a single connection.
func oneConnection(t *testing.T, m hypervisor.Machine) *client.Client {
	t.Helper()
	address, err := m.Address(acceptance.ManagementPort)
	if err != nil {
		t.Fatal(err)
	}
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // the appliance's own certificate, through a loopback forward
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c := client.NewConn(conn)
	t.Cleanup(c.Close)
	session, err := c.Login(t.Context(), wire.Login{Account: "admin", Password: password})
	if err != nil {
		t.Fatalf("cannot log in: %v", err)
	}
	return c.WithToken(session.Token)
}

// stranger is a client that is not.
func stranger(t *testing.T, m hypervisor.Machine) *client.Client {
	t.Helper()
	address, err := m.Address(acceptance.ManagementPort)
	if err != nil {
		t.Fatal(err)
	}
	c := client.NewTLS(address, "")
	t.Cleanup(c.Close)
	return c
}

// change commits values as of the revision in force.
func change(t *testing.T, c *client.Client, values map[string]string) wire.Changed {
	t.Helper()
	now, err := c.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.Change(t.Context(), now.Revision, wire.Change{Values: values, Why: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, limit time.Duration, what string, ask func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		one, stop := context.WithTimeout(ctx, 5*time.Second)
		err := ask(one)
		stop()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %v: %v", what, limit, err)
		case <-time.After(time.Second):
		}
	}
}

// TestLockedOut cuts itself off by a firewall rule, with a power cut before
// it is undone, and then by an address: each comes back by itself.
func TestLockedOut(t *testing.T) {
	needAll(t)
	m := machine(t, built(t, "hello", "raw"), hypervisor.Spec{Data: 1 << 30, Seed: []byte(seedHello)})
	boots(t, m)
	c := admin(t, m)

	done := change(t, c, map[string]string{"firewall.management": "192.0.2.0/24"})
	if done.Pending == nil {
		t.Fatal("a firewall that shuts its administrator out needs no confirmation")
	}
	eventually(t, 20*time.Second, "the firewall shuts", func(ctx context.Context) error {
		if _, err := stranger(t, m).Status(ctx); err == nil {
			return errors.New("management still answers")
		}
		return nil
	})
	if err := m.Stop(t.Context()); err != nil { // the power goes while it waits
		t.Fatal(err)
	}
	boots(t, m)
	c = admin(t, m)
	undone(t, c, done.Revision)

	// The answer cannot come any more: the connection goes with the address.
	now, err := c.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	brief, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	wrong := map[string]string{"network.mode": "static", "network.address": "192.0.2.7/24", "network.gateway": "192.0.2.1"}
	if done, err := c.Change(brief, now.Revision, wire.Change{Values: wrong, Why: "test"}); err == nil {
		t.Errorf("the address was changed and the answer came all the same: %+v", done)
	}
	again, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := stranger(t, m).Status(again); err == nil {
		t.Error("management answers at an address that it has not got")
	}
	eventually(t, 4*time.Minute, "the address comes back", func(ctx context.Context) error {
		_, err := stranger(t, m).Status(ctx)
		return err
	})
	undone(t, admin(t, m), now.Revision+1)
	turnOff(t, m)
}

// undone checks that a revision was undone by the system.
func undone(t *testing.T, c *client.Client, revision int) {
	t.Helper()
	list, err := c.Revisions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 || list[0].Number != revision+1 || list[0].Who != "system" {
		t.Errorf("revision %d was not undone: the history is %+v", revision, list)
	}
}

// TestConfirmed keeps what is confirmed over a new connection, and only that.
func TestConfirmed(t *testing.T) {
	needAll(t)
	m := machine(t, built(t, "hello", "raw"), hypervisor.Spec{Data: 1 << 30, Seed: []byte(seedHello)})
	boots(t, m)
	agrees(t, admin(t, m), "addresses of eth0=10.0.2.15/24", "gateway of eth0=10.0.2.2")
	c := oneConnection(t, m)
	first := change(t, c, map[string]string{"network.mode": "static", "network.address": "10.0.2.15/24", "network.gateway": "10.0.2.2", "network.dns": "10.0.2.3"})
	refusedAs(t, c.Confirm(t.Context()), http.StatusConflict)
	if err := admin(t, m).Confirm(t.Context()); err != nil {
		t.Error(err)
	}
	now, err := c.Config(t.Context())
	if err != nil || now.Revision != first.Revision || now.Pending != nil {
		t.Errorf("after confirming: revision %d, pending %v, %v", now.Revision, now.Pending, err)
	}

	// Two administrators: the later one is told.
	base := now.Revision
	if _, err := c.Change(t.Context(), base, wire.Change{Values: map[string]string{"time.zone": "Europe/Berlin"}}); err != nil {
		t.Error(err)
	}
	_, err = c.Change(t.Context(), base, wire.Change{Values: map[string]string{"time.zone": "Asia/Tokyo"}})
	refusedAs(t, err, http.StatusPreconditionFailed)

	// The application's setting reaches the application.
	change(t, c, map[string]string{"application.greeting": "Servus"})
	eventually(t, time.Minute, "the new greeting", func(ctx context.Context) error {
		return pageSays(ctx, address(t, m), "Servus")
	})
	// Everything of it is there after a power cut.
	if err := m.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	boots(t, m)
	if err := pageSays(t.Context(), address(t, m), "Servus"); err != nil {
		t.Error(err)
	}
	agrees(t, admin(t, m), "addresses of eth0=10.0.2.15/24", "gateway of eth0=10.0.2.2", "DNS servers=10.0.2.3")
	turnOff(t, m)
}

func pageSays(ctx context.Context, address, text string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	buf := make([]byte, 64<<10)
	n, _ := resp.Body.Read(buf)
	if !strings.Contains(string(buf[:n]), text) {
		return errors.New("the page does not say " + text)
	}
	return nil
}

// TestKilledCommits cuts the power at random instants around commits: the
// appliance comes up with the old document or the new one, and takes changes.
func TestKilledCommits(t *testing.T) {
	needAll(t)
	m := machine(t, built(t, "hello", "raw"), hypervisor.Spec{Data: 1 << 30, Seed: []byte(seedHello)})
	boots(t, m)
	names := []string{"hello"}
	for round := range 3 {
		c := admin(t, m)
		name := "round" + string(rune('a'+round))
		names = append(names, name)
		now, err := c.Config(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		go c.Change(t.Context(), now.Revision, wire.Change{Values: map[string]string{"network.hostname": name}})
		time.Sleep(time.Duration(rand.Int64N(int64(2500 * time.Millisecond))))
		if err := m.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		boots(t, m)
		got := hostname(t, admin(t, m))
		if got != names[len(names)-1] && got != names[len(names)-2] {
			t.Fatalf("round %d: the host name is %q, neither the old %q nor the new %q", round, got, names[len(names)-2], name)
		}
		names[len(names)-1] = got
	}
	turnOff(t, m)
}

func hostname(t *testing.T, c *client.Client) string {
	t.Helper()
	now, err := c.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var d struct{ Network struct{ Hostname string } }
	if err := json.Unmarshal(now.Document, &d); err != nil {
		t.Fatal(err)
	}
	status, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status.Hostname != d.Network.Hostname {
		t.Errorf("wanted is the name %q, in force is %q", d.Network.Hostname, status.Hostname)
	}
	return d.Network.Hostname
}
