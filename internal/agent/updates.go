package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/agent/health"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/release/source"
	"github.com/ingotvm/ingot/internal/release/trust"
	"github.com/ingotvm/ingot/internal/slot"
	"github.com/ingotvm/ingot/internal/update"
)

// systemFolder is where the initrd has mounted the system partition, below the
// run folder.
const systemFolder = "system"

// trialTimer restarts the machine when a version on trial is not found good.
const trialTimer = "ingot-trial.timer"

// openUpdates makes updates possible, if the definition says whose.
func (a *Agent) openUpdates() {
	b := a.boot.Updates
	if b == nil || a.boot.Definition.Updates == nil || a.init.ESP == "" || a.init.DataReadOnly || a.init.foreign() {
		return
	}
	store, warning, err := trust.OpenStore(filepath.Join(a.opts.DataDir, "updates", "trust"), b.Root, b.Built)
	if err != nil {
		a.warnings = append(a.warnings, "nothing can be updated: "+err.Error())
		return
	}
	if warning != nil {
		a.opts.Log("%v", warning)
	}
	a.updates = update.New(update.Options{
		DataDir: a.opts.DataDir, Trust: store, Machine: updateMachine{a}, Definition: a.boot.Definition, Config: setting.Format,
		Hook: updateMachine{a},
		Downgrade: func(dir string, format int) error {
			_, err := config.DowngradeFolder(dir, format, time.Now())
			return err
		},
		Disk:     slot.Open(filepath.Join(a.opts.RunDir, systemFolder), a.init.ESP, a.init.Slot),
		Instance: a.init.Instance, Settings: a.updateSettings, Changed: a.cache.drop, Log: a.opts.Log,
	})
}

// updateSettings are what is in force, as updates want it.
func (a *Agent) updateSettings() update.Settings {
	revision, _ := a.engine.Current()
	u := setting.UpdatesFrom(a.environment, revision.Document)
	s := update.Settings{
		URL: u.URL, Channel: u.Channel, Policy: u.Policy, Security: u.Security, Pinned: u.Pinned,
		Every: time.Duration(u.Hours) * time.Hour, Proxy: revision.Document.Network.Proxy, Authorities: []byte(u.Authority),
	}
	s.Window.Days = u.Weekdays()
	s.Window.From, s.Window.To = u.Minutes()
	if zone, err := time.LoadLocation(revision.Document.Time.Zone); err == nil {
		s.Window.Zone = zone
	}
	s.Postponed, _ = time.Parse(time.RFC3339, u.Postponed) // "" is no time
	return s
}

// updateMachine is what an update does to the machine.
type updateMachine struct{ *Agent }

func (m updateMachine) StopServices(ctx context.Context) error {
	order := m.boot.Definition.StartOrder()
	var err error
	for i := len(order) - 1; i >= 0; i-- {
		err = errors.Join(err, m.sys.Units.Stop(ctx, order[i].RunUnit()))
	}
	return err
}

func (m updateMachine) StartServices(ctx context.Context) error {
	var err error
	for _, s := range m.boot.Definition.StartOrder() {
		if m.whyOff(s) == "" {
			err = errors.Join(err, m.sys.Units.Start(ctx, s.RunUnit()))
		}
	}
	return err
}

func (m updateMachine) HoldSettings(ctx context.Context) (release func(), err error) {
	return m.engine.Hold(ctx)
}

func (m updateMachine) Reboot(ctx context.Context) error { return m.manager.Reboot(ctx) }

// Missing says what is not well: what the status says, and whether somebody
// would get to the management pages.
func (m updateMachine) Missing(ctx context.Context) []string {
	s := m.Status(ctx)
	var list []string
	for _, svc := range s.Services {
		if svc.State != wire.Healthy && svc.State != wire.State(health.Off) {
			list = append(list, strings.TrimSpace(fmt.Sprintf("%s is %s: %s", svc.Title, svc.State, svc.Detail)))
		}
	}
	m.mu.Lock()
	for _, name := range m.failed {
		list = append(list, unitFailed(name))
	}
	m.mu.Unlock()
	if m.init.Held {
		list = append(list, "the services are held back, as the data cannot be used")
	}
	if err := m.managementAnswers(ctx); err != nil {
		list = append(list, fmt.Sprintf("the management does not answer: %v", err))
	}
	return list
}

// managementAnswers asks as a browser on this machine would. Which certificate
// is shown does not matter here.
func (m updateMachine) managementAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://127.0.0.1:"+strconv.Itoa(m.opts.ManagementPort)+"/v1/status", nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// logLines is how much of a failed boot's log is kept with its reason.
const logLines = "40"

