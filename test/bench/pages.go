package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The flood of log-ins: so many a second, over so many connections.
const (
	floodRate        = 1000
	floodConnections = 16
)

// shownPages are those whose times are taken.
func shownPages() []string {
	return []string{"/", "/settings/network", "/settings/firewall", "/access", "/history", "/log", "/power"}
}

// pages measures the management pages of a trial: what they weigh, how soon
// they come, and how soon while strangers try to log in.
func (b *bench) pages(ctx context.Context, a *trial) error {
	v, err := a.visitor()
	if err != nil {
		return err
	}
	if err := v.login(ctx, "admin", a.password); err != nil {
		return err
	}
	weight, heaviest, err := v.weight(ctx)
	if err != nil {
		return err
	}
	b.add("heaviest page with all it loads, compressed ("+heaviest+")", fmt.Sprintf("%.1f kB", float64(weight)/1e3), "≤ 100 kB")
	calm, err := v.times(ctx, 20)
	if err != nil {
		return err
	}
	b.add("first byte of a page, natively, median and 95 %", pair(calm), "≤ 20 ms")
	rate, stop := a.flood(ctx)
	stormy, err := v.times(ctx, 20)
	stop()
	if err != nil {
		return err
	}
	b.add(fmt.Sprintf("the same during %.0f log-in attempts a second", rate()), pair(stormy), "as before")
	return nil
}

func pair(times []time.Duration) string {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return fmt.Sprintf("%.1f ms, %.1f ms", ms(times[len(times)/2]), ms(times[len(times)*95/100]))
}

// visitor is a browser without scripts.
type visitor struct {
	base string
	http *http.Client
}

func (a *trial) visitor() (*visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableCompression: true} // our own trial's
	return &visitor{"https://" + a.address, &http.Client{Transport: t, Jar: jar}}, nil
}

func (v *visitor) login(ctx context.Context, account, password string) error {
	form := url.Values{"account": {account}, "password": {password}, "to": {"/power"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.base+"/login", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := v.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.Request.URL.Path != "/power" {
		return fmt.Errorf("the log-in answers %s at %s", resp.Status, resp.Request.URL.Path)
	}
	return nil
}

// fetch is a page and how soon its first byte came.
func (v *visitor) fetch(ctx context.Context, path string) (data []byte, first time.Duration, err error) {
	started := time.Now()
	trace := &httptrace.ClientTrace{GotFirstResponseByte: func() { first = time.Since(started) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodGet, v.base+path, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := v.http.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	data, err = io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || resp.Request.URL.Path != path) {
		err = fmt.Errorf("%s answers %s at %s", path, resp.Status, resp.Request.URL.Path)
	}
	return data, first, err
}

// times are how soon pages come, sorted.
func (v *visitor) times(ctx context.Context, rounds int) ([]time.Duration, error) {
	var times []time.Duration
	for range rounds {
		for _, path := range shownPages() {
			_, first, err := v.fetch(ctx, path)
			if err != nil {
				return nil, err
			}
			times = append(times, first)
		}
	}
	slices.Sort(times)
	return times, nil
}

// weight is that of the heaviest page, with all that it loads.
func (v *visitor) weight(ctx context.Context) (most int, heaviest string, err error) {
	loaded := regexp.MustCompile(`(?:src|href)="(/(?:assets|brand)/[^"]+)"`)
	for _, path := range shownPages() {
		page, _, err := v.fetch(ctx, path)
		if err != nil {
			return 0, "", err
		}
		sum := compressed(page)
		for _, m := range loaded.FindAllSubmatch(page, -1) {
			data, _, err := v.fetch(ctx, string(m[1]))
			if err != nil {
				return 0, "", err
			}
			sum += compressed(data)
		}
		if sum > most {
			most, heaviest = sum, path
		}
	}
	return most, heaviest, nil
}

func compressed(data []byte) int {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(data) // into memory
	_ = w.Close()
	return buf.Len()
}

// flood lets strangers try to log in until it is stopped; rate is how many did
// in a second.
func (a *trial) flood(ctx context.Context) (rate func() float64, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	tick := time.NewTicker(time.Second / floodRate)
	var tried atomic.Int64
	var wg sync.WaitGroup
	started := time.Now()
	for n := range floodConnections {
		wg.Go(func() {
			v, err := a.visitor()
			if err != nil {
				return
			}
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				_ = v.login(ctx, fmt.Sprintf("stranger%d", n), "a guess") // is refused
				tried.Add(1)
			}
		})
	}
	time.Sleep(time.Second) // until it flows
	return func() float64 { return float64(tried.Load()) / time.Since(started).Seconds() }, func() {
		cancel()
		wg.Wait()
		tick.Stop()
	}
}
