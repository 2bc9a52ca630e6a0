package update

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/update/record"
)

// maxHistory is how many entries are kept.
const maxHistory = 100

func historyFile(dataDir string) string { return filepath.Join(dataDir, record.Dir, "history.json") }

// readHistory reads the history, the newest first. One that is damaged is
// begun anew.
func readHistory(dataDir string) ([]wire.UpdateEvent, error) {
	data, err := os.ReadFile(historyFile(dataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var list []wire.UpdateEvent
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the history of updates: %w", err)
	}
	return list, nil
}

// enter adds to the history.
func (m *Manager) enter(e wire.UpdateEvent) {
	m.mu.Lock()
	m.history = append([]wire.UpdateEvent{e}, m.history...)
	if len(m.history) > maxHistory {
		m.history = m.history[:maxHistory]
	}
	data, err := json.Marshal(m.history)
	m.mu.Unlock()
	if err == nil {
		if err = os.MkdirAll(filepath.Dir(historyFile(m.o.DataDir)), 0o700); err == nil {
			err = host.WriteFile(historyFile(m.o.DataDir), data, 0o600)
		}
	}
	if err != nil {
		m.o.Log("the history of updates cannot be kept: %v", err)
	}
	m.o.Changed()
}

// enterOnce adds how a trial ended, unless a cut came just after that.
func (m *Manager) enterOnce(t *record.Trial, e wire.UpdateEvent) {
	m.mu.Lock()
	have := false
	for _, h := range m.history {
		have = have || h.From == e.From && h.To == e.To && h.Outcome == e.Outcome && !h.Time.Before(t.Armed)
	}
	m.mu.Unlock()
	if !have {
		m.enter(e)
	}
}