// Log are the last lines of a boot's log.
func (m updateMachine) Log(ctx context.Context, boot string) []string {
	if boot == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	m.logging.Lock()
	defer m.logging.Unlock()
	out := &beginning{left: 64 << 10}
	err := m.opts.Runner.Run(ctx, host.Command{Name: "journalctl", Stdout: out, Args: []string{
		"--boot=" + strings.ReplaceAll(boot, "-", ""), "--lines=" + logLines, "--output=short", "--no-hostname", "--no-pager", "--quiet",
	}})
	if err != nil {
		m.opts.Log("cannot read the log of the boot that failed: %v", err)
		return nil
	}
	return strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
}

// Save runs a service's save command, whose unit the image brings.
func (m updateMachine) Save(ctx context.Context, service string) error {
	s := m.boot.Definition.Service(service)
	if s == nil {
		return fmt.Errorf("there is no service %q", service)
	}
	return m.sys.Units.Start(ctx, s.SaveUnit())
}

func (m updateMachine) Proved(ctx context.Context) error { return m.sys.Units.Stop(ctx, trialTimer) }

// notUpdatable says why there are no updates.
type notUpdatable struct{ why string }

func (e notUpdatable) Error() string { return e.why }

// Status and Hint are for the API.
func (notUpdatable) Status() int  { return http.StatusConflict }
func (notUpdatable) Hint() string { return "" }

func (a *Agent) whyNotUpdatable() string {
	switch {
	case a.boot.Definition.Updates == nil:
		return "this appliance takes no updates: its vendor has named no keys for them"
	case a.init.foreign() || a.init.DataReadOnly || a.init.Held:
		return "nothing can be updated while the data disk cannot be used"
	}
	return "nothing can be updated: the boot loader's partition was not found"
}

// Updates is how updates are.
func (a *Agent) Updates(_ context.Context, language string) (wire.Updates, error) {
	if a.updates == nil {
		return wire.Updates{Version: a.boot.Definition.Version, Impossible: a.whyNotUpdatable(), Slots: []wire.UpdateSlot{}, History: []wire.UpdateEvent{}}, nil
	}
	return a.updates.Status(language), nil
}

// updating calls f if there are updates.
func (a *Agent) updating(f func(*update.Manager) error) error {
	if a.updates == nil {
		return notUpdatable{a.whyNotUpdatable()}
	}
	defer a.cache.drop()
	return updateAnswer(f(a.updates))
}

// updateError is an error of an update with its status.
type updateError struct {
	error
	status int
	hint   string
}

func (e updateError) Unwrap() error { return e.error }

// Status and Hint are for the API.
func (e updateError) Status() int  { return e.status }
func (e updateError) Hint() string { return e.hint }

// updateAnswer gives errors of updates their status.
func updateAnswer(err error) error {
	var expired *trust.Expired
	switch {
	case err == nil:
		return nil
	case errors.Is(err, update.ErrBusy):
		return updateError{err, http.StatusConflict, "wait until it has ended, or cancel it"}
	case errors.Is(err, update.ErrNothing):
		return updateError{err, http.StatusNotFound, "check for updates, and install what is available"}
	case errors.Is(err, update.ErrOneWay):
		return updateError{err, http.StatusConflict, "back up the appliance first, and say that you know"}
	case errors.Is(err, update.ErrRefused):
		return updateError{err, http.StatusConflict, ""}
	case errors.Is(err, trust.ErrSignature), errors.Is(err, trust.ErrReplayed), errors.Is(err, trust.ErrMixed), errors.Is(err, source.ErrBundle), errors.As(err, &expired):
		return updateError{err, http.StatusUnprocessableEntity, "get it anew from the vendor"}
	}
	return updateError{err, http.StatusBadGateway, "look at the address of the repository, the proxy and the network"}
}

// CheckUpdates asks the repository, and returns when that is done.
func (a *Agent) CheckUpdates(ctx context.Context, by config.By) error {
	return a.updating(func(m *update.Manager) error { return m.Check(ctx) })
}

// DownloadUpdate begins to download a version.
func (a *Agent) DownloadUpdate(ctx context.Context, by config.By, version string) error {
	return a.updating(func(m *update.Manager) error { return m.Download(ctx, by.Who, version) })
}

// InstallUpdate begins to install a version.
func (a *Agent) InstallUpdate(ctx context.Context, by config.By, want wire.InstallUpdate) error {
	a.opts.Log("%s installs version %s", by.Who, want.Version)
	return a.updating(func(m *update.Manager) error { return m.Install(ctx, by.Who, want) })
}

// installAvailable begins to install what is available.
func (a *Agent) installAvailable(ctx context.Context, by config.By) error {
	available := a.updates.Brief().Available
	if available == nil {
		return updateAnswer(update.ErrNothing)
	}
	return a.InstallUpdate(ctx, by, wire.InstallUpdate{Version: available.Version})
}

