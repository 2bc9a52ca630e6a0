package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// install asks for a version, and waits for what comes of it.
func (p *player) install(ctx context.Context, s Step) (string, error) {
	err := p.begin(ctx, s)
	if want := s.Expect.Refused; want != "" {
		if err == nil {
			return "", fmt.Errorf("it is not refused, want %q", want)
		}
		if !strings.Contains(err.Error(), want) {
			return "", fmt.Errorf("it is refused otherwise, want %q: %w", want, err)
		}
		_, judged := p.judge(ctx, *s.Expect)
		return "refused: " + err.Error(), judged
	}
	if err != nil {
		return "", err
	}
	if s.Until != "" {
		p.open = true
		return p.until(ctx, s.Until)
	}
	want := *s.Expect
	if want.Outcome == "" {
		want.Outcome = wire.OutcomeInstalled
	}
	if want.Version == "" {
		if want.Version = p.version; want.Outcome == wire.OutcomeInstalled {
			want.Version = s.Version
		}
	}
	seen, err := p.ends(ctx, want)
	return p.offer + "; " + seen, err
}

// begin begins to install a version, as it is offered or from a bundle.
func (p *player) begin(ctx context.Context, s Step) error {
	c, err := p.client(ctx)
	if err != nil {
		return err
	}
	err = p.patiently(ctx, func() error {
		if s.How == "bundle" {
			return p.upload(ctx, c, s.Version)
		}
		return c.CheckUpdates(ctx)
	})
	if err != nil {
		return err
	}
	u, err := c.Updates(ctx, "en")
	if err != nil {
		return err
	}
	a := u.Available
	switch {
	case a == nil:
		return fmt.Errorf("version %s is not offered; nothing is", s.Version)
	case a.Version != s.Version:
		return fmt.Errorf("version %s is not offered; %s is", s.Version, a.Version)
	case s.How != "" && s.How != "bundle" && a.How != s.How:
		return fmt.Errorf("it would come by %s, %d of %d bytes; want %s", a.How, a.Download, a.Whole, s.How)
	case s.Most > 0 && a.Download > s.Most:
		return fmt.Errorf("%d bytes would be downloaded, by %s; want at most %d", a.Download, a.How, s.Most)
	}
	p.offer = fmt.Sprintf("%d of %d KiB by %s", a.Download>>10, a.Whole>>10, a.How)
	return p.patiently(ctx, func() error {
		return c.InstallUpdate(ctx, wire.InstallUpdate{Version: s.Version, OneWay: true})
	})
}

// patiently tries again while the appliance does something about updates by
// itself, such as its first look at the repository.
func (p *player) patiently(ctx context.Context, do func() error) error {
	for end := time.Now().Add(p.bootLimit()); ; {
		err := do()
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Status != http.StatusConflict || time.Now().After(end) {
			return err
		}
		u, asked := p.updates(ctx)
		if asked == nil && u.Job == nil && u.Trial == nil {
			return do() // what was in the way has ended, or it was something else
		}
		if pause(ctx, time.Second) != nil {
			return err
		}
	}
}

func (p *player) upload(ctx context.Context, c *client.Client, version string) error {
	path, err := p.vendor.bundle(ctx, version, p.version)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return c.UploadBundle(ctx, f, info.Size())
}

// until waits until the job has come to a step. It may have gone past it.
func (p *player) until(ctx context.Context, step string) (string, error) {
	order := []string{wire.StepCheck, wire.StepDownload, wire.StepWrite, wire.StepVerify, wire.StepWait, wire.StepSnapshot, wire.StepRestart}
	ctx, cancel := context.WithTimeout(ctx, p.bootLimit())
	defer cancel()
	for {
		u, err := p.updates(ctx)
		switch {
		case err == nil && u.Job != nil && slices.Index(order, u.Job.Step) >= slices.Index(order, step):
			return fmt.Sprintf("at %s, %d of %d bytes", u.Job.Step, u.Job.Done, u.Job.Total), nil
		case err == nil && u.Job == nil && len(u.History) > 0 && !same(u.History[0], p.last):
			return "", fmt.Errorf("it ended before: %s", describe(u))
		case err != nil && step == wire.StepRestart:
			return "it restarts", nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return "", fmt.Errorf("it does not come to that: %w", err)
		}
	}
}

// back goes back to an older version.
func (p *player) back(ctx context.Context, s Step) (string, error) {
	c, err := p.client(ctx)
	if err != nil {
		return "", err
	}
	data := "keep"
	if s.Restore {
		data = "restore"
	}
	err = p.patiently(ctx, func() error { return c.BackUpdate(ctx, wire.BackUpdate{Version: s.Version, Data: data}) })
	if want := s.Expect.Refused; want != "" {
		if err == nil || !strings.Contains(err.Error(), want) {
			return "", fmt.Errorf("want that it is refused, %q: %v", want, err)
		}
		_, judged := p.judge(ctx, *s.Expect)
		return "refused: " + err.Error(), judged
	}
	if err != nil {
		return "", err
	}
	want := *s.Expect
	if want.Outcome == "" {
		want.Outcome = wire.OutcomeWentBack
	}
	if want.Version == "" {
		want.Version = s.Version
	}
	return p.ends(ctx, want)
}

