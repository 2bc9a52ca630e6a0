package vm

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// errUnderWay says that an update is.
var errUnderWay = errors.New("an update is under way")

// updateKills is how often TestUpdateTorture cuts the power unless INGOT_TORTURE
// says otherwise: as many as there is time for in each run of all tests.
const updateKills = 12

// killsEach is how often it does so before it looks what has become of an update.
const killsEach = 3

// TestUpdateTorture cuts the power at random instants of updates there and
// back: the appliance always comes up, in one of both versions and with its
// settings, and can be updated at the end.
func TestUpdateTorture(t *testing.T) {
	needAll(t)
	kills, _ := strconv.Atoi(os.Getenv("INGOT_TORTURE"))
	if kills == 0 {
		kills = updateKills
	}
	v := newVendor(t)
	v.release("1.0.0")
	v.release("1.1.0")
	m := machine(t, build(t, v.project("1.0.0"), "raw"), hypervisor.Spec{Data: 1 << 30, Seed: []byte(seedHello)})
	boots(t, m)
	change(t, admin(t, m), map[string]string{"updates.url": v.url})
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for cuts := 0; cuts < kills; {
		changesVersion(t, m)
		var after []time.Duration
		for range killsEach {
			if len(after) > 0 { // the next one is in the boot, or in the trial
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			pause := time.Duration(random.Int64N(int64(60 * time.Second)))
			time.Sleep(pause)
			after = append(after, pause.Round(time.Second))
			if err := m.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		cuts += killsEach
		up := boots(t, m)
		t.Logf("cut after %v: it boots version %s", after, up.Status.Version)
		if err := pageSays(t.Context(), address(t, m), "Good day"); err != nil {
			t.Fatal(err)
		}
	}
	if settled(t, m) == "1.0.0" {
		changesVersion(t, m)
		becomes(t, m, "1.1.0", wire.OutcomeInstalled)
	}
	turnOff(t, m)
}

// settled waits until no update is under way, and says which version runs.
func settled(t *testing.T, m hypervisor.Machine) (version string) {
	t.Helper()
	eventually(t, 8*time.Minute, "no update is under way", func(ctx context.Context) error {
		c := stranger(t, m)
		defer c.Close()
		session, err := c.Login(ctx, wire.Login{Account: "admin", Password: password})
		if err != nil {
			return err
		}
		u, err := c.WithToken(session.Token).Updates(ctx, "en")
		if err != nil {
			return err
		}
		if u.Job != nil || u.Trial != nil {
			return errUnderWay
		}
		version = u.Version
		return nil
	})
	return version
}

// changesVersion begins an update to 1.1.0, or the way back from it.
func changesVersion(t *testing.T, m hypervisor.Machine) {
	t.Helper()
	version := settled(t, m)
	c := admin(t, m)
	var err error
	if version == "1.0.0" {
		if err = c.CheckUpdates(t.Context()); err == nil {
			err = c.InstallUpdate(t.Context(), wire.InstallUpdate{Version: "1.1.0"})
		}
	} else {
		err = c.BackUpdate(t.Context(), wire.BackUpdate{Version: "1.0.0", Data: "keep"})
	}
	if err != nil {
		t.Fatalf("from version %s: %v", version, err)
	}
}
