package web

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// supportView is who may be let in, and who was.
type supportView struct {
	wire.Support
	// Command is how the person logs in.
	Command string
	// Problems are why the form was refused; Certificate, Chosen (minutes) and
	// Why what was typed.
	Problems         []string
	Certificate, Why string
	Chosen           int
}

func supportPage(v *visit) error {
	return v.showSupport(http.StatusOK, supportView{Chosen: 60})
}

func (v *visit) showSupport(status int, view supportView) error {
	var err error
	if view.Support, err = v.api.Support(v.ctx()); err != nil {
		return err
	}
	v.guest = view.Open // the banner need not ask again
	view.Sessions = slices.DeleteFunc(view.Sessions, func(s wire.SupportSession) bool { return s.Ended == nil })
	host := v.status.Hostname
	if u, err := url.Parse(v.status.Management); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	if name, _, err := net.SplitHostPort(v.r.Host); err == nil && name != "" {
		host = name // by which the visitor reaches it
	}
	view.Command = "ssh -p " + strconv.Itoa(view.Port) + " -i id_ed25519 support@" + host
	return v.show(status, "support", "support", v.T("web.menu.support"), view)
}

func openSupport(v *visit) error {
	form := v.r.PostForm
	minutes, _ := strconv.Atoi(form.Get("minutes")) // of a list; anything else is refused
	view := supportView{Certificate: form.Get("certificate"), Why: form.Get("why"), Chosen: minutes}
	_, err := v.api.OpenSupport(v.ctx(), wire.NewSupport{Certificate: view.Certificate, Minutes: minutes, Why: view.Why})
	if err == nil {
		return v.redirect("/support?said=guest")
	}
	if view.Problems, err = v.complaints(err); err != nil {
		return err
	}
	return v.showSupport(http.StatusUnprocessableEntity, view)
}

// endSupport is also the button of the banner, which may have been pressed by
// two people.
func endSupport(v *visit) error {
	err := v.api.EndSupport(v.ctx())
	if e := refused(err); e != nil && e.Status == http.StatusConflict {
		err = nil
	}
	if err != nil {
		return err
	}
	return v.back("guest-ended")
}

// recording hands one out as a file.
func recording(v *visit) error {
	session, file := v.r.PathValue("session"), v.r.PathValue("file")
	data, err := v.api.SupportRecording(v.ctx(), session, file)
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/x-asciicast")
	// Both were found, so they are of letters, digits, dashes and a dot.
	h.Set("Content-Disposition", `attachment; filename="`+session+"-"+file+`"`)
	_, _ = v.w.Write(data) // a browser that went away needs no answer
	return nil
}

// Guests says that a support session is open.
func (f frame) Guests() bool { return f.v.status.Support != nil && f.v.status.Support.Until != nil }

// Guest is the support session that is open, for who is logged in; nil when
// there is none, or it has just ended.
func (f frame) Guest() *wire.SupportSession {
	v := f.v
	if v.guest == nil && v.who.Account != "" && f.Guests() {
		s, err := v.api.Support(v.ctx())
		if err != nil {
			return nil // the banner then says less
		}
		v.guest = s.Open
	}
	return v.guest
}

// Minutes are a length of time in words.
func (f frame) Minutes(n int) string {
	if n%60 == 0 {
		return f.T("web.guest.hours", n/60)
	}
	return f.T("length.min", n)
}

// HowEnded is how a support session did.
func (f frame) HowEnded(s wire.SupportSession) string {
	if text, ok := f.v.words.Lookup("web.guest.how." + s.How); ok {
		return text
	}
	return f.T("web.guest.how.problem")
}

// withoutGuest leaves out the notice that the banner shows anyway.
func withoutGuest(list []wire.Notice) []wire.Notice {
	var rest []wire.Notice
	for _, n := range list {
		if n.ID != "support" {
			rest = append(rest, n)
		}
	}
	return rest
}

// inSession is a support session with the frame whose language it is shown in.
type inSession struct {
	T       frame
	Session wire.SupportSession
}

// Session is what the template of a support session is given.
func (f frame) Session(s wire.SupportSession) inSession { return inSession{f, s} }
