package vm

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// TestFence keeps the application closed until somebody who sees the console
// has answered what is asked, here with a static address.
func TestFence(t *testing.T) {
	needAll(t)
	m := unseeded(t, built(t, "hello", "raw"), hypervisor.Spec{Data: 1 << 30})
	started := time.Now()
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers(t, m, "it asks", needsSetup)
	silent(t, m)
	c := stranger(t, m)
	setup, err := c.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tellsNothing(t, setup)
	_, err = c.Answer(t.Context(), wire.Answer{Code: "WRNG-CODE", Step: setting.StepAdministrator, Values: map[string]string{"access.password": password}})
	refusedAs(t, err, http.StatusForbidden)

	values := map[string]map[string]string{
		setting.StepNetwork:       {"network.mode": "static", "network.address": "10.0.2.15/24", "network.gateway": "10.0.2.2", "network.dns": "10.0.2.3"},
		setting.StepAdministrator: {"access.password": password},
		setting.StepApplication:   {"application.greeting": "Moin"},
	}
	secret := code(t, m)
	for _, step := range setup.Steps {
		if !step.Needed {
			continue
		}
		if setup, err = c.Answer(t.Context(), wire.Answer{Code: secret, Step: step.Name, Values: values[step.Name]}); err != nil {
			t.Fatalf("step %s: %v", step.Name, err)
		}
	}
	if !setup.Complete {
		t.Fatalf("all is answered and the set-up is not complete: %+v", setup.Steps)
	}
	becomesHealthy(t, m, started)
	if err := pageSays(t.Context(), address(t, m), "Moin"); err != nil {
		t.Error(err)
	}
	agrees(t, admin(t, m), "addresses of eth0=10.0.2.15/24", "gateway of eth0=10.0.2.2", "DNS servers=10.0.2.3")
	_, err = c.Answer(t.Context(), wire.Answer{Code: secret, Step: setting.StepAdministrator, Values: map[string]string{"access.password": "another-Horse-8"}})
	refusedAs(t, err, http.StatusConflict)
	turnOff(t, m)
}

// TestLessMemory boots with less memory than the appliance needs, which it
// says, and then with more, which its services get their share of.
func TestLessMemory(t *testing.T) {
	needAll(t)
	file := edited(t, "    binary: ./bin/hello", "    memory: 25%\n    binary: ./bin/hello")
	m := machine(t, file, hypervisor.Spec{Data: 1 << 30, Memory: 128 << 20})
	for _, given := range []int64{128 << 20, 512 << 20} {
		if err := m.(hypervisor.Sizer).SetMemory(given); err != nil {
			t.Fatal(err)
		}
		up := boots(t, m)
		if up.Status.Memory.Given != given {
			t.Errorf("it was given %d bytes of memory and tells of %d", given, up.Status.Memory.Given)
		}
		says := strings.Contains(strings.Join(up.Status.Warnings, "\n"), "needs at least 160\u00a0MiB")
		if want := given < 160<<20; says != want {
			t.Errorf("with %d MiB it says %q", given>>20, up.Status.Warnings)
		}
		list, err := admin(t, m).Resources(t.Context())
		if err != nil || len(list) != 1 || list[0].Value != given/4 {
			t.Errorf("with %d MiB the resources are %+v, %v", given>>20, list, err)
		}
		turnOff(t, m)
	}
}

// TestNoNetwork boots without an adapter, and with one that nobody answers.
func TestNoNetwork(t *testing.T) {
	needAll(t)
	file := built(t, "hello", "raw")
	for _, test := range []struct {
		name     string
		hardware hypervisor.Hardware
		says     string
	}{
		{"no adapter", hypervisor.Hardware{NIC: hypervisor.NoNIC}, "there is no network adapter"},
		{"no answer", hypervisor.Hardware{Alone: true}, "no DHCP answer on eth0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := machine(t, file, hypervisor.Spec{Data: 1 << 30, Hardware: test.hardware})
			if err := m.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			consoleSays(t, m, 4*time.Minute, test.says)
			eventually(t, 2*time.Minute, "the application runs", func(ctx context.Context) error {
				checks, err := inside(ctx, m)
				if err != nil {
					return err
				}
				for _, l := range checks.Listening {
					if l.Port == 80 && len(checks.Jobs) == 0 {
						return nil
					}
				}
				return fmt.Errorf("still to do: %v", checks.Jobs)
			})
			turnOff(t, m)
		})
	}
}

// TestDriveAfterARestart: a CD drive on an emulated controller, for whose
// driver no boot but the first waits, is there all the same.
func TestDriveAfterARestart(t *testing.T) {
	needAll(t)
	m := machine(t, built(t, "hello", "raw"), hypervisor.Spec{
		Data: 1 << 30, Seed: []byte("access.password: " + password + "\n"),
		CDs: []string{disc(t, "EMPTY", map[string]string{"readme": "nothing"})},
	})
	for boot := range 2 {
		boots(t, m)
		log, err := admin(t, m).Log(t.Context(), "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		found, tried := false, ""
		for _, line := range log.Lines {
			found = found || strings.Contains(line.Text, "sr0") && strings.Contains(line.Text, "CD-ROM")
			if strings.Contains(line.Text, "ingot-init: ") {
				tried += line.Text + "\n"
			}
		}
		if !found {
			t.Errorf("there is no CD drive after boot %d; of the initrd, the journal has:\n%s", boot+1, tried)
		}
		turnOff(t, m)
	}
}
