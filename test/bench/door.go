package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
)

// What visitors of the door do.
const (
	doorVisitors = 16  // who ask all the time
	doorCrowd    = 500 // who are there at once, below the door's bound
	doorSeconds  = 4
	doorPage     = 4 << 10   // bytes
	doorDownload = 512 << 20 // bytes
)

// application is a small one: a page, a download, and a stream that stays open.
func application() http.Handler {
	page, part := []byte(strings.Repeat("x", doorPage)), make([]byte, 64<<10)
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(page) })
	mux.HandleFunc("/download", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(doorDownload))
		for range doorDownload / len(part) {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "data: x\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	return mux
}

// door measures the agent in front of an application, beside the application
// itself, over plain HTTP and over TLS of its own.
func (b *bench) door(ctx context.Context) error {
	plain, own := httptest.NewServer(application()), httptest.NewTLSServer(application())
	defer plain.Close()
	defer own.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a, door, err := b.doorTrial(ctx, plain.Listener.Addr().(*net.TCPAddr).Port)
	if err != nil {
		return err
	}
	defer func() { stop(); <-a.ended }()
	var rates, speeds [3]float64
	for i, base := range []string{plain.URL, own.URL, door} {
		if rates[i], err = rate(ctx, base); err != nil {
			return err
		}
		if speeds[i], err = speed(ctx, base); err != nil {
			return err
		}
	}
	b.add("pages of 4 KiB a second through the agent on 443; from the application, over its own TLS, plain",
		fmt.Sprintf("%.0f; %.0f, %.0f (%.0f %% of its own TLS)", rates[2], rates[1], rates[0], 100*rates[2]/rates[1]), "")
	b.add("a download through the agent on 443; from the application, over its own TLS, plain",
		fmt.Sprintf("%.0f; %.0f, %.0f MB/s (%.0f %% of its own TLS)", speeds[2], speeds[1], speeds[0], 100*speeds[2]/speeds[1]), "")
	return b.crowd(ctx, a, door)
}

// doorTrial is an agent in front of a port of loopback, and where.
func (b *bench) doorTrial(ctx context.Context, port int) (a *trial, base string, err error) {
	def, err := appliance.Load(os.DirFS("examples/hello"), appliance.FileName, appliance.Options{})
	if err != nil {
		return nil, "", err
	}
	def.Services[0].Ports = []appliance.Port{{Port: port, Protocol: "tcp", HTTPS: true}}
	https, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	a, err = b.trialOf(ctx, def, "door", "--https", https, "--http", "127.0.0.1:0")
	return a, "https://" + https, err
}

func doorClient() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // our own trial's
}

// rate is how many pages come in a second.
func rate(ctx context.Context, base string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, doorSeconds*time.Second)
	defer cancel()
	var got atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	started := time.Now()
	for range doorVisitors {
		wg.Go(func() {
			c := doorClient()
			defer c.CloseIdleConnections()
			for ctx.Err() == nil {
				n, err := download(ctx, c, base+"/page")
				switch {
				case err == nil && n == doorPage:
					got.Add(1)
				case ctx.Err() == nil:
					err = fmt.Errorf("a page of %d bytes: %v", n, err)
					failed.Store(&err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(got.Load()) / time.Since(started).Seconds(), nil
}

// speed is how many MB of a download come in a second.
func speed(ctx context.Context, base string) (float64, error) {
	started := time.Now()
	n, err := download(ctx, doorClient(), base+"/download")
	if err == nil && n != doorDownload {
		err = fmt.Errorf("of a download came %d bytes", n)
	}
	return float64(n) / 1e6 / time.Since(started).Seconds(), err
}

func download(ctx context.Context, c *http.Client, address string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return io.Copy(io.Discard, resp.Body)
}

// crowd measures the agent's memory with as many streams open as the door takes.
func (b *bench) crowd(ctx context.Context, a *trial, door string) error {
	time.Sleep(2 * time.Second) // until connections to the application are closed
	rested, err := a.local.Status(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := range doorCrowd {
		t := doorClient().Transport.(*http.Transport)
		t.DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%4))}}).DialContext
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, door+"/stream", nil)
		if err != nil {
			return err
		}
		resp, err := t.RoundTrip(req)
		if err != nil {
			return fmt.Errorf("stream %d: %w", i, err)
		}
		defer resp.Body.Close()
		if _, err := io.ReadFull(resp.Body, make([]byte, 9)); err != nil {
			return fmt.Errorf("stream %d: %w", i, err)
		}
	}
	time.Sleep(time.Second)
	full, err := a.local.Status(ctx)
	if err != nil {
		return err
	}
	b.add("agent's memory after the downloads", mebibytes(rested.Memory.Agent), "≤ 32 MiB")
	b.add(fmt.Sprintf("agent's memory with %d streams open through it", doorCrowd),
		fmt.Sprintf("%s, %.0f KiB each", mebibytes(full.Memory.Agent), float64(full.Memory.Agent-rested.Memory.Agent)/1024/doorCrowd), "")
	return nil
}
