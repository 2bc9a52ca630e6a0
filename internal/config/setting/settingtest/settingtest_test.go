package settingtest

import (
	"context"
	"errors"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
)

func TestMachineRemembersAndFails(t *testing.T) {
	m := New(t)
	sys := m.System()
	ctx := context.Background()
	if err := sys.Units.Restart(ctx, "a.service"); err != nil {
		t.Fatal(err)
	}
	if active, err := sys.Units.Active(ctx, "a.service"); err != nil || !active {
		t.Errorf("a.service: active %v, %v", active, err)
	}
	broken := errors.New("broken")
	m.Fail("sethostname", broken)
	if err := sys.Kernel.Sethostname("x"); !errors.Is(err, broken) {
		t.Errorf("sethostname: %v", err)
	}
	m.Fail("sethostname", nil)
	if err := sys.Kernel.Sethostname("y"); err != nil || m.Kernel.Name != "y" {
		t.Errorf("sethostname: %v, name %q", err, m.Kernel.Name)
	}
	if err := sys.Net.DeleteLink("eth0"); err != nil || len(m.Net.LinkList) != 0 {
		t.Errorf("delete-link: %v, left %v", err, m.Net.LinkList)
	}
	m.ExpectCalls(t, "restart a.service", "sethostname x", "sethostname y", "delete-link eth0")
}

func TestWriteSaysWhatChanged(t *testing.T) {
	m := New(t)
	f := setting.File{Path: "/etc/x/y", Data: []byte("1\n")}
	link := setting.File{Path: "/etc/l", Link: "x/y"}
	if !m.Write(t, f, link) {
		t.Error("a new file is no change")
	}
	if m.Write(t, f, link) {
		t.Error("the same files are a change")
	}
	if got := m.Read("/etc/l"); got != "1\n" {
		t.Errorf("read %q through the link", got)
	}
	if got, want := Files([]setting.File{f, link}), "-- /etc/x/y 0644 root\n1\n-- /etc/l 0644 root -> x/y\n"; got != want {
		t.Errorf("rendered %q, want %q", got, want)
	}
}
