// Command hello serves one page that says which machine and version it comes
// from. It is the program of the smallest example appliance, whose size and
// boot time are measured; so it imports little.
package main

import (
	_ "embed"
	"flag"
	"html"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

//go:embed page.html
var page string

func main() {
	listen := flag.String("listen", ":8080", "address to listen on")
	flag.Parse()
	log.SetFlags(0) // the journal adds the time

	hostname, err := os.Hostname()
	if err != nil {
		log.Fatalf("cannot tell the host name: %v", err)
	}
	server := &http.Server{
		Addr:              *listen,
		Handler:           handler(os.Getenv("GREETING"), hostname, os.Getenv("VERSION"), time.Now),
		ReadHeaderTimeout: 10 * time.Second,
	}
	log.Printf("listening on %s", *listen)
	log.Fatal(server.ListenAndServe())
}

// handler answers / with the page and /healthz with "ok".
func handler(greeting, hostname, version string, now func() time.Time) http.Handler {
	if greeting == "" {
		greeting = "Hello"
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		fill := strings.NewReplacer(
			"{greeting}", html.EscapeString(greeting),
			"{hostname}", html.EscapeString(hostname),
			"{version}", html.EscapeString(version),
			"{time}", now().UTC().Format("2006-01-02 15:04:05 UTC"),
		)
		fill.WriteString(w, page) // the reader is gone; nobody to tell
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n") // as above
	})
	return mux
}
