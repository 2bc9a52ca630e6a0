package agent

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
)

// TestNotices are in order of urgency, and keep their names.
func TestNotices(t *testing.T) {
	a, _ := newShop(t, "{}")
	s := wire.Status{
		Services: []wire.Service{
			{Name: "web", Title: "Web", State: wire.Failing, Detail: "connection refused"}, {Name: "db", Title: "Database", State: wire.Healthy},
		},
		Warnings: []string{"there is no network adapter. Add one to the virtual machine"},
	}
	first := a.notices(s, []string{"x.service"})
	var got []string
	for _, n := range first {
		got = append(got, string(n.Level)+" "+n.ID+" "+n.Fix)
	}
	if len(got) != 3 || got[0] != "critical service:web restart it" || got[1] != "critical unit:x.service start it again" || !strings.HasPrefix(got[2], "warning other:") {
		t.Errorf("the notices are %q", got)
	}
	if again := a.notices(s, []string{"x.service"}); !slices.Equal(first, again) {
		t.Errorf("they are %+v, then %+v", first, again)
	}
	if none := a.notices(wire.Status{}, nil); len(none) != 0 {
		t.Errorf("nothing is wrong, and told are %+v", none)
	}
}

func TestFullness(t *testing.T) {
	for _, test := range []struct {
		free, total int64
		want        string
	}{
		{0, 0, ""}, {100, 100, ""}, {11, 100, ""}, {10, 100, "warning the data disk is 90 % full"},
		{4, 100, "warning the data disk is 96 % full"}, {3, 100, "critical the data disk is 97 % full"}, {0, 1 << 50, "critical the data disk is 100 % full"},
	} {
		got := ""
		for _, n := range fullness(test.free, test.total) {
			got += string(n.Level) + " " + n.Text
		}
		if got != test.want {
			t.Errorf("%d of %d free: %q, want %q", test.free, test.total, got, test.want)
		}
	}
}

// TestFix does what is offered, and nothing else.
func TestFix(t *testing.T) {
	a, m := newShop(t, "{}")
	a.mu.Lock()
	a.failed = []string{"x.service"}
	a.mu.Unlock()
	by := config.By{Who: "olga"}
	if err := a.Fix(t.Context(), by, "unit:x.service"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"unit:sshd.service", "service:web", "other:000000000000", "", "data-disk", "unit:"} {
		var e interface{ Status() int }
		if err := a.Fix(t.Context(), by, id); !errors.As(err, &e) || e.Status() != http.StatusNotFound {
			t.Errorf("%q is fixed: %v", id, err)
		}
	}
	if !slices.Equal(m.restarted, []string{"x.service"}) {
		t.Errorf("restarted were %q", m.restarted)
	}
}
