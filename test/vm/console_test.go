package vm

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// newPassword is what somebody sets who forgot the other one.
const newPassword = "another-Horse-8-staple"

// TestConsole is the life of an appliance at its serial console: the whole
// wizard, in German and with a seed that is wrong in part, a restart, a
// forgotten password, and the factory reset.
func TestConsole(t *testing.T) {
	needAll(t)
	m := unseeded(t, licensed(t), hypervisor.Spec{Data: 1 << 30, CDs: []string{environment(t, map[string]string{
		"network_hostname": "walker", "access_password": "null", "time_zone": "Mars/Olympus", "network_proxy": "",
	})}})
	started := time.Now()
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := sits(t, m)
	walksWizard(t, m, p)
	first := becomesHealthy(t, m, started)
	p.types(enter).sees("IN ORDNUNG", "Diese Appliance verwalten")
	shot(t, m, "status")
	looksAround(t, m, p)
	wasSetUp(t, m)
	forgets(t, m, p)

	p.types("8").sees("Werkszustand: alle Daten")
	p.types("walker", f10).sees("ist nicht hello").types(wipe, "hello", f10).sees("Die Maschine startet neu und faengt von vorn an")
	p.seesWithin(4*time.Minute, "1/7 Language", "Or in a browser")
	answers(t, m, "it asks again", needsSetup)
	if now := publicKey(t, m); now == first.Key {
		t.Error("the TLS key outlived the factory reset")
	}
	_, err := stranger(t, m).Login(t.Context(), wire.Login{Account: "admin", Password: newPassword})
	refusedAs(t, err, http.StatusUnauthorized)
	turnOff(t, m)
}

// walksWizard answers all that is asked.
func walksWizard(t *testing.T, m hypervisor.Machine, p *person) {
	t.Helper()
	p.seesWithin(4*time.Minute, "1/7 Language", "3 answers of seeds were not taken", "one-time code")
	shot(t, m, "wizard-language")
	problems := ""
	setup, err := stranger(t, m).Answer(t.Context(), wire.Answer{Code: code(t, m)})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range setup.Seeds {
		for _, problem := range s.Problems {
			problems += s.Provider + " " + problem.Path + "\n"
		}
	}
	for _, want := range []string{"ovf access.password", "ovf network.proxy", "ovf time.zone"} {
		if !strings.Contains(problems, want) {
			t.Errorf("the set-up does not tell of %s: %+v", want, setup.Seeds)
		}
	}
	p.types(right).sees("Die Sprache dieser Konsole").types(f10)
	p.sees("2/7 Tastatur").types("deutsch").sees("> Deutsch").types(enter)
	p.sees("3/7 Lizenz", "Seien Sie nett.", "[ Ich nehme an ]")
	shot(t, m, "wizard-licence")
	p.types(end, enter)
	p.sees("4/7 Netzwerk", "eth0 hat 10.0.2.15/24", "[walker").types(f10)
	p.sees("5/7 Zeit", "wurde nicht uebernommen: ist keine Zeitzone").types("berlin").sees("> Europe/Berlin").types(enter).sees("< Europe/Berlin >").types(f10)
	p.sees("6/7 Administrator", "kam ohne Wert").types(tab, "short", tab, "short", f10).sees("ist zu kurz")
	p.types(wipe, password, tab, wipe, password[1:], f10).sees("die beiden sind nicht gleich")
	shot(t, m, "wizard-administrator")
	p.types(wipe, password, f10)
	p.sees("7/7 Anwendung", "[Hello").types(wipe, "Servus", f10)
	p.sees("Die Appliance ist eingerichtet", "http://10.0.2.15/", "https://10.0.2.15:5480/")
}

// wasSetUp looks over the network at what the wizard has done.
func wasSetUp(t *testing.T, m hypervisor.Machine) {
	t.Helper()
	c := admin(t, m)
	d := document(t, c)
	if d.Network.Hostname != "walker" || d.Language.Language != "de" || d.Keyboard.Layout != "de" || d.Time.Zone != "Europe/Berlin" {
		t.Errorf("the settings are %+v", d)
	}
	if e := d.Setup.EULA; e == nil || e.Language != "de" || e.By != "console" || e.When == "" {
		t.Errorf("the licence was accepted so: %+v", e)
	}
	if err := pageSays(t.Context(), address(t, m), "Servus"); err != nil {
		t.Error(err)
	}
}

