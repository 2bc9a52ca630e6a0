package config

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// killFolder names the folder of the machine that a child of TestKill changes
// until it is killed.
const killFolder = "INGOT_TEST_KILL_FOLDER"

// TestKillChild is no test: it is the child of TestKill.
func TestKillChild(t *testing.T) {
	folder := os.Getenv(killFolder)
	if folder == "" {
		return
	}
	m := killable(t, folder)
	e := m.start()
	r, _ := e.Current()
	count, _ := strconv.Atoi(r.Document.Network.Hostname)
	for count++; ; count++ {
		_, p := m.commit(e, Change{By: By{Connection: 1}, Trusted: count%2 == 0, Edit: counted(count)})
		if p != nil {
			if err := e.Confirm(By{Connection: 2}); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Printf("kept %d\n", count)
	}
}

// killable is a machine whose disk is the real one.
func killable(t *testing.T, folder string) *machine {
	t.Helper()
	m := machineIn(t, folder)
	m.real = true
	return m
}

// counted writes a number into every part.
func counted(n int) func(*setting.Document) error {
	return func(d *setting.Document) error {
		text := strconv.Itoa(n)
		d.Network.Hostname, d.Time.Zone, d.Application["title"] = text, text, text
		d.Application["password"] = strings.Repeat("x", n%3) // a file that comes and goes
		return nil
	}
}

// TestKill kills a program that commits without end, for real and again and
// again. What it said it kept is kept, what is in force is whole, and the
// files are those of it.
func TestKill(t *testing.T) {
	folder := memoryFolder(t)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	kept, kills := 0, 0
	for start := time.Now(); time.Since(start) < 3*time.Second || kills < 5; kills++ {
		kept = max(kept, killOnce(t, folder, random))
		m := killable(t, folder)
		e := m.start()
		r, p := e.Current()
		got, _ := strconv.Atoi(r.Document.Network.Hostname)
		if got != kept && got != kept+1 || got > 0 && (r.Document.Time.Zone != r.Document.Network.Hostname || r.Document.Application["title"] != r.Document.Time.Zone) {
			t.Errorf("kept %d, in force is\n%s", kept, indented(r.Document))
		}
		if p == nil {
			kept = got
		} else if p.Revision != r.Number { // undone by nobody: it must still be there for the next
			t.Errorf("pending %+v of revision %d", p, r.Number)
		}
		if len(e.Warnings()) > 0 && kills > 0 {
			t.Errorf("warns %q", e.Warnings())
		}
		m.check(e)
		if p != nil {
			if err := e.Confirm(By{Connection: 1}); err != nil {
				t.Error(err)
			}
			kept = got
		}
		if t.Failed() {
			t.Fatalf("after %d kills, with seed %d", kills+1, seed)
		}
	}
	t.Logf("%d kills, %d commits", kills, kept)
}

// killOnce starts the child, and kills it some time after it kept something.
func killOnce(t *testing.T, folder string, random *rand.Rand) (kept int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
	cmd.Env = append(os.Environ(), killFolder+"="+folder)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range 1 + random.IntN(4) {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), "kept ") {
			t.Errorf("the child said %q", lines.Text())
			break
		}
		fmt.Sscanf(lines.Text(), "kept %d", &kept)
	}
	time.Sleep(time.Duration(random.IntN(5000)) * time.Microsecond) // so that it dies anywhere
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // what it said before it died
		fmt.Sscanf(lines.Text(), "kept %d", &kept)
	}
	_ = cmd.Wait() // it was killed
	return kept
}
