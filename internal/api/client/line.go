package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// line sends requests over one connection that cannot be opened anew, one
// after the other. http.Transport would give the connection up on a whim: it
// may always dial again.
type line struct {
	mu   sync.Mutex
	conn net.Conn
	in   *bufio.Reader
	// lost is set by the first error: whatever comes then may be the rest of
	// an older answer.
	lost error
}

// RoundTrip implements [http.RoundTripper]. The answer is read whole before
// it returns, so that the line is free for the next request.
func (l *line) RoundTrip(req *http.Request) (*http.Response, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return nil, fmt.Errorf("the connection was lost: %w", l.lost)
	}
	resp, err := l.exchange(req)
	if err != nil {
		l.lost = err
		if ctxErr := req.Context().Err(); ctxErr != nil {
			err = ctxErr
		}
		return nil, err
	}
	if resp.Close {
		l.lost = errors.New("the agent closed it")
	}
	return resp, nil
}

func (l *line) exchange(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := l.conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := req.Write(l.conn); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(l.in, req)
	if err != nil {
		return nil, err
	}
	if resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 {
		// An answer that ends with the connection never ends on a line that stays.
		return nil, fmt.Errorf("the agent answered %s without a length", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
