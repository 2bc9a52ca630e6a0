package markdown

import "testing"

func TestHTML(t *testing.T) {
	for text, want := range map[string]string{
		"# New\n\n- *one*\n":           "<h1>New</h1>\n<ul>\n<li><em>one</em></li>\n</ul>\n",
		"a <script>x</script> b":       "<p>a <!-- raw HTML omitted -->x<!-- raw HTML omitted --> b</p>\n",
		"[x](javascript:alert)":        "<p><a href=\"\">x</a></p>\n",
		"see https://example.com/ now": "<p>see <a href=\"https://example.com/\">https://example.com/</a> now</p>\n",
	} {
		if got, err := HTML([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
