package vm

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// TestReplace hands the data disk of version 1.0.0 to a machine of 1.1.0:
// without consent it is left alone, with consent it is taken over, and then
// the old version refuses it.
func TestReplace(t *testing.T) {
	needAll(t)
	data := dataDisk(t)
	old := machine(t, built(t, "hello", "raw"), hypervisor.Spec{DataFile: data, Seed: []byte(seedHello)})
	before := boots(t, old)
	turnOff(t, old)

	newer := edited(t, "version: 1.0.0", "version: 1.1.0")
	asks := unseeded(t, newer, hypervisor.Spec{DataFile: data})
	if err := asks.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers(t, asks, "it asks", needsSetup)
	silent(t, asks)
	setup, err := stranger(t, asks).Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if setup.Adopt == nil || setup.Adopt.Version != "1.0.0" || setup.Adopt.Refused != "" {
		t.Errorf("it tells of the disk as %+v", setup.Adopt)
	}
	tellsNothing(t, setup)
	_, err = stranger(t, asks).Login(t.Context(), wire.Login{Account: "admin", Password: password})
	refusedAs(t, err, 401)
	turnOff(t, asks)

	takes := machine(t, newer, hypervisor.Spec{DataFile: data, Seed: []byte("setup.adopt: yes\n")})
	started := time.Now()
	if err := takes.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Until it has restarted with the old machine's identity, it shows a key
	// of its own.
	answers(t, takes, "it takes over", func(s wire.Status) error {
		if s.State != wire.Healthy {
			return errors.New("it is " + string(s.State))
		}
		return nil
	})
	after := becomesHealthy(t, takes, started)
	if after.Key != before.Key {
		t.Error("the TLS key is another")
	}
	if after.Status.Version != "1.1.0" {
		t.Errorf("it is version %s", after.Status.Version)
	}
	if err := pageSays(t.Context(), address(t, takes), "Good day"); err != nil {
		t.Error(err)
	}
	agrees(t, admin(t, takes))
	turnOff(t, takes)

	if err := old.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers(t, old, "the old version refuses", func(s wire.Status) error {
		if s.State != wire.Degraded || !strings.Contains(strings.Join(s.Warnings, "\n"), "written by version 1.1.0") {
			return errors.New("it is " + string(s.State) + " with the warnings " + strings.Join(s.Warnings, "; "))
		}
		return nil
	})
	silent(t, old)
	turnOff(t, old)
}

// tellsNothing checks what strangers are told of a set-up.
func tellsNothing(t *testing.T, s wire.Setup) {
	t.Helper()
	said, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{`"code"`, `"properties"`, `"seeds"`, "Good day", "admin", `"value"`} {
		if strings.Contains(strings.ReplaceAll(string(said), `"administrator"`, ""), bad) {
			t.Errorf("strangers are told %s: %s", bad, said)
		}
	}
}
