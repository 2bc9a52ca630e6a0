package vm

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/test/browser"
)

// vendor releases versions of the example hello.
type vendor struct {
	t          *testing.T
	keys, repo string
	url        string // as the machine reaches it
	env        []string
	files      map[string]string // what its versions have besides, with the root of trust
}

func newVendor(t *testing.T) *vendor {
	t.Helper()
	dir := t.TempDir()
	v := &vendor{t: t, keys: filepath.Join(dir, "keys"), repo: filepath.Join(dir, "repo"), env: []string{"INGOT_PASSPHRASE=correct horse"}}
	v.ingot("keys", "init", v.keys, "--single")
	root, err := os.ReadFile(filepath.Join(v.keys, "root.json"))
	if err != nil {
		t.Fatal(err)
	}
	v.files = map[string]string{"root.json": string(root)}
	server := httptest.NewServer(http.FileServer(http.Dir(v.repo))) // on loopback
	t.Cleanup(server.Close)
	v.url = strings.Replace(server.URL, "127.0.0.1", "10.0.2.2", 1) + "/"
	return v
}

func (v *vendor) ingot(args ...string) string {
	v.t.Helper()
	said, err := ingot(v.t, v.env, args...)
	if err != nil {
		v.t.Fatalf("ingot %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return said
}

// project is a version whose updates are this vendor's.
func (v *vendor) project(version string, replace ...string) string {
	v.t.Helper()
	return project(v.t, v.files, append([]string{
		"version: 1.0.0", "version: " + version, "{VERSION: 1.0.0}", "{VERSION: " + version + "}",
		"\nservices:", "\nupdates: {root: root.json, trial: {healthy: 10s, within: 80s}}\n\nservices:",
	}, replace...)...)
}

func (v *vendor) release(version string, replace ...string) {
	v.t.Helper()
	v.ingot("release", "add", v.project(version, replace...), "--repo", v.repo, "--keys", v.keys)
}

// becomes waits until a version runs and an update ended so.
func becomes(t *testing.T, m hypervisor.Machine, version, outcome string) (e wire.UpdateEvent) {
	t.Helper()
	eventually(t, 8*time.Minute, version+" "+outcome, func(ctx context.Context) error {
		if m.State() != hypervisor.Running {
			t.Fatal("the machine is off")
		}
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
		if u.Version != version || u.Job != nil || u.Trial != nil || len(u.History) == 0 || u.History[0].Outcome != outcome {
			return fmt.Errorf("it is version %s, job %+v, trial %+v, history %+v", u.Version, u.Job, u.Trial, u.History)
		}
		e = u.History[0]
		return nil
	})
	return e
}

// TestUpdate goes from 1.0.0 to 1.1.0 online by a patch, is handed a bundle of
// 1.2.0 that is never well and goes back by itself, with what the service's own
// commands saved and restore, and goes back to 1.0.0 as an administrator chooses;
// after each step comes a cold boot.
func TestUpdate(t *testing.T) {
	needAll(t)
	browser.Need(t)
	v := newVendor(t)
	v.files["commands.go"] = commandsForData
	data := []string{"    binary: ./bin/hello", dataOfHello}
	v.release("1.0.0", data...)
	v.release("1.1.0", append(data, "title: Hello\nvendor", "title: Hello again\nvendor")...)
	onDisc := filepath.Join(t.TempDir(), "hello.ingot")
	v.ingot("release", "bundle", "--repo", v.repo, "--keys", v.keys, "--from", "1.0.0", "--to", "1.1.0", "-o", onDisc)
	bundle, err := os.ReadFile(onDisc)
	must(t, err)
	disk := dataDisk(t)
	m := machine(t, build(t, v.project("1.0.0", data...), "raw"), hypervisor.Spec{
		DataFile: disk, Seed: []byte(seedHello), CDs: []string{disc(t, "UPDATES", map[string]string{"hello.ingot": string(bundle)})},
	})
	boots(t, m)
	c := admin(t, m)
	offersTheDisc(t, c)
	change(t, c, map[string]string{"updates.url": v.url})
	if err := c.CheckUpdates(t.Context()); err != nil {
		t.Fatal(err)
	}
	u, err := c.Updates(t.Context(), "en")
	if err != nil {
		t.Fatal(err)
	}
	if u.Available == nil || u.Available.Version != "1.1.0" || u.Available.How != "patch" || u.Available.Download > u.Available.Whole/20 {
		t.Fatalf("available: %+v", u.Available)
	}
	t.Logf("%d of %d bytes by %s", u.Available.Download, u.Available.Whole, u.Available.How)
	status, err := c.Status(t.Context())
	if err != nil || !slices.ContainsFunc(status.Notices, func(n wire.Notice) bool {
		return n.Text == "version 1.1.0 is available" && n.Fix == "install it"
	}) {
		t.Errorf("the console and the overview do not offer it: %+v, %v", status.Notices, err)
	}
	b := updatesIn(t, m)
	b.Sees("Version 1.1.0 is available")
	b.Shot("vm-updates-available")
	b.Press(`button[name="when"][value="now"]`)
	b.Do(browser.WaitFor(".doing"))
	b.Leave() // a page that asks on while the machine restarts has something to complain of
	e := becomes(t, m, "1.1.0", wire.OutcomeInstalled)
	t.Logf("downtime %d s", e.Downtime)
	coldBoot(t, m, "1.1.0")

	v.release("1.2.0", append(data, `"-listen=:80"`, `"-listen=:81"`)...)
	handedIn := filepath.Join(t.TempDir(), "hello.ingot")
	v.ingot("release", "bundle", "--repo", v.repo, "--keys", v.keys, "--from", "1.1.0", "--to", "1.2.0", "-o", handedIn)
	upload(t, m, handedIn)
	if err := admin(t, m).InstallUpdate(t.Context(), wire.InstallUpdate{Version: "1.2.0"}); err != nil {
		t.Fatal(err)
	}
	e = becomes(t, m, "1.1.0", wire.OutcomeRolledBack)
	if !strings.Contains(e.Reason, "Hello is") || len(e.Log) == 0 {
		t.Errorf("the reason is %q, with %d lines of the log", e.Reason, len(e.Log))
	}
	t.Logf("%s\n%s", e.Reason, strings.Join(e.Log, "\n"))
	b = updatesIn(t, m)
	b.Sees("went back by itself")
	b.Shot("vm-updates-back")
	b.Leave()
	coldBoot(t, m, "1.1.0")

	if err := admin(t, m).BackUpdate(t.Context(), wire.BackUpdate{Version: "1.0.0", Data: "keep"}); err != nil {
		t.Fatal(err)
	}
	becomes(t, m, "1.0.0", wire.OutcomeWentBack)
	coldBoot(t, m, "1.0.0")
	turnOff(t, m)
	left := t.TempDir()
	out(t, disk, left, "app")
	for file, want := range map[string]string{"migrated": "1.1.0 1.2.0", "restored": "what was saved"} {
		if text, err := os.ReadFile(filepath.Join(left, "app", "hello", file)); string(text) != want {
			t.Errorf("in %s the service's command wrote %q, %v; want %q", file, text, err, want)
		}
	}
}

// offersTheDisc finds the updates of an attached CD.
func offersTheDisc(t *testing.T, c *client.Client) {
	t.Helper()
	media, err := c.UpdateMedia(t.Context())
	if err != nil || len(media) != 1 || media[0].Label != "UPDATES" || media[0].File != "hello.ingot" {
		t.Fatalf("the media with updates are %+v, %v", media, err)
	}
	must(t, c.UseMedium(t.Context(), media[0].Name))
	u, err := c.Updates(t.Context(), "en")
	if err != nil || u.Available == nil || u.Available.Version != "1.1.0" || u.Available.How != "bundle" {
		t.Errorf("of the disc, it offers %+v, %v", u.Available, err)
	}
}

// updatesIn opens the page of updates in a browser.
func updatesIn(t *testing.T, m hypervisor.Machine) *browser.Browser {
	t.Helper()
	management, err := m.Address(acceptance.ManagementPort)
	if err != nil {
		t.Fatal(err)
	}
	b := window(t, management)
	b.Login("admin", password).Sees("Healthy")
	b.Open("/updates")
	return b
}

// coldBoot switches off and on, and looks whether it is that version with its
// data.
func coldBoot(t *testing.T, m hypervisor.Machine, version string) {
	t.Helper()
	turnOff(t, m)
	if up := boots(t, m); up.Status.Version != version {
		t.Fatalf("it boots version %s, want %s", up.Status.Version, version)
	}
	if err := pageSays(t.Context(), address(t, m), "Good day"); err != nil {
		t.Error(err)
	}
}

func upload(t *testing.T, m hypervisor.Machine, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := admin(t, m).UploadBundle(t.Context(), f, info.Size()); err != nil {
		t.Fatal(err)
	}
}
