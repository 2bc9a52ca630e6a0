package power

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// event is a struct input_event as the kernel writes it.
func event(kind, code uint16, value uint32) []byte {
	b := make([]byte, eventSize)
	binary.NativeEndian.PutUint64(b, 1763900000)
	binary.NativeEndian.PutUint16(b[16:], kind)
	binary.NativeEndian.PutUint16(b[18:], code)
	binary.NativeEndian.PutUint32(b[20:], value)
	return b
}

// fakeSource has devices that the test plugs in and out.
type fakeSource struct {
	mu      sync.Mutex
	devices map[string]io.ReadCloser // nil: no button
	opened  map[string]int
	err     error
}

func (f *fakeSource) List() ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name := range f.devices {
		names = append(names, name)
	}
	return names, f.err
}

func (f *fakeSource) Open(name string) (io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened[name]++
	if d := f.devices[name]; d != nil {
		return d, nil
	}
	return nil, errors.New("no power button")
}

func (f *fakeSource) plug(name string, d io.ReadCloser) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.devices[name] = d
}

func (f *fakeSource) unplug(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.devices, name)
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{devices: map[string]io.ReadCloser{"event0": nil}, opened: map[string]int{}, err: errors.New("no folder yet")}
		ctx, cancel := context.WithCancel(t.Context())
		presses := 0
		done := make(chan struct{})
		go func() { Watch(ctx, src, func() { presses++ }); close(done) }()
		check := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if presses != want {
				t.Errorf("%s: %d presses; want %d", what, presses, want)
			}
		}
		time.Sleep(time.Minute)
		src.mu.Lock()
		src.err = nil
		src.mu.Unlock()

		r, w := io.Pipe()
		src.plug("event1", r)
		time.Sleep(rescan)
		synctest.Wait()
		w.Write(event(evKey, keyPower, 1))
		check("the button", 1)
		w.Write(append(event(evKey, keyPower, 0), event(0, 0, 0)...))
		check("let go", 1)
		w.Write(event(evKey, keyPower, 2))
		check("held down", 1)
		w.Write(event(evKey, 30, 1))
		check("the letter A", 1)
		w.Write(event(2, keyPower, 1))
		check("a mouse that moved", 1)
		w.Write(append(event(0, 0, 0), event(evKey, keyPower2, 1)...))
		check("the other power key, second in a packet", 2)

		// The device goes; another one takes its name.
		w.CloseWithError(errors.New("no such device"))
		r, w = io.Pipe()
		src.plug("event1", r)
		time.Sleep(rescan)
		synctest.Wait()
		w.Write(event(evKey, keyPower, 1))
		check("the new button", 3)

		// One without a button is looked at once, unless it was gone.
		if n := src.opened["event0"]; n != 1 {
			t.Errorf("a device without a button was opened %d times; want once", n)
		}
		src.unplug("event0")
		time.Sleep(rescan)
		synctest.Wait()
		src.plug("event0", nil)
		time.Sleep(rescan)
		synctest.Wait()
		if n := src.opened["event0"]; n != 2 {
			t.Errorf("a device that came back was opened %d times; want twice", n)
		}
		cancel()
		<-done
		if _, err := w.Write(event(evKey, keyPower, 1)); err == nil {
			t.Error("the device was left open")
		}
	})
}

func TestDevices(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"event0", "event12", "mouse0"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src := Devices(dir)
	names, err := src.List()
	if err != nil || len(names) != 2 || names[0] != "event0" || names[1] != "event12" {
		t.Errorf("List() = %v, %v", names, err)
	}
	if _, err := src.Open("event0"); err == nil {
		t.Error("Open() took a plain file for a power button")
	}
	if _, err := Devices(filepath.Join(dir, "none")).List(); err == nil {
		t.Error("List() of no folder succeeded")
	}
}
