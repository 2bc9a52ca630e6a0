package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
)

func TestPrintUpdates(t *testing.T) {
	var out bytes.Buffer
	err := printUpdates(&out, wire.Updates{
		Version: "1.0.0", Channel: "stable", CheckProblem: "the server says nothing any more",
		Available: &wire.Release{Version: "1.1.0", Download: 4269, Whole: 32378166, How: "patch"},
		Job:       &wire.UpdateJob{Step: wire.StepDownload, Version: "1.1.0", Done: 1, Total: 2},
		Trial:     &wire.UpdateTrial{Version: "1.1.0", Healthy: 3, Needed: 60},
		Slots:     []wire.UpdateSlot{{Version: "0.9.0", State: wire.SlotKept, Back: "restore"}},
		History:   []wire.UpdateEvent{{Time: time.Unix(0, 0), From: "1.0.0", To: "1.1.0", Outcome: wire.OutcomeRolledBack, Reason: "it was not well\nand more"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1.1.0, 4269 of 32378166 bytes to download (patch)", "download 1.1.0, 1 of 2 bytes", "well for 3 of 60 seconds",
		"0.9.0, kept, can go back to it: data restore", "1.0.0 to 1.1.0: rolled-back it was not well …", "the server says nothing any more"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
	out.Reset()
	if err := printUpdates(&out, wire.Updates{Version: "1.0.0", Impossible: "no keys"}); err != nil || out.String() != "version 1.0.0; no keys\n" {
		t.Errorf("%q, %v", &out, err)
	}
}
