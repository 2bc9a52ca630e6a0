package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
)

func issue(t *testing.T, name string, life time.Duration) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now(), NotAfter: time.Now().Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func wish(name string) Wish {
	return Wish{ACME: setting.ACME{Directory: "https://ca.example.com/", Names: []string{name}}}
}

// TestWhenOrdersAreMade: at once, after 2/3 of a life, and ever more rarely
// when they fail.
func TestWhenOrdersAreMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const life = 90 * 24 * time.Hour
		start := time.Now()
		var mu sync.Mutex
		var times []time.Duration
		taken := func() []time.Duration {
			mu.Lock()
			defer mu.Unlock()
			list := times
			times = nil
			return list
		}
		var failing atomic.Bool
		failing.Store(true)
		m := New(Options{Dir: t.TempDir()})
		m.get = func(_ context.Context, w Wish) (*tls.Certificate, error) {
			mu.Lock()
			times = append(times, time.Since(start))
			mu.Unlock()
			if failing.Load() {
				return nil, errors.New("no")
			}
			return issue(t, w.Names[0], life), nil
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go m.Run(ctx)
		time.Sleep(time.Hour)
		synctest.Wait()
		if at := taken(); len(at) != 0 {
			t.Fatalf("an order without a wish, after %v", at)
		}
		m.Obtain(wish("a.example.com"))
		time.Sleep(24 * time.Hour)
		m.Obtain(wish("a.example.com")) // the same is no news
		synctest.Wait()
		want := []time.Duration{0, 15 * time.Minute, 45 * time.Minute, 105 * time.Minute, 225 * time.Minute, 465 * time.Minute, 945 * time.Minute}
		for i := range want {
			want[i] += time.Hour
		}
		if at := taken(); !slices.Equal(at, want) {
			t.Errorf("orders after %v, want %v", at, want)
		}
		if m.State().Problem != "no" {
			t.Errorf("the state is %+v", m.State())
		}
		failing.Store(false)
		time.Sleep(12 * time.Hour)
		synctest.Wait()
		first := m.Certificate()
		if at := taken(); len(at) != 1 || first == nil || m.State().Problem != "" {
			t.Fatalf("orders %v, the state is %+v", at, m.State())
		}
		time.Sleep(life*2/3 - 12*time.Hour)
		synctest.Wait()
		if at := taken(); len(at) != 0 {
			t.Errorf("renewed too early: %v", at)
		}
		failing.Store(true)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if at := taken(); len(at) < 3 || m.Certificate() != first || m.State().Problem != "no" {
			t.Errorf("after 2/3 of its life: orders %v, the state is %+v", at, m.State())
		}
		failing.Store(false)
		m.Obtain(wish("b.example.com")) // no waiting for the next try of another wish
		synctest.Wait()
		if c := m.Certificate(); c == nil || c.Leaf.DNSNames[0] != "b.example.com" {
			t.Error("the new wish is not fulfilled")
		}
	})
}

// TestOldCertificates: an authority that sends what has ended is not asked in
// an endless loop.
func TestOldCertificates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var orders atomic.Int32
		m := New(Options{Dir: t.TempDir()})
		m.get = func(_ context.Context, w Wish) (*tls.Certificate, error) {
			orders.Add(1)
			return issue(t, w.Names[0], -time.Hour), nil
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go m.Run(ctx)
		m.Obtain(wish("a.example.com"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := orders.Load(); n < 2 || n > 5 {
			t.Errorf("%d orders in an hour", n)
		}
	})
}

// TestAnotherWishEndsAnOrder: what was asked for before is not used.
func TestAnotherWishEndsAnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Options{Dir: t.TempDir()})
		m.get = func(ctx context.Context, w Wish) (*tls.Certificate, error) {
			<-ctx.Done()
			return issue(t, w.Names[0], time.Hour), nil // too late
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go m.Run(ctx)
		m.Obtain(wish("a.example.com"))
		synctest.Wait()
		m.Obtain(Wish{})
		synctest.Wait()
		if m.Certificate() != nil || m.State() != (State{}) {
			t.Errorf("there is a certificate, the state is %+v", m.State())
		}
	})
}

func TestAnswersNothingElse(t *testing.T) {
	a := &answers{byPath: map[string]string{"/.well-known/acme-challenge/x": "x.y"}}
	for request, want := range map[string]int{
		"GET /.well-known/acme-challenge/x": 200, "POST /.well-known/acme-challenge/x": 404, "GET /": 404,
		"GET /.well-known/acme-challenge/": 404, "GET /.well-known/acme-challenge/x/": 404,
	} {
		method, path, _ := strings.Cut(request, " ")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", request, w.Code, want)
		}
	}
}
