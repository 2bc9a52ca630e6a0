package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// factorView is the set-up of a second factor: first its secret, then its
// recovery codes.
type factorView struct {
	wire.OfferedFactor
	// Groups is the secret in groups of four.
	Groups []string
	QR     *picture
	Now    time.Time
	// Problems are why the code was refused.
	Problems []string
	Codes    []string
	// Renewed says that the codes take the place of others.
	Renewed bool
}

// picture is a QR code as the path of an SVG.
type picture struct {
	Size int
	Path string
}

// quiet is the white border of a QR code, in modules.
const quiet = 4

// draw makes a QR code; nil when the text is too long for one.
func draw(text string) *picture {
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil
	}
	var path strings.Builder
	for y := range c.Size {
		for x := 0; x < c.Size; x++ {
			from := x
			for x < c.Size && c.Black(x, y) {
				x++
			}
			if n := strconv.Itoa(x - from); x > from {
				path.WriteString("M" + strconv.Itoa(from+quiet) + " " + strconv.Itoa(y+quiet) + "h" + n + "v1h-" + n + "z")
			}
		}
	}
	return &picture{c.Size + 2*quiet, path.String()}
}

func offerFactor(v *visit) error {
	offer, err := v.api.OfferFactor(v.ctx(), wire.OfferFactor{Current: v.r.PostForm.Get("current")})
	if err != nil {
		return v.factorRefused(err)
	}
	return v.showOffer(http.StatusOK, offer, nil)
}

func (v *visit) showOffer(status int, offer wire.OfferedFactor, problems []string) error {
	view := factorView{OfferedFactor: offer, Now: v.site.now(), Problems: problems}
	for group := range slices.Chunk([]byte(offer.Secret), 4) {
		view.Groups = append(view.Groups, string(group))
	}
	view.QR = draw(offer.URL)
	return v.show(status, "factor", "access", v.T("web.factor.head"), view)
}

// factorRefused says on the page of access why something was refused.
func (v *visit) factorRefused(err error) error {
	var view accessView
	if view.Factor, err = v.complaints(err); err != nil {
		return err
	}
	return v.showAccess(http.StatusUnprocessableEntity, view)
}

// acceptFactor gets the secret back from its page, to show it once more when
// the code was wrong: the API tells it only once.
func acceptFactor(v *visit) error {
	form := v.r.PostForm
	codes, err := v.api.AcceptFactor(v.ctx(), form.Get("code"))
	if err == nil {
		return v.showCodes(codes, false)
	}
	problems, ok := problemsOf(err)
	if !ok || !slices.ContainsFunc(problems, func(p wire.Problem) bool { return p.Path == "code" }) {
		return v.factorRefused(err)
	}
	offer := wire.OfferedFactor{Secret: form.Get("secret"), URL: form.Get("url")}
	return v.showOffer(http.StatusUnprocessableEntity, offer, []string{v.T("web.code.wrong")})
}

func (v *visit) showCodes(codes wire.RecoveryCodes, renewed bool) error {
	return v.show(http.StatusOK, "factor", "access", v.T("web.factor.codes"), factorView{Codes: codes.Codes, Renewed: renewed})
}

// proof is the password and the code of a form.
func (v *visit) proof() wire.ProveFactor {
	return wire.ProveFactor{Current: v.r.PostForm.Get("current"), Code: v.r.PostForm.Get("code")}
}

func newRecovery(v *visit) error {
	codes, err := v.api.NewRecovery(v.ctx(), v.proof())
	if err != nil {
		return v.factorRefused(err)
	}
	return v.showCodes(codes, true)
}

func factorOff(v *visit) error {
	if err := v.api.FactorOff(v.ctx(), v.proof()); err != nil {
		return v.factorRefused(err)
	}
	return v.redirect("/access?said=factor-off")
}

func otherFactorOff(v *visit) error {
	err := v.api.FactorOff(v.ctx(), wire.ProveFactor{Account: v.r.PathValue("name")})
	return v.answerAccount(err, accessView{}, "factor-off")
}

func endSession(v *visit) error {
	err := v.api.EndSession(v.ctx(), v.r.PathValue("id"))
	if e := refused(err); e != nil && e.Status == http.StatusNotFound {
		err = nil // it has ended by itself
	}
	if err != nil {
		return err
	}
	return v.redirect("/access?said=session")
}

func endOthers(v *visit) error {
	if err := v.api.EndOthers(v.ctx()); err != nil {
		return err
	}
	return v.redirect("/access?said=sessions")
}

// fewLogins are shown at once, the others on demand.
const fewLogins = 10

// showSessions fills in who is logged in, and who was.
func (v *visit) showSessions(view *accessView) (err error) {
	if v.who.Elsewhere == "" {
		if view.Own, err = v.api.Factor(v.ctx()); err != nil {
			return err
		}
	}
	if view.Sessions, err = v.api.Sessions(v.ctx()); err != nil {
		return err
	}
	view.Others = slices.ContainsFunc(view.Sessions, func(s wire.OpenSession) bool { return !s.Own && s.Account == v.who.Account })
	if view.Logins, err = v.api.Logins(v.ctx()); err != nil {
		return err
	}
	if len(view.Logins) > fewLogins {
		view.Logins, view.Older = view.Logins[:fewLogins], view.Logins[fewLogins:]
	}
	return nil
}

// loginList is a table of log-ins, in the frame whose language it is in.
type loginList struct {
	T    frame
	List []wire.LoginEvent
}

// Logins is what the template of a table of log-ins is given.
func (f frame) Logins(list []wire.LoginEvent) loginList { return loginList{f, list} }

// Failed says that nobody was let in.
func (f frame) Failed(e wire.LoginEvent) bool { return strings.HasPrefix(e.Result, "wrong-") }

// freshFor is how long after a log-in the overview tells of the one before.
const freshFor = 5 * time.Minute

// LastLogin tells the visitor of their last log-in, so that they notice one
// that was not theirs.
func (f frame) LastLogin() string {
	who := f.v.who
	text := ""
	if who.Before != nil {
		text = f.T("web.login.last", f.Time(who.Before.Time), who.Before.From)
	}
	if who.Failures > 0 {
		text = strings.TrimSpace(text + " " + f.T("web.login.failures", who.Failures))
	}
	return text
}

// greeting is what the overview says to somebody who has just logged in.
func (v *visit) greeting() string {
	if v.who.Started == nil || v.site.now().Sub(*v.who.Started) > freshFor {
		return ""
	}
	return frame{v: v}.LastLogin()
}

// Browser names a browser and its system, or a program, by what it calls
// itself; "" when that says nothing.
func (f frame) Browser(agent string) string {
	first := func(pairs ...[2]string) string {
		for _, p := range pairs {
			if strings.Contains(agent, p[0]) {
				return p[1]
			}
		}
		return ""
	}
	// Each calls itself by the names of those that came before it.
	name := first([2]string{"Edg/", "Edge"}, [2]string{"OPR/", "Opera"}, [2]string{"Firefox/", "Firefox"}, [2]string{"Chrome/", "Chrome"}, [2]string{"Safari/", "Safari"})
	system := first([2]string{"Android", "Android"}, [2]string{"iPhone", "iPhone"}, [2]string{"iPad", "iPad"}, [2]string{"Windows", "Windows"}, [2]string{"Mac OS", "macOS"}, [2]string{"Linux", "Linux"})
	switch {
	case name != "" && system != "":
		return name + ", " + system
	case name != "" || strings.HasPrefix(agent, "Go-http-client"):
		return name
	}
	program, _, _ := strings.Cut(agent, " ")
	return program
}
