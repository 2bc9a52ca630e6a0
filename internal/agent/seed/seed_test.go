package seed

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var testKeys = []string{"network.hostname", "network.dns", "time.zone", "time.servers", "access.password", "application.db_host", "application.certificate"}

// machine is a folder that plays the root of a machine.
type machine struct {
	t    *testing.T
	root string
	// media are the files of each medium, by device.
	media map[string]map[string]string
	log   []string
}

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, root: t.TempDir(), media: map[string]map[string]string{}}
	m.write("run/ingot/.keep", "")
	return m
}

func (m *machine) options() Options {
	return Options{Root: m.root, RunDir: filepath.Join(m.root, "run/ingot"), Keys: testKeys, Mounter: m, Guestinfo: fakeGuestinfo{m.t, nil}}
}

func (m *machine) write(path, text string) {
	m.t.Helper()
	path = filepath.Join(m.root, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		m.t.Fatal(err)
	}
}

// disk attaches a disk, or a partition "of" one, with the head of a medium.
func (m *machine) disk(name, of, partname, head string) {
	dir := filepath.Join("sys/devices", of, name)
	m.write(filepath.Join(dir, "size"), "4096\n")
	m.write(filepath.Join(dir, "uevent"), "DEVNAME="+name+"\n"+partname)
	if of != "" {
		m.write(filepath.Join(dir, "partition"), "1\n")
	}
	m.write(filepath.Join("dev", name), head)
	m.write("sys/class/block/.keep", "")
	if err := os.Symlink(filepath.Join(m.root, dir), filepath.Join(m.root, "sys/class/block", name)); err != nil {
		m.t.Fatal(err)
	}
}

