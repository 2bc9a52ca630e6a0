package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/release"
)

// A day of an appliance that is watched and worked on a lot.
const (
	dayStatus   = 24 * 60 * 6 // one every ten seconds
	daySettings = 24 * 60 / 5 // a page that is left open
	dayLogins   = 200
	dayChanges  = 200
	// dayServices of the changes restart a service, which is watched for a
	// second each time.
	dayServices = 20
)

// day lets an agent have its day in a minute, on this machine, which it does
// not touch (see internal/agent, detached.go), and draws its console.
func (b *bench) day(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a, err := b.trial(ctx)
	if err != nil {
		return err
	}
	defer func() { stop(); <-a.ended }()
	if err := b.screen(ctx, a); err != nil {
		return err
	}
	rested, err := a.local.Status(ctx)
	if err != nil {
		return err
	}
	b.add("agent's memory, just set up, on this machine", mebibytes(rested.Memory.Agent), "")
	if err := a.day(ctx); err != nil {
		return err
	}
	tired, err := a.local.Status(ctx)
	if err != nil {
		return err
	}
	b.add("agent's memory after a simulated day", mebibytes(tired.Memory.Agent), "≤ 32 MiB")
	return b.pages(ctx, a)
}

// trial is an agent that runs on this machine, as one of the example hello.
type trial struct {
	socket   string
	address  string // of the management port
	password string
	title    string
	local    *client.Client
	ended    chan struct{} // closed when the agent has
}

// trial starts an agent of the example hello and sets it up.
func (b *bench) trial(ctx context.Context) (*trial, error) {
	def, err := appliance.Load(os.DirFS("examples/hello"), appliance.FileName, appliance.Options{})
	if err != nil {
		return nil, err
	}
	return b.trialOf(ctx, def, "day")
}

// trialOf starts an agent in folders of its own and sets it up.
func (b *bench) trialOf(ctx context.Context, def *appliance.Definition, name string, args ...string) (*trial, error) {
	run := filepath.Join(b.dir, name, "run")
	if err := bootFolder(run, def); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	a := &trial{
		socket: filepath.Join(run, filepath.Base(client.DefaultSocket)), address: address,
		title: def.Title + " " + def.Version, ended: make(chan struct{}),
	}
	a.local = client.NewUnix(a.socket)
	log, err := os.Create(filepath.Join(b.dir, name, "agent.log"))
	if err != nil {
		return nil, err
	}
	failed := make(chan error, 1)
	go func() {
		defer close(a.ended)
		defer log.Close()
		failed <- host.Local{}.Run(ctx, host.Command{
			Name: "bin/ingotd", Stdout: log, Stderr: log,
			Args: append([]string{"run", "--run-dir", run, "--data-dir", filepath.Join(b.dir, name, "data"), "--listen", address}, args...),
		})
	}()
	return a, a.setUp(ctx, def, failed)
}

// bootFolder is what ingot-init leaves, and the user of each service.
func bootFolder(dir string, def *appliance.Definition) error {
	boot, err := json.Marshal(release.Boot{Format: 1, Definition: def})
	if err != nil {
		return err
	}
	users := ""
	for _, s := range def.Services {
		users += fmt.Sprintf("app-%s:x:%d:%d::/:/none\n", s.Name, os.Getuid(), os.Getgid())
	}
	for name, text := range map[string]string{"boot.json": string(boot), "init.json": `{"data":"second-disk"}`, "trial/etc/passwd": users} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// setUp waits for the agent and answers what it asks.
func (a *trial) setUp(ctx context.Context, def *appliance.Definition, failed <-chan error) error {
	for {
		if _, err := a.local.Status(ctx); err == nil {
			break
		}
		select {
		case err := <-failed:
			return fmt.Errorf("the agent ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	answers := acceptance.Answers(def)
	a.password = answers["access.password"]
	setup, err := a.local.Setup(ctx)
	for _, step := range setup.Steps {
		if err == nil && step.Needed {
			values := maps.Clone(answers)
			maps.DeleteFunc(values, func(key, _ string) bool {
				return !slices.ContainsFunc(step.Properties, func(p wire.Property) bool { return p.Key == key })
			})
			setup, err = a.local.Answer(ctx, wire.Answer{Step: step.Name, Values: values})
		}
	}
	if err == nil && !setup.Complete {
		err = errors.New("the trial is not set up by the answers")
	}
	return err
}

// day makes a day's requests, each kind spread over the day.
func (a *trial) day(ctx context.Context) error {
	for i := range dayStatus {
		if err := a.status(ctx); err != nil {
			return err
		}
		for _, kind := range []struct {
			times int
			do    func(context.Context, int) error
		}{{daySettings, a.settings}, {dayLogins, a.login}, {dayChanges, a.change}} {
			if done := i * kind.times / dayStatus; done < (i+1)*kind.times/dayStatus {
				if err := kind.do(ctx, done); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// status asks as a monitor does: over a connection of its own.
func (a *trial) status(ctx context.Context) error {
	c := client.NewTLS(a.address, "")
	defer c.Close()
	_, err := c.Status(ctx)
	return err
}

func (a *trial) settings(ctx context.Context, _ int) error {
	_, err := a.local.Settings(ctx)
	return err
}

// login opens a session and looks at the history.
func (a *trial) login(ctx context.Context, _ int) error {
	c := client.NewTLS(a.address, "")
	defer c.Close()
	session, err := c.Login(ctx, wire.Login{Account: "admin", Password: a.password})
	if err == nil {
		_, err = c.WithToken(session.Token).Revisions(ctx)
	}
	return err
}

func (a *trial) change(ctx context.Context, n int) error {
	now, err := a.local.Config(ctx)
	if err != nil {
		return err
	}
	values := map[string]string{"time.zone": []string{"Europe/Berlin", "Asia/Tokyo"}[n%2]}
	if n%(dayChanges/dayServices) == 0 {
		values = map[string]string{"application.greeting": fmt.Sprint("Hello ", n)}
	}
	_, err = a.local.Change(ctx, now.Revision, wire.Change{Values: values, Why: "a day's work"})
	return err
}
