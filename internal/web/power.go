package web

import "net/http"

type powerView struct {
	// Reset is why the factory reset was refused.
	Reset string
}

func powerPage(v *visit) error {
	return v.show(http.StatusOK, "power", "power", v.T("web.menu.power"), powerView{})
}

func power(v *visit) error {
	action := v.r.PostForm.Get("action")
	if err := v.api.Power(v.ctx(), action); err != nil {
		return err
	}
	return v.gone(action)
}

// goneView is the page of a machine that goes down.
type goneView struct {
	Text string
	// Back says that it comes back as it was; after a reset it has another
	// certificate, which a script cannot accept.
	Back bool
}

// gone says what happens now, and in a while asks whether it is over.
func (v *visit) gone(action string) error {
	f := frame{At: "power", Title: v.T("web.menu.power"), Data: goneView{v.T("web.gone." + action), action == "restart"}}
	if action != "off" {
		f.Refresh = 15
	}
	return v.showFrame(http.StatusOK, "gone", f)
}

func reset(v *visit) error {
	err := v.api.Reset(v.ctx(), v.r.PostForm.Get("confirm"))
	if err == nil {
		v.forget(sessionCookie)
		return v.gone("reset")
	}
	problems, err := v.complaints(err)
	if err != nil {
		return err
	}
	return v.show(http.StatusUnprocessableEntity, "power", "power", v.T("web.menu.power"), powerView{Reset: problems[0]})
}
