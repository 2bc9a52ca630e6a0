package web

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/test/browser"
)

// at is when everything happened.
var at = time.Date(2026, 11, 25, 9, 30, 0, 0, time.UTC)

// waits is an appliance for which there is an update, after one that failed.
func waits() *wire.Updates {
	return &wire.Updates{
		Version: "1.0.0", Channel: "stable", Source: "https://updates.example.com/shop/", Checked: &at, Held: "policy",
		Available: &wire.Release{
			Version: "1.1.0", Published: at, Security: true, Download: 5_410_000, How: "patch", Whole: 86_150_000, Room: 360_000_000,
			Notes: "## Faster\n\n- *Half* the time", NotesHTML: "<h2>Faster</h2>\n<ul>\n<li><em>Half</em> the time</li>\n</ul>\n",
			Advisories: []wire.Advisory{{ID: "CVE-2026-1234", Severity: "high", Title: "Overflow in the parser"}},
		},
		Then: []string{"1.2.0", "2.0.0"},
		Slots: []wire.UpdateSlot{
			{Version: "1.0.0", State: wire.SlotCurrent, Good: true, Size: 350_000_000},
			{Version: "0.9.0", State: wire.SlotKept, Size: 340_000_000, Back: "restore", SnapshotTime: &at},
			{Version: "0.8.0", State: wire.SlotKept, Size: 330_000_000, Back: "keep"},
		},
		History: []wire.UpdateEvent{{
			Time: at, From: "1.0.0", To: "1.0.1", Outcome: wire.OutcomeRolledBack, By: "admin", Downloaded: 410_000, Downtime: 95,
			Reason: "version 1.0.1 was not well within 10m0s: the management does not answer: EOF", Log: []string{"Nov 25 09:29:01 shop[212]: out of paper", "Nov 25 09:29:02 shop[212]: stopped"},
		}},
	}
}

// states are what the page of updates may have to show.
func states() map[string]*wire.Updates {
	oneWay, works, restarts, trial, refused := waits(), waits(), waits(), waits(), waits()
	oneWay.Available.OneWay = "version 1.1.0 changes the data of shop, which is not kept before"
	works.Job = &wire.UpdateJob{Version: "1.1.0", Step: wire.StepDownload, Done: 2_000_000, Total: 5_410_000, Rate: 100_000, Since: at}
	restarts.Job = &wire.UpdateJob{Version: "1.1.0", Step: wire.StepRestart, Since: at}
	trial.Version, trial.Available, trial.Slots[0].State = "1.1.0", nil, wire.SlotTrial
	trial.Trial = &wire.UpdateTrial{Version: "1.1.0", From: "1.0.0", Healthy: 12, Needed: 60, Left: 500, Missing: []string{"the management does not answer: EOF"}}
	refused.CheckProblem = "look at the address of the repository, the proxy and the network"
	refused.Slots[1].Back, refused.Slots[1].Refused = "", "version 0.9.0 cannot read the data of this one, and there is no copy from before"
	return map[string]*wire.Updates{"available": waits(), "one-way": oneWay, "works": works, "restarts": restarts, "trial": trial, "refused": refused}
}

func TestUpdatesWithoutScripts(t *testing.T) {
	s := newSite(t).setUp(t)
	s.updates.Store(waits())
	b := s.browser(t).login("admin")
	b.get("/updates").says(t, 200, "Version 1.1.0 is available", "<li><em>Half</em> the time</li>", "CVE-2026-1234", "of 82.2", "!http-equiv=\"refresh")
	const first = "tick that you know what is lost"
	b.post("/updates/back", "version", "0.9.0", "data", "restore").says(t, http.StatusUnprocessableEntity, first)
	b.post("/updates/back", "version", "0.9.0", "data", "restore", "lose", "yes").says(t, http.StatusConflict, "!"+first) // this agent takes no updates
	b.post("/updates/back", "version", "0.8.0", "data", "keep").says(t, http.StatusConflict, "!"+first)

	s.updates.Store(states()["works"])
	b.get("/updates").says(t, 200, `http-equiv="refresh" content="5;`, "34 s left", "Cancel")
	s.updates.Store(states()["restarts"])
	b.get("/updates").says(t, 200, "The page waits", "!Cancel", `http-equiv="refresh" content="60;`)

	// A page of the version before is shown anew as a whole.
	s.updates.Store(states()["trial"])
	for shown, want := range map[string]string{"1.0.0": "true", "1.1.0": ""} {
		if got := b.get("/updates?shown=" + shown).header.Get("HX-Refresh"); got != want {
			t.Errorf("to a page of %s it says HX-Refresh: %q", shown, got)
		}
	}
	// A part of a page that asks without a session sends the whole page to log in.
	b.post("/logout")
	b.header.Set("HX-Request", "true")
	if p := b.get("/updates"); p.status != http.StatusNoContent || p.header.Get("HX-Redirect") != "/login?to=%2Fupdates" {
		t.Errorf("it is told %d %v", p.status, p.header)
	}
}