// Mount implements Mounter: it copies the files.
func (m *machine) Mount(dev, kind, dir string) error {
	files, ok := m.media[filepath.Base(dev)]
	if !ok {
		return errors.New("damaged")
	}
	m.log = append(m.log, "mount "+filepath.Base(dev)+" "+kind)
	if rel, err := filepath.Rel(filepath.Join(m.root, "run/ingot"), dir); err != nil || strings.Contains(rel, "/") {
		m.t.Errorf("mounts on %s", dir)
	}
	for name, text := range files {
		var err error
		if target, link := strings.CutPrefix(text, "link:"); link {
			err = os.Symlink(target, filepath.Join(dir, name))
		} else {
			err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Unmount implements Mounter.
func (m *machine) Unmount(dir string) error {
	m.log = append(m.log, "unmount")
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
	}
	return err
}

// fakeGuestinfo answers from a map; without one it must not be asked.
type fakeGuestinfo struct {
	t         *testing.T
	variables map[string]string
}

func (f fakeGuestinfo) Get(names []string) (map[string]string, error) {
	if f.variables == nil {
		f.t.Error("the channel of VMware was used")
		return nil, nil
	}
	if f.variables["fail"] != "" {
		return nil, errors.New(f.variables["fail"])
	}
	got := maps.Clone(f.variables)
	maps.DeleteFunc(got, func(name, _ string) bool { return !slices.Contains(names, name) })
	return got, nil
}

// isoHead is what identifies an ISO 9660 disc; the primary descriptor is the
// second one.
func isoHead(label string) string {
	descriptor := func(kind byte, label string) string {
		d := make([]byte, 2048)
		copy(d, string(kind)+"CD001\x01")
		copy(d[40:72], label+strings.Repeat(" ", 32))
		return string(d)
	}
	return strings.Repeat("\x00", 16*2048) + descriptor(0, "") + descriptor(1, label) + descriptor(255, "")
}

// read is what one provider says of the machine.
func read(t *testing.T, o Options, provider string) Answers {
	t.Helper()
	all := ReadAll(t.Context(), Providers(o))
	for _, a := range all {
		if a.Provider == provider {
			if len(all) > 1 {
				t.Errorf("others spoke too: %+v", all)
			}
			return a
		}
	}
	return Answers{}
}

func problems(a Answers) []string {
	var list []string
	for _, p := range a.Problems {
		list = append(list, strings.TrimPrefix(p.Path+": "+p.Message, ": "))
	}
	return list
}

// expect compares answers; texts are compared as JSON where they are.
func expect(t *testing.T, a Answers, text string, values map[string]string, wrong ...string) {
	t.Helper()
	if !sameText(string(a.Text), text) {
		t.Errorf("text = %s; want %s", a.Text, text)
	}
	if !maps.Equal(a.Values, values) {
		t.Errorf("values = %q; want %q", a.Values, values)
	}
	got := problems(a)
	if len(got) != len(wrong) {
		t.Fatalf("problems = %q; want %q", got, wrong)
	}
	for i := range got {
		if !strings.Contains(got[i], wrong[i]) {
			t.Errorf("problem %q does not say %q", got[i], wrong[i])
		}
	}
}

func sameText(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil {
		return reflect.DeepEqual(x, y)
	}
	return a == b
}

func TestNothing(t *testing.T) {
	if got := ReadAll(t.Context(), Providers(newMachine(t).options())); len(got) != 0 {
		t.Errorf("an empty machine says %+v", got)
	}
}

// TestPrecedence holds the order that docs/seeds.md tells.
func TestPrecedence(t *testing.T) {
	var names []string
	for _, p := range Providers(Options{}) {
		names = append(names, p.Name())
	}
	if want := []string{"nocloud", "ovf", "guestinfo.ovfEnv", "guestinfo", "smbios", "fw_cfg", "disk"}; !slices.Equal(names, want) {
		t.Errorf("providers = %q; want %q", names, want)
	}
}

func TestFwCfg(t *testing.T) {
	const file = "sys/firmware/qemu_fw_cfg/by_name/opt/org.ingotvm.seed/raw"
	for name, test := range map[string]struct {
		text   string
		want   string
		values map[string]string
		wrong  []string
	}{
		"a document": {text: "network: {hostname: web1}\n", want: "network: {hostname: web1}\n"},
		"properties": {text: "network.hostname: web1\nsetup.eula: accept\n",
			values: map[string]string{"network.hostname": "web1", "setup.eula": "accept"}},
		"both": {text: `{"network": {"mtu": 1400}, "time.zone": "UTC", "access.password": null}`, want: `{"network": {"mtu": 1400}}`,
			values: map[string]string{"time.zone": "UTC"}, wrong: []string{"access.password: came without a value"}},
		"empty":     {text: "\n"},
		"null":      {text: "network.hostname: 'null'\ntime.zone: ''", wrong: []string{"network.hostname: came without", "time.zone: came without"}},
		"a mistake": {text: "network:\n\thostname: x", wrong: []string{"fw_cfg opt/org.ingotvm.seed: line 2, column 1"}},
		"too large": {text: strings.Repeat("#", 1<<20+1), wrong: []string{"too large"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.write(file, test.text)
			expect(t, read(t, m.options(), "fw_cfg"), test.want, test.values, test.wrong...)
		})
	}
}

func TestFwCfgWaitsForItsModule(t *testing.T) {
	for name, test := range map[string]struct {
		vendor, appears string
		after           time.Duration
		want            bool
		within          time.Duration
	}{
		"QEMU, a seed":        {"QEMU\n", "by_name/opt/org.ingotvm.seed/raw", 2 * time.Second, true, 2200 * time.Millisecond},
		"QEMU, another entry": {"QEMU\n", "by_key/1/raw", 2 * time.Second, false, 2300 * time.Millisecond},
		"QEMU, too late":      {"QEMU\n", "by_name/opt/org.ingotvm.seed/raw", 4 * time.Second, false, 3 * time.Second},
		"another machine":     {"Dell Inc.\n", "by_name/opt/org.ingotvm.seed/raw", 2 * time.Second, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.write("sys/class/dmi/id/sys_vendor", test.vendor)
			synctest.Test(t, func(t *testing.T) {
				time.AfterFunc(test.after, func() { // whole in one instant, as the kernel shows it
					m.write("sys/firmware/made/"+test.appears, "network.hostname: web1")
					if err := os.Rename(filepath.Join(m.root, "sys/firmware/made"), filepath.Join(m.root, "sys/firmware/qemu_fw_cfg")); err != nil {
						t.Error(err)
					}
				})
				began := time.Now()
				a, err := fwCfg{m.options()}.Read(t.Context())
				if got := a.Values["network.hostname"] == "web1"; err != nil || got != test.want || time.Since(began) > test.within {
					t.Errorf("Read() = %+v, %v after %v", a, err, time.Since(began))
				}
				time.Sleep(test.after) // let the other goroutine end
			})
		})
	}
}

// structure is one of an SMBIOS table.
func structure(kind byte, list ...string) string {
	s := string([]byte{kind, 5, 0, 0, byte(len(list))})
	for _, text := range list {
		s += text + "\x00"
	}
	if len(list) == 0 {
		s += "\x00"
	}
	return s + "\x00"
}

func TestSMBIOS(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte("time: {zone: UTC}\nnetwork.hostname: one\n"))
	table := structure(1, "QEMU") + structure(2) +
		structure(11, "another's", "ingot.seed:network.hostname=web=1", "ingot.seed.base64="+encoded[:10]) +
		structure(11, "ingot.seed:network_dns=", "ingot.seed:application_db_host=db", "ingot.seed.base64="+encoded[10:], "ingot.seed:oops") +
		structure(127) + structure(11, "ingot.seed:time.zone=after the end")
	m := newMachine(t)
	m.write("sys/firmware/dmi/tables/DMI", table)
	expect(t, read(t, m.options(), "smbios"), `{"time": {"zone": "UTC"}}`,
		map[string]string{"network.hostname": "web=1", "application.db_host": "db"},
		"network.dns: came without a value", "oops: came without a value")

	m.write("sys/firmware/dmi/tables/DMI", structure(11, "ingot.seed.base64=*"))
	expect(t, read(t, m.options(), "smbios"), "", nil, "SMBIOS strings: it is not base64")
}

