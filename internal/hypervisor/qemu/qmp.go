package qemu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// maxLine bounds one QMP message. The longest answers we ask for are a few
// KiB of text; QEMU itself stays below 64 KiB on connect.
const maxLine = 1 << 20

// qmp is one QMP connection. Its methods may be called from many goroutines.
type qmp struct {
	conn    net.Conn
	onEvent func(event)
	closed  chan struct{} // the reader has ended

	mu      sync.Mutex
	next    int
	waiting map[int]chan message
	err     error // why the reader ended
}

// message is any line that QEMU sends; exactly one of the first four is set.
type message struct {
	Greeting *json.RawMessage `json:"QMP"`
	Event    string           `json:"event"`
	Return   *json.RawMessage `json:"return"`
	Error    *qmpError        `json:"error"`

	ID   *int            `json:"id"`
	Data json.RawMessage `json:"data"`
}

// qmpError is QEMU's refusal of a command.
type qmpError struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

func (e *qmpError) Error() string { return e.Desc }

// event is what QEMU tells unasked. The fields are those of SHUTDOWN and RESET.
type event struct {
	Name   string
	Guest  bool   `json:"guest"`
	Reason string `json:"reason"`
}

// parseMessage reads one line. A null or absent answer, or a line that is two
// things at once, is an error.
func parseMessage(line []byte) (message, error) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return message{}, fmt.Errorf("cannot understand QEMU: %w", err)
	}
	kinds := 0
	for _, is := range []bool{m.Greeting != nil, m.Event != "", m.Return != nil, m.Error != nil} {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		return message{}, fmt.Errorf("cannot understand QEMU: %.80q is %d kinds of message", line, kinds)
	}
	return m, nil
}

// connectQMP takes over conn, waits for the greeting and enters command mode.
// onEvent is called from one goroutine, in order, and must not block.
func connectQMP(ctx context.Context, conn net.Conn, onEvent func(event)) (*qmp, error) {
	q := &qmp{conn: conn, onEvent: onEvent, closed: make(chan struct{}), waiting: map[int]chan message{}}
	greeted := make(chan struct{})
	go q.read(greeted)
	select {
	case <-greeted:
	case <-q.closed:
		return nil, fmt.Errorf("cannot talk to QEMU: %w", q.reason())
	case <-ctx.Done():
		q.close()
		return nil, ctx.Err()
	}
	if err := q.execute(ctx, "qmp_capabilities", nil, nil); err != nil {
		q.close()
		return nil, err
	}
	return q, nil
}

// execute runs one command. result may be nil.
func (q *qmp) execute(ctx context.Context, command string, arguments, result any) error {
	answer := make(chan message, 1)
	q.mu.Lock()
	q.next++
	id := q.next
	q.waiting[id] = answer
	line, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
		ID        int    `json:"id"`
	}{command, arguments, id})
	if err == nil {
		_, err = q.conn.Write(append(line, '\n'))
	}
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		delete(q.waiting, id)
		q.mu.Unlock()
	}()
	fail := func(err error) error { return fmt.Errorf("cannot tell QEMU to %s: %w", command, err) }
	if err != nil {
		return fail(err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			return fail(m.Error)
		}
		if result == nil {
			return nil
		}
		if err := json.Unmarshal(*m.Return, result); err != nil {
			return fail(err)
		}
		return nil
	case <-q.closed:
		return fail(q.reason())
	case <-ctx.Done():
		return fail(ctx.Err())
	}
}

// close ends the connection and waits until no more events come.
func (q *qmp) close() {
	q.conn.Close()
	<-q.closed
}

func (q *qmp) reason() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

func (q *qmp) read(greeted chan<- struct{}) {
	err := q.readAll(greeted)
	q.conn.Close()
	q.mu.Lock()
	q.err = err
	q.mu.Unlock()
	close(q.closed)
}

func (q *qmp) readAll(greeted chan<- struct{}) error {
	lines := bufio.NewScanner(q.conn)
	lines.Buffer(nil, maxLine)
	for first := true; lines.Scan(); first = false {
		m, err := parseMessage(lines.Bytes())
		if err != nil {
			return err
		}
		if first != (m.Greeting != nil) {
			return errors.New("cannot understand QEMU: no greeting, or a second one")
		}
		switch {
		case first:
			close(greeted)
		case m.Event != "":
			e := event{Name: m.Event}
			if len(m.Data) > 0 {
				_ = json.Unmarshal(m.Data, &e) // events of other shapes have no such fields
			}
			q.onEvent(e)
		case m.ID != nil:
			q.mu.Lock()
			answer := q.waiting[*m.ID]
			delete(q.waiting, *m.ID)
			q.mu.Unlock()
			if answer != nil {
				answer <- m
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}
