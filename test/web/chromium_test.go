package web

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is a browser with JavaScript and a fresh profile.
type chromium struct {
	t    *testing.T
	site *site
	ctx  context.Context
	// width and scheme are the screen's; the light one of a desk at first.
	width  int64
	scheme string
}

// needChromium skips a test where there is none; `make test` installs it.
func needChromium(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		path, err = exec.LookPath("chromium-browser")
	}
	switch {
	case err != nil && os.Getenv("INGOT_TEST_ALL") != "":
		t.Fatal("chromium is missing: make test-tools installs it")
	case err != nil || testing.Short() || os.Getenv("INGOT_TEST_ALL") == "":
		t.Skip("for make test")
	}
	return path
}

func (s *site) chromium(t *testing.T, options ...chromedp.ExecAllocatorOption) *chromium {
	t.Helper()
	options = append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(needChromium(t)), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.IgnoreCertErrors,
	}, options...)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	complaints := new(console)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithListener(complaints.listen))
	ctx, expire := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(func() {
		expire()
		cancel()
		stop()
		complaints.report(t)
	})
	return &chromium{t, s, ctx, wide, light}
}

// console is what a browser complains of: scripts that fail, and whatever the
// policy of the pages forbids. There must be nothing.
type console struct {
	mutex sync.Mutex
	lines []string
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

func (c *console) report(t *testing.T) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, line := range c.lines {
		t.Errorf("the browser complains: %s", line)
	}
}

// The screens: a desk's and a phone's, by day and by night.
const (
	wide   = 1280
	narrow = 390
	light  = "light"
	dark   = "dark"
)

// screen makes the screen another one.
func (c *chromium) screen(width int64, scheme string) {
	c.t.Helper()
	c.width, c.scheme = width, scheme
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(c.ctx, emulation.SetEmulatedMedia, media); err != nil {
		c.t.Fatal(err)
	}
	c.do(chromedp.EmulateViewport(width, 800))
}

// noScripts switches JavaScript off.
func (c *chromium) noScripts() {
	c.t.Helper()
	if _, err := chromedp.Call(c.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		c.t.Fatal(err)
	}
}

// login logs in as an account, whose password is password, by hand.
func (c *chromium) login(account string) *chromium {
	c.t.Helper()
	c.open("/login")
	c.fill("#account", account)
	c.fill("#password", password)
	c.press("main button")
	c.do(waitFor(`form[action="/logout"]`))
	return c
}

// choose takes an option of a list, as a person does.
func (c *chromium) choose(selector, value string) {
	c.t.Helper()
	_ = eval[bool](c, fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true})); return true })()`, selector, value))
}

// eval is the value of an expression in the page.
func eval[T any](c *chromium, expression string, options ...chromedp.EvaluateOption) T {
	c.t.Helper()
	value, err := chromedp.Run(c.ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		c.t.Fatalf("%.200s: %v", expression, err)
	}
	return value
}

// has says whether the page has an element.
func (c *chromium) has(selector string) bool {
	c.t.Helper()
	return eval[bool](c, fmt.Sprintf("!!document.querySelector(%q)", selector))
}

func (c *chromium) do(steps ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	if err := chromedp.Do(c.ctx, steps...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *chromium) open(path string) {
	c.t.Helper()
	c.do(chromedp.Navigate(c.site.url+path), chromedp.WaitVisible(chromedp.CSS("footer")))
}

// fill types into a field, instead of what was in it.
func (c *chromium) fill(selector, text string) {
	c.t.Helper()
	c.do(chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

func (c *chromium) press(selector string) {
	c.t.Helper()
	c.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

func (c *chromium) sees(text string) {
	c.t.Helper()
	var body string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var err error
		if body, err = chromedp.Run(c.ctx, chromedp.Text(chromedp.CSS("body"))); err == nil && contains(body, text) {
			return
		}
	}
	c.t.Fatalf("the page does not show %q, but\n%s", text, body)
}

// shot keeps a picture of the whole page, when INGOT_SHOTS names a folder.
func (c *chromium) shot(name string) {
	c.t.Helper()
	dir := os.Getenv("INGOT_SHOTS")
	if dir == "" {
		return
	}
	for _, size := range []struct {
		name  string
		width int64
	}{{"wide", wide}, {"narrow", narrow}} {
		c.do(chromedp.EmulateViewport(size.width, 800), chromedp.Sleep(100*time.Millisecond))
		data, err := chromedp.Run(c.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			c.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+"-"+size.name+".png"), data, 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	c.do(chromedp.EmulateViewport(c.width, 800))
}

func waitFor(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitReady(chromedp.CSS(selector))
}
