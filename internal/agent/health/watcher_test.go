package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeUnits answers what the test set last.
type fakeUnits struct {
	mu   sync.Mutex
	unit Unit
	err  error
	asks int
}

func (f *fakeUnits) set(u Unit, err error) {
	f.mu.Lock()
	f.unit, f.err = u, err
	f.mu.Unlock()
}

func (f *fakeUnits) Unit(context.Context, string) (Unit, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asks++
	return f.unit, f.err
}

// fakeProbe fails with what the test set last.
type fakeProbe struct {
	mu    sync.Mutex
	err   error
	delay time.Duration
	asks  int
}

func (f *fakeProbe) set(err error, delay time.Duration) {
	f.mu.Lock()
	f.err, f.delay = err, delay
	f.mu.Unlock()
}

func (f *fakeProbe) Probe(ctx context.Context) error {
	f.mu.Lock()
	err, delay := f.err, f.delay
	f.asks++
	f.mu.Unlock()
	select {
	case <-ctx.Done():
		return errors.New("no answer in time")
	case <-time.After(delay):
		return err
	}
}

func (f *fakeProbe) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asks
}

var running = Unit{Active: "active", Sub: "running"}

// watch runs a watcher in a bubble of synthetic time; story lets time pass.
func watch(t *testing.T, target Target, units Units, story func(state func() Result, w *Watcher)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := New([]Target{target}, units, nil)
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		synctest.Wait()
		story(func() Result { synctest.Wait(); return w.Results()[0] }, w)
		cancel()
		<-done
	})
}

func expect(t *testing.T, r Result, state State, detail string) {
	t.Helper()
	if r.State != state || !strings.Contains(r.Detail, detail) || (detail == "" && r.Detail != "") {
		t.Errorf("the service is %s %q; want %s %q", r.State, r.Detail, state, detail)
	}
}

func TestServiceStartsFailsAndRecovers(t *testing.T) {
	probe := &fakeProbe{err: errors.New("connection refused")}
	units := &fakeUnits{unit: running}
	watch(t, Target{Name: "web", Unit: "web.service", Probe: probe, Every: 10 * time.Second}, units,
		func(now func() Result, w *Watcher) {
			begin := time.Now()
			expect(t, now(), Starting, "connection refused")
			time.Sleep(20 * time.Second)
			expect(t, now(), Starting, "connection refused")
			if !w.Healthy().IsZero() {
				t.Error("healthy was noted before it was")
			}

			probe.set(nil, 0)
			time.Sleep(settle)
			expect(t, now(), Healthy, "")
			if got := w.Healthy().Sub(begin); got != 21*time.Second {
				t.Errorf("healthy after %v; want 21s", got)
			}
			since := now().Since

			// One failure is none.
			time.Sleep(5 * time.Second)
			probe.set(errors.New("answered 503"), 0)
			time.Sleep(5 * time.Second)
			probe.set(nil, 0)
			expect(t, now(), Healthy, "")
			time.Sleep(settle)
			if r := now(); r.State != Healthy || !r.Since.Equal(since) {
				t.Errorf("one failed probe changed the service to %+v", r)
			}

			// Two are.
			probe.set(errors.New("answered 503"), 0)
			time.Sleep(10*time.Second + settle)
			expect(t, now(), Failing, "answered 503")

			probe.set(nil, 0)
			time.Sleep(settle)
			expect(t, now(), Healthy, "")
			if got := w.Healthy().Sub(begin); got != 21*time.Second {
				t.Errorf("the first time healthy moved to %v", got)
			}
		})
}

func TestGraceEnds(t *testing.T) {
	probe := &fakeProbe{err: errors.New("connection refused")}
	watch(t, Target{Name: "db", Probe: probe}, &fakeUnits{unit: running}, func(now func() Result, _ *Watcher) {
		time.Sleep(Grace - settle)
		expect(t, now(), Starting, "connection refused")
		time.Sleep(2 * settle)
		expect(t, now(), Failing, "connection refused")
	})
}

func TestProbeThatHangs(t *testing.T) {
	probe := &fakeProbe{delay: time.Hour}
	watch(t, Target{Name: "web", Probe: probe, Timeout: 3 * time.Second}, &fakeUnits{unit: running},
		func(now func() Result, _ *Watcher) {
			time.Sleep(4 * time.Second)
			expect(t, now(), Starting, "no answer in time")
		})
}

func TestPace(t *testing.T) {
	probe := &fakeProbe{}
	watch(t, Target{Name: "web", Probe: probe, Every: 10 * time.Second}, &fakeUnits{unit: running},
		func(now func() Result, _ *Watcher) {
			time.Sleep(time.Minute)
			now()
			if got := probe.count(); got != 7 {
				t.Errorf("a healthy service was asked %d times in a minute; want 7", got)
			}
		})
}

