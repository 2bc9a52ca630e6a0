package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/agent/systemd"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/host"
)

// resetFlag is the file on the data disk by which ingot-init is asked to
// remove everything else on it.
const resetFlag = ".factory-reset"

// Power restarts the machine or switches it off.
func (a *Agent) Power(ctx context.Context, by config.By, action string) error {
	switch action {
	case "restart":
		a.opts.Log("%s asks for a restart", by.Who)
		return a.manager.Reboot(ctx)
	case "off":
		a.opts.Log("%s switches the appliance off", by.Who)
		return a.manager.PowerOff(ctx)
	}
	return invalid("action", fmt.Sprintf("the action %q is not known", action), "write restart or off")
}

// Reset removes configuration, data and identity, and restarts the machine.
// The work is done by the next start, before anything uses the disk: a power
// cut in between only delays it.
func (a *Agent) Reset(ctx context.Context, by config.By, confirm string) error {
	if name := a.boot.Definition.Name; confirm != name {
		return invalid("confirm", "the name of the appliance does not match", "type "+name)
	}
	if a.init.foreign() || a.init.DataReadOnly {
		return invalid("confirm", "the data disk is not this appliance's to erase", "erase it in the hypervisor")
	}
	if a.updates != nil { // its record lies on the disk that is erased
		if u := a.updates.Brief(); working(u) || u.Trial != nil {
			return invalid("confirm", "an update is under way", "wait until it has ended, or cancel it")
		}
	}
	a.opts.Log("%s resets the appliance to factory settings", by.Who)
	flag := filepath.Join(a.opts.DataDir, resetFlag)
	if err := host.WriteFile(flag, []byte(by.Who+"\n"), 0o600); err != nil {
		return err
	}
	if err := a.manager.Reboot(ctx); err != nil {
		// Nobody expects it any more when the machine is restarted some day.
		return errors.Join(err, os.Remove(flag), host.SyncDir(a.opts.DataDir))
	}
	return nil
}

// Restart restarts one service of the application.
func (a *Agent) Restart(ctx context.Context, by config.By, service string) error {
	s := a.boot.Definition.Service(service)
	if s == nil {
		return invalid("service", fmt.Sprintf("there is no service %q", service), "")
	}
	a.opts.Log("%s restarts %s", by.Who, service)
	return a.manager.Restart(ctx, s.RunUnit())
}

// maxLogLines and maxLog, in bytes of the journal's JSON, bound an answer: a
// program may log what it likes, and the agent has little memory.
const (
	maxLogLines = 1000
	maxLog      = 2 << 20
)

// Log is the end of the journal, of one service or of all.
func (a *Agent) Log(ctx context.Context, service string, lines int) (wire.Log, error) {
	if lines <= 0 {
		lines = 100
	}
	args := []string{"--boot", "--lines=" + strconv.Itoa(min(lines, maxLogLines)), "--output=json",
		"--output-fields=MESSAGE,PRIORITY,_SYSTEMD_UNIT,SYSLOG_IDENTIFIER", "--no-pager", "--quiet",
		"--reverse"} // what is too much is the oldest then
	if service != "" {
		s := a.boot.Definition.Service(service)
		if s == nil {
			return wire.Log{}, invalid("service", fmt.Sprintf("there is no service %q", service), "")
		}
		args = append(args, "--unit="+s.RunUnit())
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	a.logging.Lock() // one at a time, for the memory
	defer a.logging.Unlock()
	out := &beginning{left: maxLog}
	if err := a.opts.Runner.Run(ctx, host.Command{Name: "journalctl", Args: args, Stdout: out}); err != nil {
		return wire.Log{}, fmt.Errorf("cannot read the log: %w", err)
	}
	log := parseLog(out.Bytes())
	slices.Reverse(log.Lines)
	return log, nil
}

// beginning keeps the first bytes of what is written, and drops the rest.
type beginning struct {
	bytes.Buffer
	left int
}

// Write implements [io.Writer].
func (b *beginning) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	b.Buffer.Write(p[:n])
	return len(p), nil
}

// lastMicrosecond is the last one of the year 9999: JSON knows none after.
const lastMicrosecond = 253402300799_999999

// parseLog reads journalctl's JSON lines (systemd.io/JOURNAL_EXPORT_FORMATS).
// A message that is not text comes as a list of bytes.
func parseLog(data []byte) wire.Log {
	log := wire.Log{Lines: []wire.LogLine{}}
	for line := range bytes.Lines(data) {
		var entry struct {
			Time     string          `json:"__REALTIME_TIMESTAMP"`
			Message  json.RawMessage `json:"MESSAGE"`
			Priority string          `json:"PRIORITY"`
			Unit     string          `json:"_SYSTEMD_UNIT"`
			Name     string          `json:"SYSLOG_IDENTIFIER"`
		}
		if json.Unmarshal(line, &entry) != nil {
			continue
		}
		l := wire.LogLine{Unit: entry.Unit, Priority: 6}
		// The system manager's own words come from a unit of a name that tells
		// nobody anything.
		if l.Unit == "" || l.Unit == "init.scope" && entry.Name != "" {
			l.Unit = entry.Name
		}
		if micro, err := strconv.ParseInt(entry.Time, 10, 64); err == nil && micro >= 0 && micro <= lastMicrosecond {
			l.Time = time.UnixMicro(micro).UTC()
		}
		if p, err := strconv.Atoi(entry.Priority); err == nil && p >= 0 && p <= 7 {
			l.Priority = p
		}
		l.Text = messageText(entry.Message)
		log.Lines = append(log.Lines, l)
	}
	return log
}

// messageText is a message of the journal: a text, a list of bytes when it is
// none, null when it is too long, or a list of these when there are several.
func messageText(message json.RawMessage) string {
	var text string
	if json.Unmarshal(message, &text) == nil {
		return text
	}
	var raw []uint16 // as []uint8 it would be base64
	if json.Unmarshal(message, &raw) == nil {
		data := make([]byte, len(raw))
		for i, c := range raw {
			data[i] = byte(c)
		}
		return strings.ToValidUTF8(string(data), "\ufffd")
	}
	var several []json.RawMessage
	if json.Unmarshal(message, &several) != nil {
		return ""
	}
	var texts []string
	for _, one := range several {
		if len(one) > 0 && one[0] == '[' && bytes.Contains(one[1:], []byte("[")) {
			continue // deeper than the journal goes
		}
		if text := messageText(one); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "\n")
}

// units lets settings start and stop what the system manager runs.
type units struct {
	*systemd.Manager
	opts Options
}

// LogTail is the end of a unit's log of this boot.
func (u units) LogTail(ctx context.Context, unit string) string {
	return logTail(ctx, u.opts.Runner, unit)
}
