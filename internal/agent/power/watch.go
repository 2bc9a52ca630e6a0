package power

import (
	"context"
	"encoding/binary"
	"io"
	"sync"
	"time"
)

// Source is where input devices come from.
type Source interface {
	// List names the input devices present.
	List() ([]string, error)
	// Open opens one for reading its events, as the kernel writes them. It
	// fails for a device without a power button.
	Open(name string) (io.ReadCloser, error)
}

// rescan is the pause between looks for new devices. The button's device
// comes up once during boot, when its driver is loaded.
const rescan = time.Second

// Codes of linux/input-event-codes.h.
const (
	evKey     = 0x01
	keyPower  = 116
	keyPower2 = 0x164
)

// eventSize is that of struct input_event on 64-bit machines: two 8-byte
// times, type and code of 2 bytes each, a value of 4.
const eventSize = 24

// Watch calls pressed each time a power button is pressed, until ctx ends.
// Buttons that come later are found within seconds; one that vanishes is
// forgotten.
func Watch(ctx context.Context, src Source, pressed func()) {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		known = map[string]bool{} // looked at; false: no button there
	)
	defer wg.Wait()
	tick := time.NewTicker(rescan)
	defer tick.Stop()
	for {
		names, err := src.List()
		if err == nil {
			mu.Lock()
			forget(known, names)
			for _, name := range names {
				if _, seen := known[name]; seen {
					continue
				}
				dev, err := src.Open(name)
				known[name] = err == nil
				if err != nil {
					continue
				}
				wg.Go(func() {
					follow(ctx, dev, pressed)
					mu.Lock()
					delete(known, name)
					mu.Unlock()
				})
			}
			mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// forget drops devices without button that are gone, so that another one may
// take the name.
func forget(known map[string]bool, present []string) {
	there := map[string]bool{}
	for _, name := range present {
		there[name] = true
	}
	for name, open := range known {
		if !open && !there[name] {
			delete(known, name)
		}
	}
}

// follow reads one device until it is gone or ctx ends.
func follow(ctx context.Context, dev io.ReadCloser, pressed func()) {
	stop := context.AfterFunc(ctx, func() { dev.Close() })
	defer func() {
		if stop() {
			dev.Close()
		}
	}()
	buf := make([]byte, 64*eventSize)
	for {
		// The kernel hands out whole events only.
		n, err := dev.Read(buf)
		for e := buf[:n]; len(e) >= eventSize; e = e[eventSize:] {
			if isPress(e) {
				pressed()
			}
		}
		if err != nil || n == 0 {
			return
		}
	}
}

func isPress(event []byte) bool {
	kind := binary.NativeEndian.Uint16(event[16:])
	code := binary.NativeEndian.Uint16(event[18:])
	value := binary.NativeEndian.Uint32(event[20:])
	return kind == evKey && (code == keyPower || code == keyPower2) && value == 1 // 1: down; 0: up; 2: repeat
}
