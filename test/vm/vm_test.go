package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/host/hosttest"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/internal/hypervisor/qemu"
	"github.com/ingotvm/ingot/internal/ovf/ovftest"
)

// password is the administrator's, on machines that are seeded.
const password = "correct-Horse-7-battery"

// root is the project's folder.
const root = "../.."

// needAll skips the test unless all are to run, and lets it run beside
// others: an emulated machine takes one processor of the host.
func needAll(t *testing.T) {
	t.Helper()
	if os.Getenv("INGOT_TEST_ALL") == "" {
		t.Skip("boots virtual machines: run make test")
	}
	t.Parallel()
	hosttest.Need(t, "qemu-system-x86_64", "mmdebstrap")
}

// ingot runs bin/ingot in the project's folder and returns what it wrote.
func ingot(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	program, err := filepath.Abs(filepath.Join(root, "bin", "ingot"))
	if err != nil {
		t.Fatal(err)
	}
	err = host.Local{}.Run(t.Context(), host.Command{
		Name: program, Args: args, Dir: root, Env: env, Stdout: &out, Stderr: &out,
	})
	return out.String(), err
}

// built builds an example and returns the file of the given format.
func built(t *testing.T, example, format string) string {
	t.Helper()
	return build(t, "examples/"+example, format)
}

func build(t *testing.T, project, format string) string {
	t.Helper()
	out := t.TempDir()
	said, err := ingot(t, nil, "build", project, "--format", format, "--out", out)
	if err != nil {
		t.Fatalf("cannot build %s: %v\n%s", project, err, said)
	}
	files, err := filepath.Glob(filepath.Join(out, "*."+format))
	if err != nil || len(files) != 1 {
		t.Fatalf("build left %v: %v", files, err)
	}
	return files[0]
}

// machine makes a virtual machine of an artifact, with a seed that answers
// what every appliance asks unless it brings one.
func machine(t *testing.T, file string, spec hypervisor.Spec) hypervisor.Machine {
	t.Helper()
	if spec.Seed == nil && len(spec.SMBIOS)+len(spec.CDs)+len(spec.Disks) == 0 {
		spec.Seed = []byte("access.password: " + password + "\n")
	}
	return unseeded(t, file, spec)
}

// unseeded makes a virtual machine as it is told; it is removed with the test.
func unseeded(t *testing.T, file string, spec hypervisor.Spec) hypervisor.Machine {
	t.Helper()
	driver, err := qemu.New(t.Context(), qemu.Options{Steady: true})
	if err != nil {
		t.Fatal(err)
	}
	disk, err := hypervisor.OpenDisk(file)
	if err != nil {
		t.Fatal(err)
	}
	spec.System = disk
	if spec.Memory == 0 {
		spec.Memory = 512 << 20
	}
	spec.CPUs = 2
	if spec.Hardware.NIC != hypervisor.NoNIC && !spec.Hardware.Alone {
		spec.Forwards = append(spec.Forwards, hypervisor.Forward{Guest: acceptance.ManagementPort}, hypervisor.Forward{Guest: 80})
	}
	m, err := driver.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			if log, err := os.ReadFile(m.ConsoleLog()); err == nil {
				t.Logf("the console said:\n%q", tail(log, 4000))
			}
		}
		if err := m.Remove(); err != nil {
			t.Errorf("cannot remove the machine: %v", err)
		}
	})
	return m
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// bootLimit is how long a boot may take, of an emulated machine that shares two
// processors with five others; times are measured elsewhere (make bench).
const bootLimit = 12 * time.Minute

// boots starts the machine and waits until it is healthy.
func boots(t *testing.T, m hypervisor.Machine) acceptance.Up {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootLimit)
	defer cancel()
	started := time.Now()
	if err := m.Start(ctx); err != nil {
		t.Fatal(err)
	}
	return becomesHealthy(t, m, started)
}

// becomesHealthy waits until a machine that was started is.
func becomesHealthy(t *testing.T, m hypervisor.Machine, started time.Time) acceptance.Up {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootLimit)
	defer cancel()
	up, err := acceptance.WaitHealthy(ctx, m, started)
	if err != nil {
		t.Fatal(err)
	}
	return up
}

// turnOff presses the power button and waits for the end.
func turnOff(t *testing.T, m hypervisor.Machine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := m.PowerButton(ctx); err != nil {
		t.Fatal(err)
	}
	ended(t, m)
}

// ended waits until a machine is off.
func ended(t *testing.T, m hypervisor.Machine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := m.Wait(ctx); err != nil {
		t.Fatalf("it did not switch off: %v", err)
	}
}