func TestUnitStates(t *testing.T) {
	for _, test := range []struct {
		name   string
		unit   Unit
		err    error
		first  State // at once
		later  State // when it was healthy before, a moment later
		detail string
	}{
		{"running", running, nil, Healthy, Healthy, ""},
		{"done", Unit{Active: "active", Sub: "exited"}, nil, Healthy, Healthy, ""},
		{"reloading", Unit{Active: "reloading", Sub: "reload"}, nil, Healthy, Healthy, ""},
		{"being started", Unit{Active: "activating", Sub: "start"}, nil, Starting, Failing, "is being started"},
		{"failed", Unit{Active: "failed", Failure: "exit status 1"}, nil, Failing, Failing, "stopped: exit status 1"},
		{"stopped", Unit{Active: "inactive"}, nil, Starting, Failing, "is not running"},
		{"restarting", Unit{Active: "activating", Sub: "auto-restart", Failure: "exit status 2", Restarts: 1}, nil,
			Starting, Failing, "stopped and is being restarted: exit status 2"},
		{"restarting all the time", Unit{Active: "activating", Sub: "auto-restart", Restarts: 3}, nil,
			Failing, Failing, "keeps stopping"},
		{"missing", Unit{Missing: true}, nil, Failing, Failing, "there is no unit x.service"},
		{"manager away", Unit{}, errors.New("cannot reach the system manager"), Starting, Failing, "cannot reach"},
	} {
		t.Run(test.name, func(t *testing.T) {
			units := &fakeUnits{unit: test.unit, err: test.err}
			watch(t, Target{Name: "x", Unit: "x.service"}, units, func(now func() Result, _ *Watcher) {
				expect(t, now(), test.first, test.detail)
			})
			units = &fakeUnits{unit: running}
			watch(t, Target{Name: "x", Unit: "x.service"}, units, func(now func() Result, _ *Watcher) {
				expect(t, now(), Healthy, "")
				units.set(test.unit, test.err)
				time.Sleep(defaultEvery + 2*settle)
				expect(t, now(), test.later, test.detail)
			})
		})
	}
}

func TestFailedUnitBeatsItsProbe(t *testing.T) {
	units := &fakeUnits{unit: Unit{Active: "failed", Failure: "out of memory"}}
	watch(t, Target{Name: "x", Probe: &fakeProbe{}}, units, func(now func() Result, _ *Watcher) {
		expect(t, now(), Failing, "out of memory")
	})
}

func TestProbeCountsWhenTheManagerIsAway(t *testing.T) {
	watch(t, Target{Name: "x", Probe: &fakeProbe{}}, &fakeUnits{err: errors.New("away")}, func(now func() Result, _ *Watcher) {
		expect(t, now(), Healthy, "")
	})
}

func TestNoServicesAreHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(nil, &fakeUnits{}, nil)
		w.Run(t.Context())
		if w.Healthy().IsZero() || len(w.Results()) != 0 {
			t.Error("an appliance without services never became healthy")
		}
	})
}

func TestHTTPProbe(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/broken", http.StatusFound) })
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	mux.HandleFunc("/why", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "the database is\x1bfull", 500) })
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<h1>Oh</h1>", 500) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		for r.Context().Err() == nil {
			fmt.Fprint(w, strings.Repeat("no ", 1000))
		}
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	plainServer, tlsServer := httptest.NewServer(mux), httptest.NewTLSServer(mux)
	defer plainServer.Close()
	defer tlsServer.Close()
	closed := httptest.NewServer(mux)
	closed.Close()
	for _, test := range []struct{ name, url, want string }{
		{"fine", plainServer.URL + "/ok", ""},
		{"own certificate", tlsServer.URL + "/ok", ""},
		{"redirection is an answer", plainServer.URL + "/moved", ""},
		{"not there", plainServer.URL + "/none", ": answered 404 Not Found"},
		{"broken", plainServer.URL + "/broken", ": answered 503 Service Unavailable"},
		{"says why", plainServer.URL + "/why", ": answered 500 Internal Server Error (the database is full)"},
		{"a page", plainServer.URL + "/page", ": answered 500 Internal Server Error"},
		{"endless", plainServer.URL + "/endless", "no no…)"},
		{"closed", closed.URL + "/ok", ": connection refused"},
		{"slow", plainServer.URL + "/slow", ": no answer in time"},
		{"no URL", "http://[::1", "missing ']' in host"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			err := HTTP(test.url).Probe(ctx)
			if test.want == "" {
				if err != nil {
					t.Errorf("Probe() = %v", err)
				}
				return
			}
			if err == nil || !strings.HasSuffix(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "GET "+test.url+": ") {
				t.Errorf("Probe() = %v; want GET %s…%s", err, test.url, test.want)
			}
		})
	}
}

func TestTCPProbe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := TCP(address).Probe(t.Context()); err != nil {
		t.Errorf("Probe() of a listener = %v", err)
	}
	l.Close()
	want := fmt.Sprintf("connect to %s: connection refused", address)
	if err := TCP(address).Probe(t.Context()); err == nil || err.Error() != want {
		t.Errorf("Probe() of nobody = %v; want %s", err, want)
	}
}

// TestOff: a service that is not wanted is off, whatever its unit does, and
// has its grace anew when it is wanted again.
func TestOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		units := &fakeUnits{unit: Unit{Active: "inactive", Sub: "dead"}}
		var mu sync.Mutex
		why := "waits for the set-up"
		w := New([]Target{{Name: "web", Unit: "web.service", Off: func() string {
			mu.Lock()
			defer mu.Unlock()
			return why
		}}}, units, nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.Run(ctx)
		time.Sleep(2 * Grace)
		if r := w.Results()[0]; r.State != Off || r.Detail != "waits for the set-up" {
			t.Errorf("not wanted: %+v", r)
		}
		if !w.Healthy().IsZero() {
			t.Error("an appliance whose services are all off was called healthy")
		}
		mu.Lock()
		why = ""
		mu.Unlock()
		time.Sleep(Grace / 2)
		if r := w.Results()[0]; r.State != Starting {
			t.Errorf("asked to start: %+v", r)
		}
		units.set(Unit{Active: "active", Sub: "running"}, nil)
		time.Sleep(2 * time.Second)
		if r := w.Results()[0]; r.State != Healthy || w.Healthy().IsZero() {
			t.Errorf("running: %+v", r)
		}
	})
}
