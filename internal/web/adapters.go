package web

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/nettext"
)

// ownAdapters are where adapters are in the document.
const ownAdapters = "network.interfaces"

// adaptersView is the page of all adapters.
type adaptersView struct {
	Menu    []entry
	Form    rows
	Outcome outcome
	NoProxy field
	// Carriers are the adapters that can carry another VLAN.
	Carriers field
	Number   field
}

// adapter is an entry of the document as it is typed.
type adapter struct {
	name, ipv4, ipv6, addresses, gateways, mtu string
	routes                                     []typedRoute
}

type typedRoute struct{ to, via, metric string }

// networkForm is the part of the document that the page shows.
type networkForm struct {
	adapters []adapter
	noProxy  string
}

func adaptersPage(v *visit) error {
	d, _, err := v.document()
	if err != nil {
		return err
	}
	return v.showAdapters(v.networkForm(d.Network), outcome{Status: http.StatusOK}, "", "")
}

// networkForm lists the machine's adapters, each with its VLANs, and then those
// that the document knows and the machine has not got.
func (v *visit) networkForm(n setting.Network) networkForm {
	f := networkForm{noProxy: strings.Join(n.NoProxy, ", ")}
	left := map[string]setting.Interface{}
	for _, i := range n.Interfaces {
		left[i.Name] = i
	}
	take := func(name string) {
		f.adapters = append(f.adapters, adapterOf(left[name]))
		delete(left, name)
	}
	for _, live := range v.status.Network {
		if _, _, isVLAN := nettext.SplitVLAN(live.Name); isVLAN {
			continue // follows its adapter if it is wanted
		}
		if _, ok := left[live.Name]; !ok {
			left[live.Name] = setting.Interface{Name: live.Name, IPv4: "dhcp", IPv6: "auto"}
		}
		take(live.Name)
		for _, name := range slices.Sorted(maps.Keys(left)) {
			if parent, _, isVLAN := nettext.SplitVLAN(name); isVLAN && parent == live.Name {
				take(name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		take(name)
	}
	return f
}

func adapterOf(i setting.Interface) adapter {
	a := adapter{
		name: i.Name, ipv4: i.IPv4, ipv6: i.IPv6, mtu: number(i.MTU),
		addresses: strings.Join(i.Addresses, ", "), gateways: strings.Join(i.Gateways, ", "),
	}
	for _, r := range i.Routes {
		a.routes = append(a.routes, typedRoute{r.To, r.Via, number(r.Metric)})
	}
	return a
}

// number is one of which 0 means none.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// sentNetwork is what a form that was sent says.
func sentNetwork(sent url.Values) networkForm {
	f := networkForm{noProxy: sent.Get("network.no_proxy")}
	for i := range sentRows(sent, ownAdapters) {
		path := at(ownAdapters, i)
		get := func(name string) string { return strings.TrimSpace(sent.Get(path + "." + name)) }
		a := adapter{sent.Get(path), get("ipv4"), get("ipv6"), get("addresses"), get("gateways"), get("mtu"), nil}
		for n := range sentRows(sent, path+".routes") {
			get := func(name string) string { return strings.TrimSpace(sent.Get(at(path+".routes", n) + "." + name)) }
			a.routes = append(a.routes, typedRoute{get("to"), get("via"), get("metric")})
		}
		f.adapters = append(f.adapters, a)
	}
	return f
}

// interfaces are the document's entries. An adapter that is left to the network
// in everything has none. from says for each from which row it comes.
func (f networkForm) interfaces(v *visit) (list []setting.Interface, from []int, wrong []wire.Problem) {
	parse := func(path, text string) int {
		n, err := strconv.Atoi(cmp.Or(text, "0"))
		if err != nil {
			wrong = append(wrong, wire.Problem{Path: path, Message: v.T("web.number")})
		}
		return n
	}
	for row, a := range f.adapters {
		path := at(ownAdapters, row)
		_, vlan, _ := nettext.SplitVLAN(a.name)
		i := setting.Interface{
			Name: a.name, VLAN: vlan, IPv4: a.ipv4, IPv6: a.ipv6,
			Addresses: listed(a.addresses), Gateways: listed(a.gateways), MTU: parse(path+".mtu", a.mtu),
		}
		for n, r := range a.routes {
			i.Routes = append(i.Routes, setting.StaticRoute{To: r.to, Via: r.via, Metric: parse(at(path+".routes", n)+".metric", r.metric)})
		}
		plain := i.IPv4 == "dhcp" && i.IPv6 == "auto" && vlan == 0 && i.MTU == 0 && len(i.Addresses)+len(i.Gateways)+len(i.Routes) == 0
		if !plain {
			list, from = append(list, i), append(from, row)
		}
	}
	return list, from, wrong
}

// changeAdapters takes the form of all adapters.
func changeAdapters(v *visit) error {
	sent := v.r.PostForm
	f := sentNetwork(sent)
	if do := sent.Get("do"); do != "" {
		return v.editAdapters(f, do)
	}
	d, _, err := v.document()
	if err != nil {
		return err
	}
	list, from, wrong := f.interfaces(v)
	noProxy, try := listed(f.noProxy), sent.Get("try") != ""
	if len(wrong) > 0 {
		return v.answerAdapters(f, from, v.wrong(nil), wrong)
	}
	if !try && sameInterfaces(list, d.Network.Interfaces) && slices.Equal(noProxy, d.Network.NoProxy) {
		return v.redirect("/settings/network/adapters?said=same")
	}
	if to, moves := v.movesTo(d.Network.Interfaces, list); moves && sent.Get("moved") == "" && !try {
		return v.askToMove(to)
	}
	err = v.save(map[string]any{"network": map[string]any{"interfaces": list, "no_proxy": noProxy}})
	if err == nil && !try {
		return v.redirect("/settings/network/adapters?said=saved")
	}
	return v.answerAdapters(f, from, err, nil)
}

// editAdapters shows the form again with a VLAN or a route more or less.
func (v *visit) editAdapters(f networkForm, do string) error {
	o := outcome{Status: http.StatusOK, Why: v.r.PostForm.Get("why"), Base: v.base()}
	for i := range f.adapters {
		path := at(ownAdapters, i) + ".routes"
		f.adapters[i].routes = edit(f.adapters[i].routes, path, do, typedRoute{})
	}
	if do != "add "+ownAdapters {
		f.adapters = edit(f.adapters, ownAdapters, do, adapter{})
		return v.showAdapters(f, o, "", "")
	}
	sent := v.r.PostForm
	typed := strings.TrimSpace(sent.Get("vlan.number"))
	n, err := strconv.Atoi(typed)
	name := sent.Get("vlan.carrier") + "." + strconv.Itoa(n)
	switch {
	case err != nil || n < 1 || n > 4094:
		o.Status = http.StatusUnprocessableEntity
		return v.showAdapters(f, o, typed, v.T("web.vlan.wrong"))
	case slices.ContainsFunc(f.adapters, func(a adapter) bool { return a.name == name }):
		o.Status = http.StatusUnprocessableEntity
		return v.showAdapters(f, o, typed, v.T("web.vlan.twice"))
	}
	f.adapters = append(f.adapters, adapter{name: name, ipv4: "dhcp", ipv6: "auto"})
	return v.showAdapters(f, o, "", "")
}

// sameInterfaces compares entries without regard to their order.
func sameInterfaces(a, b []setting.Interface) bool {
	text := func(list []setting.Interface) string {
		list = slices.Clone(list)
		slices.SortFunc(list, func(x, y setting.Interface) int { return strings.Compare(x.Name, y.Name) })
		data, _ := json.Marshal(list) // plain data
		return string(data)
	}
	return len(a) == len(b) && text(a) == text(b)
}

// answerAdapters shows the form again, with why it was not saved. Problems of
// the API are at the document's entries, whose rows are others; found are
// those of rows.
func (v *visit) answerAdapters(f networkForm, from []int, err error, found []wire.Problem) error {
	o, err := v.outcomeOf(err)
	if err != nil {
		return err
	}
	for k, p := range o.Problems {
		for i, row := range from {
			if entry := at(ownAdapters, i); belongs(p.Path, entry) {
				o.Problems[k].Path = at(ownAdapters, row) + strings.TrimPrefix(p.Path, entry)
				break
			}
		}
	}
	o.Problems = append(o.Problems, found...)
	if len(found) > 0 {
		o.General = nil
	}
	return v.showAdapters(f, o, "", "")
}

func (v *visit) showAdapters(f networkForm, o outcome, vlan, vlanProblem string) error {
	all, err := v.settingsOf("none")
	if err != nil {
		return err
	}
	if o.Base == 0 {
		config, err := v.api.Config(v.ctx())
		if err != nil {
			return err
		}
		o.Base = config.Revision
	}
	view := adaptersView{Menu: v.settingsMenu(all, "network"), Form: rows{Path: ownAdapters}, Outcome: o}
	view.NoProxy = v.cell("network", "noproxy", "names", f.noProxy)
	view.NoProxy.Key = "network.no_proxy"
	var carriers []string
	for i, a := range f.adapters {
		view.Form.List = append(view.Form.List, v.adapterRow(i, a))
		if _, _, isVLAN := nettext.SplitVLAN(a.name); !isVLAN {
			carriers = append(carriers, a.name)
		}
	}
	view.Carriers = v.cell("vlan", "vlan", "carrier", v.r.PostForm.Get("vlan.carrier"), carriers...)
	for i, name := range carriers {
		view.Carriers.Options[i].Title = name
	}
	view.Number = v.cell("vlan", "vlan", "number", vlan)
	view.Number.Problem = vlanProblem
	for _, p := range view.Form.refuse(o.Problems) {
		if belongs(p.Path, view.NoProxy.Key) {
			view.NoProxy.Problem = p.Message
			continue
		}
		view.Outcome.General = append(view.Outcome.General, p.Path+": "+p.Message)
	}
	return v.show(o.Status, "adapters", "settings", v.T("web.adapters"), view)
}

// adapterRow is one adapter, or a VLAN on one.
func (v *visit) adapterRow(i int, a adapter) row {
	path := at(ownAdapters, i)
	r := row{Path: path, Title: v.T("web.adapter", a.name), Name: a.name}
	parent, n, isVLAN := nettext.SplitVLAN(a.name)
	live := slices.IndexFunc(v.status.Network, func(l wire.Interface) bool { return l.Name == a.name })
	switch {
	case isVLAN:
		r.Title, r.Drop = v.T("web.adapter.vlan", strconv.Itoa(n), parent), true
	case live < 0:
		r.Note, r.Drop = v.T("web.adapter.gone"), true
	}
	if live >= 0 {
		r.Note = strings.Join(v.status.Network[live].Addresses, ", ")
	}
	r.Fields = []field{
		v.cell(path, "adapter", "ipv4", a.ipv4, "dhcp", "static", "off"),
		v.cell(path, "adapter", "ipv6", a.ipv6, "auto", "static", "off"),
		v.cell(path, "adapter", "mtu", a.mtu),
		v.cell(path, "adapter", "addresses", a.addresses),
		v.cell(path, "adapter", "gateways", a.gateways),
	}
	r.Inner = &rows{Path: path + ".routes", Add: v.T("web.routes.add")}
	for n, to := range a.routes {
		path := at(r.Inner.Path, n)
		r.Inner.List = append(r.Inner.List, row{Path: path, Title: v.T("web.route", n+1), Drop: true, Fields: []field{
			v.cell(path, "route", "to", to.to), v.cell(path, "route", "via", to.via), v.cell(path, "route", "metric", to.metric),
		}})
	}
	return r
}