const environment = `<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"
    xmlns:ve="http://www.vmware.com/schema/ovfenv" oe:id="" ve:vCenterId="vm-42">
  <PlatformSection><Kind>VMware ESXi</Kind><Locale>en</Locale></PlatformSection>
  <PropertySection>
    <Property oe:key="network_hostname" oe:value="web1 &amp; co"/>
    <Property oe:key="setup_eula" oe:value="accept"/>
    <Property oe:key="access_password" oe:value=""/>
    <Property oe:key="time_zone" oe:value="null"/>
    <Property oe:key="vendor.other" oe:value="x"/>
  </PropertySection>
  <ve:EthernetAdapterSection><ve:Adapter ve:mac="00:50:56:00:00:01" ve:network="VM Network"/></ve:EthernetAdapterSection>
  <Entity oe:id="other"><PropertySection><Property oe:key="network_hostname" oe:value="theirs"/></PropertySection></Entity>
</Environment>`

func TestOVF(t *testing.T) {
	want := map[string]string{"network.hostname": "web1 & co", "setup.eula": "accept", "vendor.other": "x"}
	wrong := []string{"access.password: came without a value", "time.zone: came without a value"}

	m := newMachine(t)
	m.disk("sr0", "", "", isoHead("OVF ENV"))
	m.media["sr0"] = map[string]string{"OVF-ENV.XML": environment, "readme": "x"}
	expect(t, read(t, m.options(), "ovf"), "", want, wrong...)
	if got := []string{"mount sr0 iso9660", "unmount"}; !slices.Equal(m.log, got) {
		t.Errorf("mounts = %q; want %q", m.log, got)
	}

	m = newMachine(t)
	m.write("sys/class/dmi/id/sys_vendor", "VMware, Inc.\n")
	o := m.options()
	o.Guestinfo = fakeGuestinfo{t, map[string]string{"guestinfo.ovfEnv": environment}}
	expect(t, read(t, o, "guestinfo.ovfEnv"), "", want, wrong...)
}

func TestOVFMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"<a":               "guestinfo.ovfEnv: line 1, column 3: it is not XML",
		"<a/>":             "line 1, column 5: it is not an OVF environment: its root is \"a\"",
		"<!-- nothing -->": "it says nothing",
		`<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1"><PropertySection>` + "\n" + `<Property value="x"/>`:                           "line 2, column 22: a property has no key",
		`<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1"><PropertySection><Property key="a" value=""/>` + "\n" + `<Property key="a"/>`: "line 2, column 20: property \"a\" is given twice",
		`<!DOCTYPE x [<!ENTITY e "e">]><Environment xmlns="http://schemas.dmtf.org/ovf/environment/1">&e;`:                                            "it is not XML",
	} {
		m := newMachine(t)
		m.write("sys/class/dmi/id/sys_vendor", "VMware, Inc.\n")
		o := m.options()
		o.Guestinfo = fakeGuestinfo{t, map[string]string{"guestinfo.ovfEnv": text}}
		expect(t, read(t, o, "guestinfo.ovfEnv"), "", nil, want)
	}
}

func TestGuestinfo(t *testing.T) {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, test := range map[string]struct {
		variables map[string]string
		text      string
		values    map[string]string
		wrong     []string
	}{
		"text and properties": {
			variables: map[string]string{"guestinfo.ingot.seed": "time: {zone: UTC}", "guestinfo.ingot.network.hostname": "web1", "guestinfo.ingot.access.password": "null", "guestinfo.ingot.unknown": "x", "guestinfo.ingot.setup.eula": "accept"},
			text:      "time: {zone: UTC}", values: map[string]string{"network.hostname": "web1", "setup.eula": "accept"},
			wrong: []string{"access.password: came without"},
		},
		"base64": {
			variables: map[string]string{"guestinfo.ingot.seed": encode("network.hostname: web1"), "guestinfo.ingot.seed.encoding": "base64"},
			values:    map[string]string{"network.hostname": "web1"},
		},
		"another encoding": {variables: map[string]string{"guestinfo.ingot.seed": "x", "guestinfo.ingot.seed.encoding": "rot13"}, wrong: []string{`the encoding "rot13" is not known`}},
		"a mistake":        {variables: map[string]string{"guestinfo.ingot.seed": "a: b: c"}, wrong: []string{"seed in guestinfo.ingot.seed: line 1, column"}},
		"nothing is set":   {variables: map[string]string{"guestinfo.ip": "192.0.2.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.write("sys/class/dmi/id/sys_vendor", "VMware, Inc.\n")
			o := m.options()
			o.Guestinfo = fakeGuestinfo{t, test.variables}
			expect(t, read(t, o, "guestinfo"), test.text, test.values, test.wrong...)
		})
	}
	m := newMachine(t)
	m.write("sys/class/dmi/id/sys_vendor", "VMware, Inc.\n")
	o := m.options()
	o.Guestinfo = fakeGuestinfo{t, map[string]string{"fail": "no channel"}}
	all := ReadAll(t.Context(), Providers(o))
	if len(all) != 2 || !strings.Contains(problems(all[1])[0], "guestinfo: no channel") {
		t.Errorf("a channel that fails: %+v", all)
	}
}

// TestRealChannelElsewhere: where the processor does not say VMware, the real
// channel touches nothing, whatever the firmware says.
func TestRealChannelElsewhere(t *testing.T) {
	got, err := backdoor{}.Get([]string{"guestinfo.ingot.seed"})
	if err != nil || len(got) != 0 {
		t.Errorf("Get() = %v, %v; want nothing", got, err)
	}
}