// CancelUpdate ends what is being done, while that is possible.
func (a *Agent) CancelUpdate(_ context.Context, by config.By) error {
	return a.updating(func(m *update.Manager) error { m.Cancel(); return nil })
}

// BackUpdate goes back to a version on the disk.
func (a *Agent) BackUpdate(ctx context.Context, by config.By, want wire.BackUpdate) error {
	a.opts.Log("%s goes back to version %s", by.Who, want.Version)
	return a.updating(func(m *update.Manager) error { return m.Back(ctx, by.Who, want) })
}

const maxPostponed = 90 // days

// PostponeUpdate lets nothing be installed by itself for some days.
func (a *Agent) PostponeUpdate(ctx context.Context, by config.By, want wire.PostponeUpdate) error {
	if want.Days < 0 || want.Days > maxPostponed {
		return invalid("days", fmt.Sprintf("updates can be postponed by up to %d days", maxPostponed), "")
	}
	until := ""
	if want.Days > 0 {
		until = time.Now().AddDate(0, 0, want.Days).UTC().Format(time.RFC3339)
	}
	_, _, err := a.engine.Commit(ctx, config.Change{By: by, Why: "updates postponed", Edit: func(d *setting.Document) error {
		d.Updates.Postponed = until
		return nil
	}})
	a.cache.drop()
	return err
}

// UploadBundle takes a bundle; size is -1 when it is not known.
func (a *Agent) UploadBundle(ctx context.Context, by config.By, body io.Reader, size int64) error {
	return a.updating(func(m *update.Manager) error {
		file, err := a.storeBundle(body, size)
		if err != nil {
			return err
		}
		a.opts.Log("%s hands in a bundle", by.Who)
		info, err := file.Stat()
		if err == nil {
			var src source.Source
			if src, err = source.Archive(file, info.Size()); err == nil {
				return m.Bundle(ctx, src, func() { file.Close() }) // the file has no name any more
			}
		}
		return errors.Join(err, file.Close())
	})
}

// bundleReserve stays free beside a bundle, in bytes.
const bundleReserve = 128 << 20

// storeBundle writes a bundle to a file of the data disk without a name: it is
// gone when nobody needs it any more, whatever happens.
func (a *Agent) storeBundle(body io.Reader, size int64) (*os.File, error) {
	dir := filepath.Join(a.opts.DataDir, "cache")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	free, _, err := a.machine.Space(a.opts.DataDir)
	known := err == nil
	if known && size > 0 && free < size+bundleReserve {
		return nil, fmt.Errorf("there is no room for the bundle: it has %d MiB, and %d MiB are free on the data disk", size>>20, free>>20)
	}
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot keep the bundle: %w", err)
	}
	file := os.NewFile(uintptr(fd), "bundle")
	limit := int64(1) << 40
	if known {
		limit = max(0, free-bundleReserve)
	}
	n, err := io.Copy(file, io.LimitReader(body, limit+1))
	if err == nil && n > limit {
		err = errors.New("there is no room for the bundle on the data disk")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// noticeOfBack is how long a way back is worth a notice.
const noticeOfBack = 30 * 24 * time.Hour

// working says whether more is done than asking what there is.
func working(u wire.Updates) bool { return u.Job != nil && u.Job.Step != wire.StepCheck }

// updateNotices are what somebody should know of updates.
func (a *Agent) updateNotices() []wire.Notice {
	if a.updates == nil {
		return nil
	}
	u := a.updates.Brief()
	var list []wire.Notice
	if len(u.History) > 0 && u.History[0].Outcome == wire.OutcomeRolledBack && time.Since(u.History[0].Time) < noticeOfBack {
		e := u.History[0]
		list = append(list, wire.Notice{ID: "update:back", Level: wire.Warning,
			Text: fmt.Sprintf("the appliance went back from version %s to %s: %s", e.To, e.From, e.Reason), Hint: "the updates' history has the end of its log"})
	}
	if u.Available != nil && !working(u) {
		text := fmt.Sprintf("version %s is available", u.Available.Version)
		if u.Available.Security {
			text = fmt.Sprintf("version %s is available, and mends weaknesses", u.Available.Version)
		}
		n := wire.Notice{ID: ofUpdate, Level: wire.Warning, Text: text, Hint: "the page of updates says what is new"}
		if u.Available.OneWay == "" && u.Trial == nil {
			n.Fix = "install it"
		}
		list = append(list, n)
	}
	if u.CheckProblem != "" {
		list = append(list, wire.Notice{ID: "update:check", Level: wire.Warning, Text: "updates cannot be checked for: " + u.CheckProblem})
	}
	return list
}
