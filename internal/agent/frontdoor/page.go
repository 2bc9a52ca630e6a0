package frontdoor

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/words"
)

// retryAfter is when to try again, in seconds: most services start within it.
const retryAfter = 10

// awayPage is small and loads nothing: who sees it cannot be helped here.
const awayPage = `<!DOCTYPE html>
<html lang="%s">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>%s</title></head>
<body><main><h1>%[2]s</h1><p>%s</p></main></body>
</html>
`

// sayAway tells a visitor, in the browser's language, that the application does
// not answer, and nothing of why.
func sayAway(w http.ResponseWriter, r *http.Request, status int) {
	language := words.Spoken(r.Header.Get("Accept-Language"))
	title, text := language.Text("front.away"), language.Text("front.away.text")
	h := w.Header()
	h.Set("Retry-After", strconv.Itoa(retryAfter))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Language", language.Language())
	h.Set("X-Content-Type-Options", "nosniff")
	if !strings.Contains(r.Header.Get("Accept"), "html") {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, title+". "+text+"\n") // who is gone reads nothing
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'self'")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, awayPage, language.Language(), html.EscapeString(title), html.EscapeString(text))
}

// refuse answers what no browser asks.
func refuse(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }
