package web

import (
	"context"
	"errors"
	"html/template"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// bundlePath takes a form whose file may have any size: it is read as it comes.
const bundlePath = "/updates/bundle"

// restartTakes is after how many seconds a machine that restarts answers again,
// for browsers without scripts, which ask only once.
const restartTakes = 60

// updatesView is the page of updates.
type updatesView struct {
	wire.Updates
	// Problems are why something was refused.
	Problems []string
	// Media are attached disks and CDs with updates; Looked says that somebody
	// asked for them.
	Media  []wire.UpdateMedium
	Looked bool
	// Refresh is after how many seconds the page looks again.
	Refresh int
}

func updatesPage(v *visit) error { return v.showUpdates(http.StatusOK, nil) }

// useMedium takes the updates of a medium, or without one looks which there are.
func useMedium(v *visit) error {
	if name := v.r.PostForm.Get("name"); name != "" {
		return v.after(v.api.UseMedium(v.ctx(), name))
	}
	media, err := v.api.UpdateMedia(v.ctx())
	if err != nil {
		return err
	}
	u, err := v.api.Updates(v.ctx(), v.status.Locale.Language)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "updates", "updates", v.T("web.menu.updates"), updatesView{Updates: u, Media: media, Looked: true, Refresh: 3600})
}

func (v *visit) showUpdates(status int, problems []string) error {
	u, err := v.api.Updates(v.ctx(), v.status.Locale.Language)
	if err != nil {
		return err
	}
	if shown := v.r.URL.Query().Get("shown"); shown != "" && shown != u.Version {
		v.w.Header().Set("HX-Refresh", "true") // what is around the page is of another version
	}
	view := updatesView{Updates: u, Problems: problems, Refresh: 30}
	f := frame{At: "updates", Title: v.T("web.menu.updates")}
	if u.Job != nil || u.Trial != nil {
		view.Refresh, f.Refresh = 2, 5
	}
	if u.Job != nil && u.Job.Step == wire.StepRestart {
		f.Refresh = restartTakes // a browser that finds nobody does not ask again
	}
	f.Data = view
	return v.showFrame(status, "updates", f)
}

// after shows the page again, with why something was refused.
func (v *visit) after(err error) error {
	if err == nil {
		return v.redirect("/updates")
	}
	e := refused(err)
	if e == nil || e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden {
		return err
	}
	return v.showUpdates(e.Status, []string{v.advice(e.Message, e.Hint)})
}

func checkUpdates(v *visit) error { return v.after(v.api.CheckUpdates(v.ctx())) }

func downloadUpdate(v *visit) error {
	return v.after(v.api.DownloadUpdate(v.ctx(), v.r.PostForm.Get("version")))
}

func installUpdate(v *visit) error {
	form := v.r.PostForm
	return v.after(v.api.InstallUpdate(v.ctx(), wire.InstallUpdate{
		Version: form.Get("version"), Window: form.Get("when") == "window", OneWay: form.Get("one_way") == "yes",
	}))
}

func cancelUpdate(v *visit) error { return v.after(v.api.CancelUpdate(v.ctx())) }

func postponeUpdate(v *visit) error {
	days := 0
	if v.r.PostForm.Get("days") == "7" {
		days = 7
	}
	return v.after(v.api.PostponeUpdate(v.ctx(), days))
}

func backUpdate(v *visit) error {
	form := v.r.PostForm
	if form.Get("data") == "restore" && form.Get("lose") != "yes" {
		return v.showUpdates(http.StatusUnprocessableEntity, []string{v.T("web.updates.restore.first")})
	}
	return v.after(v.api.BackUpdate(v.ctx(), wire.BackUpdate{Version: form.Get("version"), Data: form.Get("data")}))
}

// uploadBundle hands a file on as it comes: it may have any size, and the agent
// has little memory.
func uploadBundle(v *visit) error {
	parts, err := v.r.MultipartReader()
	if err != nil { // an empty file: the API says who may hand one in at all
		return v.after(v.api.UploadBundle(v.ctx(), http.NoBody, 0))
	}
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return v.after(&client.Error{Status: http.StatusUnprocessableEntity, Message: v.T("web.updates.nofile")})
		}
		if err != nil {
			return &client.Error{Status: http.StatusBadRequest, Message: "the form cannot be read: " + err.Error()}
		}
		if part.FormName() != "bundle" || part.FileName() == "" {
			continue
		}
		body := &lasting{Reader: part, c: http.NewResponseController(v.w)}
		err = v.api.UploadBundle(v.ctx(), body, -1)
		if errors.Is(err, context.Canceled) {
			return err
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(body, 1<<20)) // a browser shows the answer only when it is rid of the rest
		return v.after(err)
	}
}

// uploadPatience is how long nothing may come of an upload.
const uploadPatience = 30 * time.Second

// lasting is a body that may take as long as something comes.
type lasting struct {
	io.Reader
	c *http.ResponseController
}

func (l *lasting) Read(p []byte) (int, error) {
	end := time.Now().Add(uploadPatience)
	_, _ = l.c.SetReadDeadline(end), l.c.SetWriteDeadline(end.Add(maxWork)) // a writer without deadlines, as in tests, needs none
	return l.Reader.Read(p)
}

// Step is what an update is doing, in words.
func (f frame) Step(j wire.UpdateJob) string { return f.T("web.updates.step." + j.Step) }

// Percent is how much of a step is done; -1 when that is not known.
func (f frame) Percent(j wire.UpdateJob) int {
	if j.Total <= 0 {
		return -1
	}
	return int(min(100, j.Done*100/j.Total))
}

// Left is how long a step still takes, in words; "" when nobody knows.
func (f frame) Left(j wire.UpdateJob) string {
	if j.Rate <= 0 || j.Total <= j.Done {
		return ""
	}
	seconds := (j.Total - j.Done) / j.Rate
	if seconds < 90 {
		return f.T("web.updates.seconds", max(1, seconds))
	}
	return f.T("web.updates.minutes", (seconds+30)/60)
}

// Signed is HTML that comes from the vendor, as release notes do: it was signed
// before it got here.
func (f frame) Signed(html string) template.HTML { return template.HTML(html) }

// About is the page that says more of a notice; "" when there is none.
func (f frame) About(n wire.Notice) string {
	if strings.HasPrefix(n.ID, "update:") {
		return "/updates"
	}
	return ""
}

// HowItEnded is how an update ended, in words.
func (f frame) HowItEnded(e wire.UpdateEvent) string { return f.T("web.updates.outcome." + e.Outcome) }

// How is by which way an update comes, in words.
func (f frame) How(r wire.Release) string {
	if text, ok := f.v.words.Lookup("web.updates.how." + r.How); ok {
		return text
	}
	return ""
}

// Held is why nothing is installed by itself, in words.
func (f frame) Held(u wire.Updates) string {
	if u.Held == "" {
		return ""
	}
	if u.HeldUntil != nil {
		return f.T("web.updates.held."+u.Held+".until", f.Time(*u.HeldUntil))
	}
	return f.T("web.updates.held." + u.Held)
}