func TestSeedDisk(t *testing.T) {
	for name, test := range map[string]struct {
		media  map[string]string
		text   string
		values map[string]string
		wrong  []string
	}{
		"YAML":           {media: map[string]string{"SEED.YAML": "time: {zone: UTC}"}, text: "time: {zone: UTC}"},
		"JSON":           {media: map[string]string{"seed.json": `{"network.hostname": "web1"}`}, values: map[string]string{"network.hostname": "web1"}},
		"two files":      {media: map[string]string{"seed.yaml": "time: {zone: UTC}", "ingot.yaml": "time: {servers: [a]}"}, text: `{"time": {"zone": "UTC", "servers": ["a"]}}`},
		"no file":        {media: map[string]string{"other": ""}, wrong: []string{"has the label INGOT-SEED and none of the files seed.yaml"}},
		"a mistake":      {media: map[string]string{"seed.json": "{\"a\":\n}"}, wrong: []string{"seed.json on vdc: line 2, column 1"}},
		"a link outside": {media: map[string]string{"seed.yaml": "link:../../../sys/class/dmi"}, wrong: []string{"vdc (iso9660, \"ingot-seed\"): file seed.yaml"}},
		"too large":      {media: map[string]string{"seed.yaml": strings.Repeat("#", 1<<20+1)}, wrong: []string{"too large"}},
		"unreadable":     {media: nil, wrong: []string{"damaged"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.disk("vdc", "", "", isoHead("ingot-seed"))
			if test.media != nil {
				m.media["vdc"] = test.media
			}
			expect(t, read(t, m.options(), "disk"), test.text, test.values, test.wrong...)
			if left, _ := filepath.Glob(filepath.Join(m.root, "run/ingot/seed-*")); len(left) > 0 {
				t.Errorf("left %q", left)
			}
		})
	}
}

// TestOwnDisksAreLeftAlone: neither the system's nor the data's, nor their
// partitions, nor what is no disk.
func TestOwnDisksAreLeftAlone(t *testing.T) {
	m := newMachine(t)
	m.disk("vda", "", "", isoHead("INGOT-SEED"))
	m.disk("vda1", "vda", "PARTNAME=ingot-system\n", isoHead("INGOT-SEED"))
	m.disk("vda2", "vda", "PARTNAME=other\n", isoHead("INGOT-SEED"))
	m.disk("loop0", "", "", isoHead("INGOT-SEED"))
	m.disk("sdb", "", "", strings.Repeat("\x00", 4096))
	m.disk("sdb1", "sdb", "PARTNAME=Basic data partition\n", isoHead("INGOT-SEED"))
	m.media["sdb1"] = map[string]string{"seed.yaml": "network.hostname: web1"}
	expect(t, read(t, m.options(), "disk"), "", map[string]string{"network.hostname": "web1"})
	if want := []string{"mount sdb1 iso9660", "unmount"}; !slices.Equal(m.log, want) {
		t.Errorf("mounts = %q; want %q", m.log, want)
	}
}

// hanging never answers; its Read does not heed ctx.
type hanging struct{ until chan struct{} }

func (hanging) Name() string { return "hanging" }
func (h hanging) Read(context.Context) (Answers, error) {
	<-h.until
	return Answers{}, nil
}

// TestOneHangs: what a device does not answer does not keep the others away.
func TestOneHangs(t *testing.T) {
	m := newMachine(t)
	m.write("sys/firmware/qemu_fw_cfg/by_name/opt/org.ingotvm.seed/raw", "network.hostname: web1")
	synctest.Test(t, func(t *testing.T) {
		h := hanging{make(chan struct{})}
		all := ReadAll(t.Context(), []Provider{h, fwCfg{m.options()}})
		close(h.until)
		if len(all) != 2 || !strings.Contains(problems(all[0])[0], "cannot read the seed from hanging") || all[1].Values["network.hostname"] != "web1" {
			t.Errorf("ReadAll() = %+v", all)
		}
	})
}
