package web

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/test/browser"
)

// chromium is a browser with JavaScript at a site.
type chromium struct {
	*browser.Browser
	t    *testing.T
	site *site
}

func (s *site) chromium(t *testing.T, options ...chromedp.ExecAllocatorOption) *chromium {
	t.Helper()
	return &chromium{browser.Start(t, s.url, browser.Limit, options...), t, s}
}

// login logs in as an account, whose password is password.
func (c *chromium) login(account string) *chromium {
	c.t.Helper()
	c.Login(account, password)
	return c
}
