package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// overviewView is the first page: how the appliance is.
type overviewView struct {
	wire.Status
	Services  []serviceView
	Resources []wire.Resource
	// Load is for who is logged in; nil leaves it out.
	Load                    *loadView
	Uptime                  string
	MemoryUsed, MemoryGiven string
	MemoryLevel             string
	MemoryPercent           int64
	// Print is the fingerprint, cut in groups that fit a narrow screen.
	Print []string
	Now   time.Time
}

// liveOnly is the part of the page that is asked for every few seconds: it
// leaves out the charts, which change less often and cost more.
const liveOnly = "live"

type serviceView struct {
	wire.Service
	For   string
	Where string
}

func overview(v *visit) error {
	s := v.status
	s.Notices = withoutGuest(s.Notices)
	view := overviewView{Status: s, Uptime: v.length(time.Duration(s.Uptime) * time.Second), Now: v.site.now()}
	for _, svc := range s.Services {
		view.Services = append(view.Services, serviceView{svc, v.length(view.Now.Sub(svc.Since)), v.ports(svc.Ports)})
	}
	if m := s.Memory; m.Total > 0 {
		used := m.Total - m.Available
		view.MemoryPercent = used * 100 / m.Total
		view.MemoryUsed, view.MemoryGiven = v.format.Size(used), v.format.Size(max(m.Given, m.Total))
		switch {
		case view.MemoryPercent >= 95:
			view.MemoryLevel = "full"
		case view.MemoryPercent >= 80:
			view.MemoryLevel = "high"
		}
	}
	view.Print = grouped(s.Fingerprint)
	if v.who.Account != "" {
		resources, err := v.api.Resources(v.ctx())
		if err != nil {
			return err
		}
		view.Resources = resources
		if v.r.URL.Query().Get("part") != liveOnly {
			if view.Load, err = v.load(); err != nil {
				return err
			}
		}
	}
	f := frame{At: "overview", Title: v.T("web.menu.overview"), Data: view, Refresh: 10, Said: v.greeting(), Warn: v.who.Failures > 0}
	if s.State != wire.Healthy {
		f.Refresh = 3
	}
	return v.showFrame(http.StatusOK, "overview", f)
}

func fix(v *visit) error {
	if err := v.api.Fix(v.ctx(), v.r.PostForm.Get("id")); err != nil {
		return err
	}
	return v.redirect("/?said=fixed")
}

// grouped is a fingerprint in parts that each stay on one line.
func grouped(fingerprint string) []string {
	const group = 8 * 3 // eight pairs with their colons
	var parts []string
	for text := fingerprint; text != ""; {
		n := min(group, len(text))
		parts = append(parts, text[:n])
		text = text[n:]
	}
	return parts
}

func restartService(v *visit) error {
	if err := v.api.Restart(v.ctx(), v.r.PathValue("name")); err != nil {
		return err
	}
	return v.redirect("/?said=restarted")
}

func (v *visit) stateWord(s wire.State) string {
	if text, ok := v.words.Lookup("web.state." + string(s)); ok {
		return text
	}
	return v.T("web.state.unknown")
}

// initial stands for the product where there is no picture of it.
func initial(title string) string {
	for _, r := range title {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return "•"
}

func (v *visit) ports(list []wire.Port) string {
	var text []string
	for _, p := range list {
		text = append(text, fmt.Sprintf("%d/%s", p.Port, p.Protocol))
	}
	if len(text) == 0 {
		return ""
	}
	return v.T("web.port", strings.Join(text, ", "))
}

// length says a duration in at most two units.
func (v *visit) length(d time.Duration) string {
	switch d = d.Truncate(time.Second); {
	case d < time.Minute:
		return v.T("length.less")
	case d < time.Hour:
		return v.T("length.min", d/time.Minute)
	case d < 24*time.Hour:
		return v.T("length.hour", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return v.T("length.day", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	}
}
