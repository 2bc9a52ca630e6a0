package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// certificateView is the page of the management port's certificate.
type certificateView struct {
	wire.TLS
	Menu []entry
	// Upload, Key and ACME are the fields of the forms.
	Upload, Key, ACME form
	Base              int
	Why               string
	// Tried is the source of which the values were checked and found good.
	Tried string
	// Requested are the names as they were typed, Request why they were refused.
	Requested string
	Request   []string
}

// Days are the days that are left of a certificate.
func (f frame) Days(c wire.Certificate) int { return int(c.Until.Sub(f.v.site.now()).Hours() / 24) }

// Print is a fingerprint in parts that each stay on one line.
func (f frame) Print(fingerprint string) []string { return grouped(fingerprint) }

func certificatePage(v *visit) error {
	return v.showCertificate(http.StatusOK, nil, func(*certificateView) {})
}

func (v *visit) showCertificate(status int, typed map[string]string, complete func(*certificateView)) error {
	all, err := v.api.SettingsWithFacts(v.ctx(), "none")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(s wire.Setting) bool { return s.Key == "tls" })
	if i < 0 {
		return missing(v)
	}
	view := certificateView{Menu: v.settingsMenu(all, "tls")}
	if view.TLS, err = v.api.TLS(v.ctx()); err != nil {
		return err
	}
	config, err := v.api.Config(v.ctx())
	if err != nil {
		return err
	}
	view.Base = config.Revision
	view.Requested = strings.Join(view.Names, ", ")
	if strings.Contains(typed["tls.chain"], "PRIVATE KEY") {
		delete(typed, "tls.chain") // a key is not sent back
	}
	properties := slices.Clone(all[i].Properties)
	for i := range properties {
		properties[i].Hidden = false // there is a form for each source
	}
	of := func(keys ...string) form {
		return v.newForm(slices.DeleteFunc(slices.Clone(properties), func(p wire.Property) bool { return !slices.Contains(keys, p.Key) }), typed)
	}
	view.Upload, view.Key = of("tls.chain"), of("tls.key")
	view.ACME = of("tls.directory", "tls.names", "tls.email", "tls.authority")
	complete(&view)
	return v.show(status, "certificate", "settings", v.T("web.certificate"), view)
}

// uploadCertificate takes a chain and its key; without a key it is that of the
// request that was made here.
func uploadCertificate(v *visit) error {
	form := v.r.PostForm
	typed := map[string]string{"tls.chain": strings.ReplaceAll(form.Get("tls.chain"), "\r\n", "\n")}
	values := map[string]string{"tls.source": "uploaded", "tls.chain": typed["tls.chain"]}
	if key := form.Get("tls.key"); strings.TrimSpace(key) != "" {
		values["tls.key"] = key
	}
	return v.changeCertificate(values, typed, func(view *certificateView, problems []wire.Problem) {
		var of [2][]wire.Problem
		for _, p := range problems {
			i := 0
			if p.Path == "tls.key" {
				i = 1
			}
			of[i] = append(of[i], p)
		}
		view.Upload.refuse(of[0])
		view.Key.refuse(of[1])
	})
}

// askAuthority gets the certificate by ACME from now on.
func askAuthority(v *visit) error {
	values, typed := map[string]string{"tls.source": "acme"}, map[string]string{}
	for _, key := range []string{"tls.directory", "tls.names", "tls.email", "tls.authority"} {
		typed[key] = strings.ReplaceAll(v.r.PostForm.Get(key), "\r\n", "\n")
		values[key] = typed[key]
	}
	return v.changeCertificate(values, typed, func(view *certificateView, problems []wire.Problem) { view.ACME.refuse(problems) })
}

// ownCertificate goes back to the one that the appliance makes itself.
func ownCertificate(v *visit) error {
	return v.changeCertificate(map[string]string{"tls.source": "self-signed"}, nil, func(view *certificateView, problems []wire.Problem) {
		view.Upload.refuse(problems)
	})
}

// changeCertificate makes a change, or only tries it, and shows the page; what
// is wrong goes to the form that it came from.
func (v *visit) changeCertificate(values, typed map[string]string, refuse func(*certificateView, []wire.Problem)) error {
	why, try := v.r.PostForm.Get("why"), v.r.PostForm.Get("try") != ""
	_, err := v.api.Change(v.ctx(), v.base(), wire.Change{Values: values, Why: why, Try: try})
	if err == nil && !try {
		return v.redirect("/certificate?said=saved")
	}
	o, err := v.outcomeOf(err)
	if err != nil {
		return err
	}
	return v.showCertificate(o.Status, typed, func(view *certificateView) {
		view.Why = why
		if o.Tried {
			view.Tried = values["tls.source"]
		}
		for _, text := range o.General {
			o.Problems = append(o.Problems, wire.Problem{Message: text})
		}
		refuse(view, o.Problems)
	})
}

// requestCertificate makes a request and hands it to the browser as a file.
func requestCertificate(v *visit) error {
	typed := v.r.PostForm.Get("names")
	names := strings.FieldsFunc(typed, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	request, err := v.api.Request(v.ctx(), wire.NewRequest{Names: names})
	if err != nil {
		complaints, err := v.complaints(err)
		if err != nil {
			return err
		}
		return v.showCertificate(http.StatusUnprocessableEntity, nil, func(view *certificateView) {
			view.Requested, view.Request = typed, complaints
		})
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/x-pem-file")
	h.Set("Content-Disposition", `attachment; filename="`+v.status.Name+`.csr"`)
	_, _ = v.w.Write([]byte(request.PEM)) // a browser that went away needs no answer
	return nil
}
