package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/appliance"
)

func TestBranding(t *testing.T) {
	dir := t.TempDir()
	markdown := "# Start\n\nGo *on*, see [help](https://example.com/).\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) <b onclick=x>y</b>\n"
	for name, text := range map[string]string{"logo.svg": "<svg/>", "start.md": markdown} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := branding(&appliance.Branding{Logo: "logo.svg", Pages: []appliance.WebPage{{Title: "Getting started: 1", File: "start.md"}}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if string(b.Logo) != "<svg/>" || b.LogoType != "image/svg+xml" || b.Pages[0].Name != "getting-started-1" {
		t.Errorf("got %+v", b)
	}
	html := b.Pages[0].HTML
	for _, want := range []string{"<em>on</em>", `<a href="https://example.com/">help</a>`, `<td align="right">2</td>`} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q: %s", want, html)
		}
	}
	for _, bad := range []string{"<script", "javascript:", "onclick", "style="} {
		if strings.Contains(html, bad) {
			t.Errorf("the page holds %q: %s", bad, html)
		}
	}
	if b, err := branding(nil, dir); b != nil || err != nil {
		t.Errorf("nothing became %+v, %v", b, err)
	}
	for _, absent := range []appliance.Branding{{Logo: "no.svg"}, {Pages: []appliance.WebPage{{Title: "x", File: "no.md"}}}} {
		if _, err := branding(&absent, dir); err == nil {
			t.Errorf("%+v has files that are not there", absent)
		}
	}
}