// address is the loopback address that leads to the machine's port 80.
func address(t *testing.T, m hypervisor.Machine) string {
	t.Helper()
	a, err := m.Address(80)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// consoleSays waits until the machine's console has said all the texts.
func consoleSays(t *testing.T, m hypervisor.Machine, limit time.Duration, texts ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		log, err := os.ReadFile(m.ConsoleLog())
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		missing := ""
		for _, text := range texts {
			if !strings.Contains(string(log), text) {
				missing = text
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the console did not say %q within %v", missing, limit)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// consoles are the ends of the console logs that a failed test left.
func consoles(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "console*.log"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, file := range files {
		log, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "\n%s ends with:\n%q", filepath.Base(file), tail(log, 6000))
	}
	return out.String()
}

// Each example has a test of its own: subtests would begin when all others
// are done.

func TestHello(t *testing.T)      { tested(t, "hello") }
func TestPocketBase(t *testing.T) { tested(t, "pocketbase") }
func TestBlog(t *testing.T)       { tested(t, "wordpress") }

// tested is the whole story of an example, as a vendor tests it: under both
// firmwares, with a restart, and the same checks for every appliance.
func tested(t *testing.T, example string) {
	needAll(t)
	logs := t.TempDir()
	said, err := ingot(t, nil, "test", "examples/"+example, "--firmware", "bios,uefi", "--timeout", bootLimit.String(), "--logs", logs)
	t.Logf("%s", said)
	if err != nil {
		t.Errorf("ingot test: %v%s", err, consoles(t, logs))
	}
}

// TestOVAHardware boots the finished OVA on the devices that its descriptor
// asks for.
func TestOVAHardware(t *testing.T) {
	needAll(t)
	m := machine(t, built(t, "hello", "ova"), hypervisor.Spec{
		Hardware: hypervisor.Hardware{Bus: hypervisor.PVSCSI, NIC: hypervisor.VMXNET3}, Data: 1 << 30,
	})
	boots(t, m)
	turnOff(t, m)
}

// TestVCenter imports the finished OVA into the vCenter simulator, with some
// properties set as in the importer's form, and powers it on there.
func TestVCenter(t *testing.T) {
	needAll(t)
	set := map[string]string{"network_hostname": "demo.example.com", "network_address": "192.0.2.7/24", "access_password": "correct horse battery"}
	m := ovftest.PowerOn(t, built(t, "hello", "ova"), set)
	if disks := object.VirtualDeviceList(m.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil)); len(disks) != 2 {
		t.Errorf("the machine has %d disks, want the system's and the data's", len(disks))
	}
	arrived := ovftest.Properties(m)
	for key, want := range set {
		if p, ok := arrived[key]; !ok || p.Value != want || p.DefaultValue != "" {
			t.Errorf("%s arrived as %+v", key, p)
		}
	}
	for _, key := range []string{"language_language", "keyboard_layout", "time_zone", "access_administrator", "setup_adopt"} {
		if p, ok := arrived[key]; !ok || p.DefaultValue == "" {
			t.Errorf("%s has no default, or is not offered: %+v", key, p)
		}
	}
}

func TestSecureBoot(t *testing.T) {
	needAll(t)
	m := machine(t, built(t, "hello", "qcow2"), hypervisor.Spec{Firmware: hypervisor.UEFISecure})
	boots(t, m)
	turnOff(t, m)
}

// TestPowerCuts cuts the power of a running appliance and, on another, in the
// middle of its first boot.
func TestPowerCuts(t *testing.T) {
	needAll(t)
	m := machine(t, built(t, "hello", "raw"), hypervisor.Spec{Data: 1 << 30})
	for _, after := range []time.Duration{5 * time.Second, 9 * time.Second} {
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after) // somewhere in the first boot; where exactly is the point of none
		if err := m.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first := boots(t, m)
	if err := m.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if second := boots(t, m); second.Key != first.Key {
		t.Error("the TLS key changed with a power cut")
	}
	turnOff(t, m)
}

// TestTorture cuts the power at random instants of first boots, each time of
// a new machine, until it comes up: INGOT_TORTURE says how many instants.
func TestTorture(t *testing.T) {
	const cutsEach = 4
	cuts, _ := strconv.Atoi(os.Getenv("INGOT_TORTURE"))
	if cuts == 0 {
		t.Skip("takes long: run make torture")
	}
	needAll(t)
	file := built(t, "hello", "raw")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range (cuts + cutsEach - 1) / cutsEach {
		m := machine(t, file, hypervisor.Spec{Data: 1 << 30})
		for range cutsEach {
			if err := m.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2*time.Second + time.Duration(random.Int64N(int64(18*time.Second))))
			if err := m.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		boots(t, m)
		if err := m.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWithoutDataDisk keeps its identity on the rest of the system disk, and
// uses what the disk grows by.
func TestWithoutDataDisk(t *testing.T) {
	needAll(t)
	file := built(t, "hello", "raw")
	m := machine(t, file, hypervisor.Spec{SystemSize: 6 << 30})
	first := boots(t, m)
	turnOff(t, m)
	if second := boots(t, m); second.Key != first.Key {
		t.Error("the TLS key was not kept")
	}
	turnOff(t, m)
}

// TestDamagedImage flips bytes in the operating system's image: the console
// says what is wrong, in plain words, and the machine never comes up with it.
func TestDamagedImage(t *testing.T) {
	needAll(t)
	file := built(t, "hello", "raw")
	damage(t, file)
	m := machine(t, file, hypervisor.Spec{Data: 1 << 30})
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	consoleSays(t, m, 4*time.Minute, "This appliance cannot start")
}

// damage spoils the middle of the largest run of data in the system
// partition, which is the compressed operating system.
func damage(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// A zstd frame's magic number (RFC 8878) at the start of a 4 KiB block
	// begins a compressed image or the initrd; the largest gap between two is
	// inside the operating system.
	block := make([]byte, 4096)
	magic := []byte{0x28, 0xb5, 0x2f, 0xfd}
	found := 0
	for at := int64(66 << 20); ; at += 4096 {
		if _, err := f.ReadAt(block, at); err != nil {
			t.Fatalf("found only %d compressed files: %v", found, err)
		}
		if !bytes.HasPrefix(block, magic) {
			continue
		}
		if found++; found < 3 { // sorted: app-hello, initrd, os
			continue
		}
		if _, err := f.WriteAt(bytes.Repeat([]byte{0x5a}, 64), at+5<<20); err != nil {
			t.Fatal(err)
		}
		return
	}
}

// TestReproducible builds twice, each from an empty cache and the second as
// an ordinary user, and compares the bytes.
func TestReproducible(t *testing.T) {
	needAll(t)
	if os.Getuid() != 0 {
		t.Skip("needs root to become another user")
	}
	hosttest.Need(t, "setpriv", "useradd", "newuidmap")
	var images [2][]byte
	for i, user := range []string{"root", "ingot-test"} {
		// Not below the test's own folder, which only root may enter.
		dir, err := os.MkdirTemp("/var/tmp", "ingot-reproducible-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		images[i] = buildAs(t, user, dir)
	}
	if !bytes.Equal(images[0], images[1]) {
		t.Error("two builds from empty caches, one as an ordinary user, differ")
	}
}

func buildAs(t *testing.T, user, dir string) []byte {
	t.Helper()
	run := func(name string, args ...string) error {
		var said bytes.Buffer
		err := host.Local{}.Run(t.Context(), host.Command{Name: name, Args: args, Dir: dir, Stdout: &said, Stderr: &said})
		if err != nil {
			t.Logf("%s %s: %s", name, strings.Join(args, " "), said.String())
		}
		return err
	}
	must := func(name string, args ...string) {
		t.Helper()
		if err := run(name, args...); err != nil {
			t.Fatal(err)
		}
	}
	source, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	must("cp", "-r", filepath.Join(source, "bin"), filepath.Join(source, "examples", "hello"), dir)
	// The same program for both: what is compared is the build, not the compiler.
	must("sed", "-i", "/build:/d", filepath.Join(dir, "hello", "appliance.yaml"))
	build := []string{filepath.Join(dir, "bin", "ingot"), "build", filepath.Join(dir, "hello"), "--quiet",
		"--cache", filepath.Join(dir, "cache"), "--out", filepath.Join(dir, "out")}
	if user == "root" {
		must(build[0], build[1:]...)
	} else {
		if run("id", user) != nil {
			must("useradd", "--create-home", user)
			t.Cleanup(func() { // the test's own context has ended by then
				if err := (host.Local{}).Run(context.Background(), host.Command{Name: "userdel", Args: []string{"--remove", user}}); err != nil {
					t.Logf("cannot remove the user again: %v", err)
				}
			})
		}
		must("chown", "-R", user, dir)
		must("setpriv", append([]string{"--reuid=" + user, "--regid=" + user, "--init-groups", "--reset-env"}, build...)...)
	}
	files, err := filepath.Glob(filepath.Join(dir, "out", "*.ova"))
	if err != nil || len(files) != 1 {
		t.Fatalf("build left %v: %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// helloBudget is what the smallest example may weigh as an OVA, in bytes.
// When it is exceeded, `ingot inspect` says what takes the room.
const helloBudget = 34_400_000

func TestHelloStaysSmall(t *testing.T) {
	needAll(t)
	info, err := os.Stat(built(t, "hello", "ova"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() > helloBudget {
		t.Errorf("examples/hello is an OVA of %d bytes, more than the budget of %d", info.Size(), helloBudget)
	}
}

// visitor follows redirects to the loopback address only.
func visitor() *http.Client { return &http.Client{Timeout: 2 * time.Minute} }
