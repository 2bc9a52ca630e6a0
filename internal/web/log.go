package web

import (
	"net/http"

	"github.com/ingotvm/ingot/internal/api/wire"
)

type logView struct {
	Service  string
	Services []wire.Service
	Lines    []wire.LogLine
}

// linesOfLog is how many lines a page shows.
const linesOfLog = 300

func logPage(v *visit) error {
	view := logView{Service: v.r.URL.Query().Get("service"), Services: v.status.Services}
	log, err := v.api.Log(v.ctx(), view.Service, linesOfLog)
	if err != nil {
		return err
	}
	view.Lines = log.Lines
	return v.show(http.StatusOK, "log", "log", v.T("web.menu.log"), view)
}

// Level is the class of a line of the log by its priority, which is syslog's.
func (f frame) Level(priority int) string {
	switch {
	case priority <= 3:
		return "bad"
	case priority == 4:
		return "warn"
	}
	return ""
}