// TestUpdatesInChromium looks at the page in every state, in all languages.
func TestUpdatesInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.chromium(t).login("admin")
	for name, state := range states() {
		s.updates.Store(state)
		s.speak(t, "en")
		c.Screen(browser.Wide, browser.Light)
		c.Open("/updates")
		c.Shot("updates-" + name)
		c.accessible("admin", "/updates, "+name)
		c.Screen(browser.Narrow, browser.Dark)
		c.Shot("updates-" + name + "-narrow")
		for _, language := range []string{"de", "ja"} {
			s.speak(t, language)
			c.Open("/updates")
			c.Shot("updates-" + name + "-" + language)
			c.isIn(language, "/updates, "+name)
		}
	}
}

// anew asks for the page's news now, as it does by itself every half a minute.
func (c *chromium) anew() {
	c.t.Helper()
	_ = browser.Eval[bool](c.Browser, `htmx.ajax("GET", "/updates", {source: "#updates", target: "#updates", select: "#updates", swap: "morph:outerHTML"}).then(() => new Promise(r => setTimeout(() => r(true), 200)))`, chromedp.EvalAwaitPromise)
}

// TestUpdatesStayTicked: a box that was ticked stays so while the page shows
// what is new, but what is consented to for one version is not for another.
func TestUpdatesStayTicked(t *testing.T) {
	s := newSite(t).setUp(t)
	s.updates.Store(states()["one-way"])
	c := s.chromium(t).login("admin")
	c.Open("/updates")
	for _, name := range []string{"one_way", "lose"} {
		c.Press("input[name=" + name + "]")
	}
	file := filepath.Join(t.TempDir(), "shop.ingot")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Do(chromedp.SetUploadFiles(chromedp.CSS("#bundle-file"), []string{file}))
	look := func(when string, want bool) {
		t.Helper()
		for _, name := range []string{"one_way", "lose"} {
			if browser.Eval[bool](c.Browser, "document.querySelector('input[name="+name+"]').checked") != want {
				t.Errorf("%s, %s is ticked: %v", when, name, !want)
			}
		}
		if name := browser.Eval[string](c.Browser, `document.querySelector("#bundle-file").value`); !strings.HasSuffix(name, "shop.ingot") {
			t.Errorf("%s, the file is %q", when, name)
		}
	}
	look("at first", true)
	c.anew()
	look("with the same versions", true)
	other := *states()["one-way"]
	release := *other.Available
	release.Version, other.Available = "1.1.1", &release
	other.Slots = slices.Clone(other.Slots)
	other.Slots[1].Version = "0.9.1"
	s.updates.Store(&other)
	c.anew()
	c.Sees("Version 1.1.1 is available")
	look("with other versions", false)
}

// TestUpdatesStayOpen: what somebody has opened stays so while the page shows
// what is new.
func TestUpdatesStayOpen(t *testing.T) {
	s := newSite(t).setUp(t)
	works := states()["works"]
	s.updates.Store(works)
	c := s.chromium(t).login("admin")
	c.Open("/updates")
	c.Press("details summary")
	c.Sees("out of paper")
	later := *works
	later.Job = &wire.UpdateJob{Version: "1.1.0", Step: wire.StepVerify, Since: at}
	s.updates.Store(&later)
	c.Sees("Reading back")
	if !browser.Eval[bool](c.Browser, `document.querySelector("details").open`) {
		t.Error("the log was closed")
	}
	if text := browser.Eval[string](c.Browser, `document.querySelector("details").innerText`); !strings.Contains(text, "out of paper") {
		t.Errorf("the log is %q", text)
	}
}
