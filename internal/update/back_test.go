package update

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/update/snapshot"
)

// TestBackToOlderFormat goes back to a version that knows only an older format
// of the configuration: it finds what is in force in that one, with the data as
// it is. If it then fails, the configuration is as it was.
func TestBackToOlderFormat(t *testing.T) {
	for name, well := range map[string]bool{"it stays": true, "it fails": false} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			b.release("1.1.0")
			b.updates("1.1.0")
			b.format = 2
			b.boot(b.loads())
			b.writeData("data of 1.1.0")
			b.runs(200 * time.Millisecond)
			if err := b.manager.Back(t.Context(), "somebody", wire.BackUpdate{Version: "1.0.0", Data: "keep"}); err != nil {
				t.Fatal(err)
			}
			<-b.machine.rebooted
			b.hasData("data of 1.1.0")
			b.format = 1
			b.boot(b.loads())
			head := filepath.Join(b.dir, "config", "head.json")
			if got, err := os.ReadFile(head); err != nil || string(got) != "data of 1.1.0 in format 1" {
				t.Errorf("the older version finds %q, %v", got, err)
			}
			if got, err := os.ReadFile(filepath.Join(b.dir, "app", "hello", "notes")); err != nil || string(got) != "data of 1.1.0" {
				t.Errorf("and the data %q, %v", got, err)
			}
			if well {
				b.runs(200 * time.Millisecond)
				b.last(wire.OutcomeWentBack, "1.1.0", "1.0.0")
			} else {
				b.machine.missing = []string{"it is not well"}
				b.runs(time.Second)
				b.format = 2
				b.boot(b.loads())
				b.hasData("data of 1.1.0")
				b.runs(50 * time.Millisecond)
				b.last(wire.OutcomeRolledBack, "1.1.0", "1.0.0")
			}
			if list, err := snapshot.List(b.dir); err != nil || len(list) != map[bool]int{true: 1, false: 0}[well] {
				t.Errorf("snapshots stay: %+v, %v", list, err)
			}
		})
	}
}
