package web

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// maxTries is how often a browser is sent to try another connection: it keeps
// no more of them open than that.
const maxTries = 8

// confirm keeps the change that waits. The API takes that only over a
// connection younger than the change: when the browser came over an old one,
// that is closed and the browser sent to try again, with the same form.
func confirm(v *visit) error {
	err := v.api.Confirm(v.ctx())
	if e := refused(err); e != nil && e.Status == http.StatusConflict && v.status.Pending != nil {
		tries, _ := strconv.Atoi(v.r.URL.Query().Get("try"))
		if tries < maxTries {
			v.w.Header().Set("Connection", "close")
			http.Redirect(v.w, v.r, fmt.Sprintf("/confirm?try=%d", tries+1), http.StatusTemporaryRedirect)
			return nil
		}
	}
	if err != nil {
		return err
	}
	return v.back("confirmed")
}

// undo brings the revision before the change that waits back at once.
func undo(v *visit) error {
	p := v.status.Pending
	if p == nil {
		return v.back("nothing")
	}
	if _, err := v.api.Revert(v.ctx(), p.Revision, p.RevertTo, ""); err != nil {
		return err
	}
	return v.back("undone")
}

// back returns to the page on which a button was pressed.
func (v *visit) back(said string) error {
	return v.redirect(local(v.r.PostForm.Get("back")) + "?said=" + said)
}

// Pending is the change that waits to be confirmed, or nil.
func (f frame) Pending() *wire.Pending { return f.v.status.Pending }
