package qemu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const greeting = `{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}}, "capabilities": []}}` + "\n"

// monitor plays QEMU: it greets, and answers each command with what answers
// says, "%d" being the command's ID.
func monitor(t *testing.T, conn net.Conn, greeting string, answers map[string]string) {
	defer conn.Close()
	if _, err := conn.Write([]byte(greeting)); err != nil {
		return
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		var command struct {
			Execute string `json:"execute"`
			ID      int    `json:"id"`
		}
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			t.Errorf("the client sent %q: %v", lines.Text(), err)
			return
		}
		answer, ok := answers[command.Execute]
		if !ok {
			answer = `{"return": {}, "id": %d}`
		}
		if answer == "" {
			continue
		}
		if strings.Contains(answer, "%d") {
			answer = fmt.Sprintf(answer, command.ID)
		}
		if _, err := conn.Write([]byte(answer + "\n")); err != nil {
			return
		}
	}
}

func TestQMP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go monitor(t, theirs, greeting, map[string]string{
			"query-status": `{"event": "RESET", "data": {"guest": true, "reason": "guest-reset"}, "timestamp": {"seconds": 1}}
{"return": {"unasked": 1}, "id": 4711}
{"event": "VSERPORT_CHANGE", "data": {"open": true, "id": "x"}}
{"event": "NIC_RX_FILTER_CHANGED", "data": 5}
{"return": {"status": "running"}, "id": %d}`,
			"balloon": `{"id": %d, "error": {"class": "DeviceNotActive", "desc": "No balloon device"}}`,
			"quit":    `{"event": "SHUTDOWN", "data": {"guest": false, "reason": "host-qmp-quit"}}`,
			"stop":    ``,
		})
		var events []event
		q, err := connectQMP(t.Context(), ours, func(e event) { events = append(events, e) })
		if err != nil {
			t.Fatal(err)
		}
		var status struct{ Status string }
		if err := q.execute(t.Context(), "query-status", nil, &status); err != nil || status.Status != "running" {
			t.Errorf("query-status = %+v, %v; want running", status, err)
		}
		var refused *qmpError
		if err := q.execute(t.Context(), "balloon", nil, nil); !errors.As(err, &refused) || refused.Desc != "No balloon device" {
			t.Errorf("balloon = %v; want QEMU's refusal", err)
		}
		if err := q.execute(t.Context(), "query-name", nil, &[]int{}); err == nil {
			t.Error("an answer of another type was taken")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.execute(ctx, "stop", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a command without an answer = %v; want %v", err, context.DeadlineExceeded)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = q.execute(ctx, "quit", nil, nil)
		q.close()
		want := []event{
			{Name: "RESET", Guest: true, Reason: "guest-reset"}, {Name: "VSERPORT_CHANGE"}, {Name: "NIC_RX_FILTER_CHANGED"},
			{Name: "SHUTDOWN", Reason: "host-qmp-quit"},
		}
		if !reflect.DeepEqual(events, want) {
			t.Errorf("events = %+v; want %+v", events, want)
		}
		if err := q.execute(t.Context(), "cont", nil, nil); err == nil {
			t.Error("a command on a closed connection succeeded")
		}
	})
}

func TestQMPBrokenPeers(t *testing.T) {
	for name, greeting := range map[string]string{
		"silence, then the end": "",
		"no greeting":           `{"return": {}}` + "\n",
		"not JSON":              "SSH-2.0\n",
		"an endless line":       strings.Repeat("x", maxLine+1),
		"greeted twice":         greeting + greeting,
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			go func() {
				_, _ = theirs.Write([]byte(greeting))
				if name != "greeted twice" {
					theirs.Close()
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			q, err := connectQMP(ctx, ours, func(event) {})
			if err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("connectQMP() = %v, %v; want an error at once", q, err)
			}
		})
	}
}

func TestQMPGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := connectQMP(ctx, ours, func(event) {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("connectQMP() = %v; want %v", err, context.DeadlineExceeded)
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	for _, line := range []string{greeting, `{"return": {}, "id": 1}`, `{"return": "text"}`, `{"id": 2, "error": {"desc": "no"}}`,
		`{"event": "SHUTDOWN", "data": {"guest": true}}`, `{"event": "X", "return": {}}`, `{}`, `{"return": null}`, "null", "[]"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := parseMessage(line)
		if err != nil {
			if !reflect.DeepEqual(m, message{}) {
				t.Errorf("parseMessage(%q) = %+v with an error", line, m)
			}
			return
		}
		if (m.Greeting == nil) == (m.Event == "" && m.Return == nil && m.Error == nil) {
			t.Errorf("parseMessage(%q) = %+v; want one kind", line, m)
		}
	})
}
