package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
)

// answerLimit is how long the appliance may take for one answer while it is
// asked again and again.
const answerLimit = 15 * time.Second

// client is logged in as the administrator.
func (p *player) client(ctx context.Context) (*client.Client, error) {
	if p.session != nil {
		return p.session, nil
	}
	address, err := p.machine.Address(acceptance.ManagementPort)
	if err != nil {
		return nil, err
	}
	c := client.NewTLS(address, "") // a forward on loopback, to a machine of ours
	session, err := c.Login(ctx, wire.Login{Account: p.account, Password: p.password})
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("cannot log in: %w", err)
	}
	p.session = c.WithToken(session.Token)
	return p.session, nil
}

// forget ends the session: the appliance restarts.
func (p *player) forget() {
	if p.session != nil {
		p.session.Close()
		p.session = nil
	}
}

// updates asks once. After an error the next question begins with a log-in:
// the machine may have restarted.
func (p *player) updates(ctx context.Context) (u wire.Updates, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	c, err := p.client(ctx)
	if err == nil {
		u, err = c.Updates(ctx, "en")
	}
	if err != nil {
		p.forget()
	}
	return u, err
}

// set commits settings, and confirms what asks for it.
func (p *player) set(ctx context.Context, values map[string]string) error {
	c, err := p.client(ctx)
	if err != nil {
		return err
	}
	now, err := c.Config(ctx)
	if err != nil {
		return err
	}
	done, err := c.Change(ctx, now.Revision, wire.Change{Values: values, Why: "scenario"})
	if err == nil && done.Pending != nil {
		err = c.Confirm(ctx)
	}
	return err
}

// pageOf is where people find an appliance's page: by HTTPS if the agent serves
// it for a service, else at port 80, else at the first port there is.
func pageOf(def *appliance.Definition) string {
	first := 0
	for _, service := range def.Services {
		for _, p := range service.Ports {
			switch {
			case p.HTTPS:
				return fmt.Sprintf("https://${appliance:%d}/", appliance.HTTPSPort)
			case p.Protocol == "udp":
			case first == 0 || p.Port == appliance.HTTPPort:
				first = p.Port
			}
		}
	}
	if first == 0 {
		return "http://${appliance}/"
	}
	return fmt.Sprintf("http://${appliance:%d}/", first)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