// looksAround logs in, looks at the pages behind that, and restarts the machine.
func looksAround(t *testing.T, m hypervisor.Machine, p *person) {
	t.Helper()
	p.types(enter).sees("Anmelden", "Kennwort vergessen?").types("wrong", enter).sees("! ")
	p.types(password, enter).sees("Was moechten Sie tun?")
	shot(t, m, "menu")
	p.types("3").sees("Verlauf der Einstellungen", "set-up: application", "gilt").types(enter).sees("+++ revision")
	shot(t, m, "history")
	p.types(escape).sees("set-up: application").types(escape).sees("Was moechten Sie tun?")
	p.types("4").sees("Wessen Protokoll?").types(enter).sees("admin logged in")
	shot(t, m, "log")
	p.types(escape).sees("Wessen Protokoll?").types(escape).sees("Was moechten Sie tun?")
	booted := answers(t, m, "it runs", func(wire.Status) error { return nil }).Booted
	p.types("6").sees("Die Maschine neu starten?").types(down).sees("> Ja").types(enter).sees("Die Maschine startet neu.")
	answers(t, m, "it has restarted and is healthy", func(s wire.Status) error {
		// By the uptime alone it could not be told: a slow start answers first
		// when it is up for longer than the one before had been.
		if !s.Booted.After(booted.Add(5*time.Second)) || s.State != wire.Healthy {
			return fmt.Errorf("it is %s and up for %d s", s.State, s.Uptime)
		}
		return nil
	})
	p.sees("IN ORDNUNG", "Diese Appliance verwalten", "F2: anmelden")
}

// forgets sets a new password without the old one, and stays logged in with it.
func forgets(t *testing.T, m hypervisor.Machine, p *person) {
	t.Helper()
	p.types(enter).sees("Kennwort vergessen?").types(f4).sees("Es bleiben", "Neues Kennwort")
	shot(t, m, "forgotten")
	p.types(newPassword, tab, newPassword, f10).sees("Das Kennwort ist gesetzt").types(enter).sees("F4")
	c := stranger(t, m)
	_, err := c.Login(t.Context(), wire.Login{Account: "admin", Password: password})
	refusedAs(t, err, http.StatusUnauthorized)
	if _, err := c.Login(t.Context(), wire.Login{Account: "admin", Password: newPassword}); err != nil {
		t.Errorf("the new password does not log in: %v", err)
	}
	p.types(newPassword, enter).sees("Was moechten Sie tun?")
}

// licensed is the smallest example with a licence in two languages.
func licensed(t *testing.T) string {
	t.Helper()
	return editedWith(t, map[string]string{
		"EULA.txt": "Clause 1. You may.\n", "EULA.de.txt": strings.Repeat("Sie duerfen. Seien Sie nett.\n\n", 30),
	}, "services:", "eula: {en: EULA.txt, de: EULA.de.txt}\nservices:")
}

// publicKey is the SHA-256 of the key that the appliance shows, as
// acceptance.Up has it.
func publicKey(t *testing.T, m hypervisor.Machine) string {
	t.Helper()
	address, err := m.Address(acceptance.ManagementPort)
	if err != nil {
		t.Fatal(err)
	}
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // the key is what is asked for
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	certificates := conn.(*tls.Conn).ConnectionState().PeerCertificates
	return fmt.Sprintf("%x", sha256.Sum256(certificates[0].RawSubjectPublicKeyInfo))
}

// TestWizardWithoutDHCP sets an address at the console of a machine whose
// network has nobody else in it.
func TestWizardWithoutDHCP(t *testing.T) {
	needAll(t)
	m := unseeded(t, built(t, "hello", "raw"), hypervisor.Spec{Data: 1 << 30, Hardware: hypervisor.Hardware{Alone: true}})
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := sits(t, m)
	p.seesWithin(4*time.Minute, "1/6 Language").types(f10)
	p.sees("2/6 Keyboard").types(enter)
	p.sees("3/6 Network", "No address came by DHCP").types(tab, right).sees("< Static >", "IPv4 address")
	shot(t, m, "wizard-no-dhcp")
	p.types(f10).sees("! ") // which address?
	p.types("10.0.2.15", tab, "10.0.2.2", f10).sees("! ")
	p.types("/24", f10)
	p.sees("4/6 Time").types(f10)
	p.sees("5/6 Administrator").types(tab, password, tab, password, f10)
	p.sees("6/6 Application").types(f10)
	p.sees("The appliance is set up", "https://10.0.2.15:5480/").types(enter).sees("HEALTHY", "10.0.2.15/24")
	c := client.New(m.Channel)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := c.Login(ctx, wire.Login{Account: "admin", Password: password}); err != nil {
		t.Errorf("the password does not log in: %v", err)
	}
	if status, err := c.Status(ctx); err != nil || status.State != wire.Healthy || status.Setup != wire.SetupComplete {
		t.Errorf("it is %s, its set-up %s: %v", status.State, status.Setup, err)
	}
	turnOff(t, m)
}
