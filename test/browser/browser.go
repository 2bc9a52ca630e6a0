// Package browser drives a real browser, Debian's Chromium, with a fresh
// profile: what a person does with the management pages, and what they see.
//
// Guarantees: each complaint of the browser itself (a script that fails,
// something that the pages' policy forbids) fails the test; so does whatever
// does not work within [Limit].
package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/internal/host"
)

// Limit is how long a browser lives if its test says nothing else.
const Limit = 3 * time.Minute

// The screens: a desk's and a phone's, by day and by night.
const (
	Wide   = 1280
	Narrow = 390
	Light  = "light"
	Dark   = "dark"
)

// Browser is one window.
type Browser struct {
	t   testing.TB
	url string
	// Ctx is for what chromedp does without a method here.
	Ctx context.Context
	// Patience is how long [Browser.Sees] waits.
	Patience time.Duration
	// Width is the screen's.
	Width int64
	// scheme is light or dark.
	scheme     string
	complaints *console
}

// Need is the path of the browser; it skips a test where there is none, unless
// all tests must run: `make test-tools` installs it.
func Need(t testing.TB) string {
	t.Helper()
	path, err := host.Find("chromium")
	if err != nil {
		path, err = host.Find("chromium-browser")
	}
	switch {
	case err != nil && os.Getenv("INGOT_TEST_ALL") != "":
		t.Fatal("chromium is missing: make test-tools installs it")
	case err != nil || testing.Short() || os.Getenv("INGOT_TEST_ALL") == "":
		t.Skip("for make test")
	}
	return path
}

// Start opens a window for the pages at an address, "https://host:port". It
// takes any certificate.
func Start(t testing.TB, url string, limit time.Duration, options ...chromedp.ExecAllocatorOption) *Browser {
	t.Helper()
	options = append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(Need(t)), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.IgnoreCertErrors,
	}, options...)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	complaints := new(console)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithListener(complaints.listen))
	ctx, expire := context.WithTimeout(ctx, limit)
	t.Cleanup(func() {
		expire()
		cancel()
		stop()
		complaints.report(t)
	})
	return &Browser{t, url, ctx, 20 * time.Second, Wide, Light, complaints}
}

// console is what a browser complains of: scripts that fail, and whatever the
// policy of the pages forbids. There must be nothing.
type console struct {
	mutex   sync.Mutex
	lines   []string
	excused []string
}

func (c *console) listen(event any) {
	line := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		line = e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			line += " " + x.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			line = string(e.Type)
			for _, a := range e.Args {
				line += " " + string(a.Value) + a.Description
			}
		}
	case *log.EventEntryAdded:
		// An answer of 403 or 422 is logged, too; the stories look at these.
		answered := e.Entry.Source == log.EntrySourceNetwork && strings.Contains(e.Entry.Text, "responded with a status of 4")
		if !answered && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			line = string(e.Entry.Source) + ": " + e.Entry.Text + " " + e.Entry.URL
		}
	}
	if line == "" {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.lines = append(c.lines, line)
}

func (c *console) report(t testing.TB) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, line := range c.lines {
		if !slices.ContainsFunc(c.excused, func(text string) bool { return strings.Contains(line, text) }) {
			t.Errorf("the browser complains: %s", line)
		}
	}
}

// Excuse lets the browser complain with one of these texts: for a test that
// takes the pages away from it.
func (b *Browser) Excuse(texts ...string) {
	b.complaints.mutex.Lock()
	defer b.complaints.mutex.Unlock()
	b.complaints.excused = append(b.complaints.excused, texts...)
}

// Screen makes the screen another one.
func (b *Browser) Screen(width int64, scheme string) {
	b.t.Helper()
	b.Width, b.scheme = width, scheme
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(b.Ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.t.Fatal(err)
	}
	b.Do(chromedp.EmulateViewport(width, 800))
}

// NoScripts switches JavaScript off.
func (b *Browser) NoScripts() {
	b.t.Helper()
	if _, err := chromedp.Call(b.Ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		b.t.Fatal(err)
	}
}

// Login logs in by hand.
func (b *Browser) Login(account, password string) *Browser {
	b.t.Helper()
	b.Open("/login")
	b.Fill("#account", account)
	b.Fill("#password", password)
	b.Press("main button")
	b.Do(WaitFor(`form[action="/logout"]`))
	return b
}

// Choose takes an option of a list, as a person does.
func (b *Browser) Choose(selector, value string) {
	b.t.Helper()
	_ = Eval[bool](b, fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true})); return true })()`, selector, value))
}

// Eval is the value of an expression in the page.
func Eval[T any](b *Browser, expression string, options ...chromedp.EvaluateOption) T {
	b.t.Helper()
	value, err := chromedp.Run(b.Ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		b.t.Fatalf("%.200s: %v", expression, err)
	}
	return value
}

// Has says whether the page has an element.
func (b *Browser) Has(selector string) bool {
	b.t.Helper()
	return Eval[bool](b, fmt.Sprintf("!!document.querySelector(%q)", selector))
}

// Do does what chromedp calls actions.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.Ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// Open goes to a page.
func (b *Browser) Open(path string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(b.url+path), chromedp.WaitVisible(chromedp.CSS("footer")))
}

// Leave goes to an empty page: one that asks by itself would go on.
func (b *Browser) Leave() {
	b.t.Helper()
	b.Do(chromedp.Navigate("about:blank"))
}

// Fill types into a field, instead of what was in it.
func (b *Browser) Fill(selector, text string) {
	b.t.Helper()
	b.Do(chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Press clicks on what can be seen.
func (b *Browser) Press(selector string) {
	b.t.Helper()
	var err error
	for range 5 {
		// What is to be clicked on may be drawn anew in the very moment.
		err = chromedp.Do(b.Ctx, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
		if err == nil || !strings.Contains(err.Error(), "Could not find node") {
			break
		}
	}
	if err != nil {
		b.t.Fatalf("cannot press %s: %v", selector, err)
	}
}

// Sees waits until the page shows a text.
func (b *Browser) Sees(text string) {
	b.t.Helper()
	var body string
	for deadline := time.Now().Add(b.Patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var err error
		if body, err = chromedp.Run(b.Ctx, chromedp.Text(chromedp.CSS("body"))); err == nil && strings.Contains(body, text) {
			return
		}
	}
	b.t.Fatalf("the page does not show %q, but\n%s", text, body)
}

// Shot keeps a picture of the whole page, when INGOT_SHOTS names a folder.
func (b *Browser) Shot(name string) {
	b.t.Helper()
	dir := os.Getenv("INGOT_SHOTS")
	if dir == "" {
		return
	}
	for _, size := range []struct {
		name  string
		width int64
	}{{"wide", Wide}, {"narrow", Narrow}} {
		b.Do(chromedp.EmulateViewport(size.width, 800), chromedp.Sleep(100*time.Millisecond))
		data, err := chromedp.Run(b.Ctx, chromedp.FullScreenshot(100))
		if err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+"-"+size.name+".png"), data, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	b.Do(chromedp.EmulateViewport(b.Width, 800))
}

// WaitFor waits until the page has an element.
func WaitFor(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitReady(chromedp.CSS(selector))
}
