package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// request is one question to the agent.
type request struct {
	method, path string
	// body is sent as JSON; nil is none.
	body any
	// stream is sent as it comes, size bytes of it, for as long as that takes.
	stream io.Reader
	size   int64
	// match goes into If-Match; "" is none.
	match string
	// fresh wants a connection of its own.
	fresh bool
}

// ask sends a request and reads its answer.
func (c *Client) ask(ctx context.Context, q request) ([]byte, error) {
	wait := maxWork
	if q.method == http.MethodGet {
		wait = maxWait
	}
	if q.stream == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	req, err := c.build(ctx, q)
	if err != nil {
		return nil, err
	}
	caller := c.http
	if q.fresh {
		caller = plain(c.fresh)
	}
	resp, err := caller.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the agent's answer: %w", err)
	}
	if len(data) > maxAnswer {
		return nil, errors.New("cannot read the agent's answer: it is too long")
	}
	if resp.StatusCode != http.StatusOK {
		return nil, readError(resp, data)
	}
	return data, nil
}

func (c *Client) build(ctx context.Context, q request) (*http.Request, error) {
	var body io.Reader
	if q.body != nil {
		data, err := json.Marshal(q.body)
		if err != nil {
			return nil, fmt.Errorf("cannot encode the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, c.base+q.path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.stream != nil {
		req.Body, req.ContentLength = io.NopCloser(q.stream), q.size
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	if q.match != "" {
		req.Header.Set("If-Match", q.match)
	}
	return req, nil
}

func readError(resp *http.Response, data []byte) *Error {
	var body wire.ErrorBody
	if json.Unmarshal(data, &body) != nil || body.Error.Message == "" {
		body.Error.Message = "the agent answered " + resp.Status
	}
	e := &Error{Status: resp.StatusCode, Message: body.Error.Message, Hint: body.Error.Hint, Problems: body.Error.Problems,
		CodeNeeded: body.Error.CodeNeeded, Continue: body.Error.Continue}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// answer sends a request and decodes its answer.
func answer[T any](ctx context.Context, c *Client, q request) (T, error) {
	var into T
	data, err := c.ask(ctx, q)
	if err != nil {
		return into, err
	}
	if err := json.Unmarshal(data, &into); err != nil {
		return into, fmt.Errorf("cannot read the agent's answer: %w", err)
	}
	return into, nil
}

func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	return answer[T](ctx, c, request{method: http.MethodGet, path: path})
}

// do posts what has no answer.
func (c *Client) do(ctx context.Context, path string, body any) error {
	_, err := c.ask(ctx, request{method: http.MethodPost, path: path, body: body})
	return err
}

// remove deletes what has no answer.
func (c *Client) remove(ctx context.Context, path string) error {
	_, err := c.ask(ctx, request{method: http.MethodDelete, path: path})
	return err
}

// match is the If-Match of a write that was made from a revision; 0 is any,
// which the agent takes on its unix socket only.
func match(base int) string {
	if base == 0 {
		return "*"
	}
	return `"` + strconv.Itoa(base) + `"`
}
