package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
)

// Notices begin with what they are of; what follows is its name. A fix is
// found by that.
const (
	ofService = "service:"
	ofUnit    = "unit:"
	ofData    = "data-disk"
	ofTLS     = "certificate"
	ofSupport = "support"
	ofDoor    = "front-door"
	ofUpdate  = "update:available"
	ofOther   = "other:"
)

// How full the data disk may be, in percent, before somebody should know, and
// before it is a matter of hours.
const (
	dataFull     = 90
	dataVeryFull = 97
)

// notices are what needs attention, the most urgent first: services that fail,
// units that failed, a support session, the door, the data disk, the
// certificate, and then everything else, which has a sentence only.
func (a *Agent) notices(s wire.Status, failed []string) []wire.Notice {
	var list []wire.Notice
	for _, svc := range s.Services {
		if svc.State == wire.Failing {
			list = append(list, wire.Notice{ID: ofService + svc.Name, Level: wire.Critical,
				Text: fmt.Sprintf("%s does not work: %s", svc.Title, svc.Detail), Hint: "look at its log", Fix: "restart it"})
		}
	}
	for _, name := range failed {
		list = append(list, wire.Notice{ID: ofUnit + name, Level: wire.Critical, Text: unitFailed(name), Hint: "look at the log", Fix: "start it again"})
	}
	list = append(list, supportNotice(s.Support)...)
	list = append(list, a.doorNotices()...)
	list = append(list, a.updateNotices()...)
	list = append(list, a.dataNotice()...)
	revision, _ := a.engine.Current()
	list = append(list, a.certificateNotices(revision.Document, time.Now())...)
	list = append(list, a.outsideNotices(revision.Document)...)
	for _, w := range s.Warnings {
		sum := sha256.Sum256([]byte(w))
		list = append(list, wire.Notice{ID: ofOther + hex.EncodeToString(sum[:6]), Level: wire.Warning, Text: w})
	}
	slices.SortStableFunc(list, func(x, y wire.Notice) int { return urgency(x) - urgency(y) })
	return list
}

func urgency(n wire.Notice) int {
	if n.Level == wire.Critical {
		return 0
	}
	return 1
}

func unitFailed(name string) string { return fmt.Sprintf("the system unit %s failed", name) }

// dataNotice says that the data disk fills up.
func (a *Agent) dataNotice() []wire.Notice {
	free, total, err := a.machine.Space(a.opts.DataDir)
	if err != nil {
		return nil // a disk that is not there is told of at the start
	}
	return fullness(free, total)
}

func fullness(free, total int64) []wire.Notice {
	if total <= 0 || (total-free)*100/total < dataFull {
		return nil
	}
	percent := (total - free) * 100 / total
	n := wire.Notice{ID: ofData, Level: wire.Warning, Text: fmt.Sprintf("the data disk is %d %% full", percent),
		Hint: "make the virtual disk larger in the hypervisor and restart: its file system grows by itself"}
	if percent >= dataVeryFull {
		n.Level = wire.Critical
	}
	return []wire.Notice{n}
}

// noFix says that there is nothing to press.
type noFix struct{ id string }

func (e noFix) Error() string { return fmt.Sprintf("there is nothing to fix at %q", e.id) }

// Status and Hint are for the API.
func (noFix) Status() int  { return http.StatusNotFound }
func (noFix) Hint() string { return "look at the status again: it may be well by now" }

// Fix does what a notice offers, if there still is that notice.
func (a *Agent) Fix(ctx context.Context, by config.By, id string) error {
	a.cache.drop()
	notices := a.Status(ctx).Notices
	if !slices.ContainsFunc(notices, func(n wire.Notice) bool { return n.ID == id && n.Fix != "" }) {
		return noFix{id}
	}
	defer a.cache.drop()
	if name, ok := strings.CutPrefix(id, ofService); ok {
		return a.Restart(ctx, by, name)
	}
	if id == ofSupport {
		return a.EndSupport(ctx, by)
	}
	if id == ofUpdate {
		return a.installAvailable(ctx, by)
	}
	name := strings.TrimPrefix(id, ofUnit)
	a.opts.Log("%s starts %s again", by.Who, name)
	return a.manager.Restart(ctx, name)
}