// ends waits until an update that was begun has ended, and judges it.
func (p *player) ends(ctx context.Context, want Expect) (string, error) {
	if _, err := p.settle(ctx, true); err != nil {
		return "", err
	}
	return p.judge(ctx, want)
}

// settle waits until nothing is under way; fresh, until something has ended
// since.
func (p *player) settle(ctx context.Context, fresh bool) (u wire.Updates, err error) {
	limit := p.trialLimit()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the limit is %v", limit))
	defer cancel()
	last := errors.New("nothing was asked")
	for {
		one, err := p.updates(ctx)
		if err == nil {
			u = one
			if u.Job == nil && u.Trial == nil && (!fresh || len(u.History) > 0 && !same(u.History[0], p.last)) {
				return u, nil
			}
			err = errors.New(describe(u))
		}
		last = err
		if p.machine.State() != hypervisor.Running {
			return u, fmt.Errorf("the machine is off: %w", last)
		}
		if err := pause(ctx, time.Second); err != nil {
			return u, fmt.Errorf("the update does not end: %w; at last: %w", err, last)
		}
	}
}

// trialLimit is as long as a version that never does anything can take: each
// time that it is tried, all of its time and what its restart may take.
func (p *player) trialLimit() time.Duration {
	var within time.Duration
	for _, d := range p.definitions {
		within = max(within, time.Duration(d.Updates.Trial.Within))
	}
	return 3*(within+4*time.Minute) + 2*p.bootLimit()
}

// judge compares what is with what is expected.
func (p *player) judge(ctx context.Context, want Expect) (string, error) {
	if want.Offered != "" {
		c, err := p.client(ctx)
		if err != nil {
			return "", err
		}
		if err := p.patiently(ctx, func() error { return c.CheckUpdates(ctx) }); err != nil {
			return "", err
		}
	}
	u, err := p.settle(ctx, false)
	if err != nil {
		return "", err
	}
	offered := Nothing
	if u.Available != nil {
		offered = u.Available.Version
	}
	var newest wire.UpdateEvent
	if len(u.History) > 0 {
		newest = u.History[0]
	}
	// What is fetched from now on, and compared later, begins here.
	p.version, p.last = u.Version, newest
	var wrong []error
	differs := func(what, want, got string) {
		if want != "" && want != got {
			wrong = append(wrong, fmt.Errorf("%s: want %s, got %s", what, want, got))
		}
	}
	differs("version", want.Version, u.Version)
	differs("outcome", want.Outcome, newest.Outcome)
	differs("offered", want.Offered, offered)
	if !strings.Contains(newest.Reason, want.Reason) {
		wrong = append(wrong, fmt.Errorf("reason: want one that holds %q, got %q", want.Reason, newest.Reason))
	}
	if want.Page != "" {
		if err := p.page(ctx, want.Page); err != nil {
			wrong = append(wrong, fmt.Errorf("page: %w", err))
		}
	}
	if len(wrong) > 0 {
		wrong = append(wrong, errors.New(describe(u)))
	}
	return describe(u), errors.Join(wrong...)
}

// page waits until the appliance's page holds a text.
func (p *player) page(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, p.bootLimit())
	defer cancel()
	for {
		_, err := acceptance.Ask(ctx, appliance.Test{HTTP: pageOf(p.definitions[p.version]), Contains: text}, p.machine, 10*time.Second)
		if err == nil {
			return nil
		}
		if pause(ctx, time.Second) != nil {
			return err
		}
	}
}

// describe is what an appliance says of its updates, in a line and the log of
// the boot that failed.
func describe(u wire.Updates) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version %s", u.Version)
	if u.Job != nil {
		fmt.Fprintf(&b, ", doing %s", u.Job.Step)
	}
	if u.Trial != nil {
		fmt.Fprintf(&b, ", on trial: %s", strings.Join(u.Trial.Missing, "; "))
	}
	if u.CheckProblem != "" {
		fmt.Fprintf(&b, ", cannot check: %s", u.CheckProblem)
	}
	if len(u.History) > 0 {
		e := u.History[0]
		fmt.Fprintf(&b, "; %s to %s: %s", e.From, e.To, e.Outcome)
		if e.Reason != "" {
			fmt.Fprintf(&b, " (%s)", e.Reason)
		}
		if e.Downloaded > 0 {
			fmt.Fprintf(&b, ", %d KiB fetched", e.Downloaded>>10)
		}
		if e.Downtime > 0 {
			fmt.Fprintf(&b, ", %d s of downtime", e.Downtime)
		}
		for _, line := range e.Log {
			b.WriteString("\n" + line)
		}
	}
	return b.String()
}

// same says whether two events are one.
func same(a, b wire.UpdateEvent) bool {
	return a.Time.Equal(b.Time) && a.From == b.From && a.To == b.To && a.Outcome == b.Outcome
}
