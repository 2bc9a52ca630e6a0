package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
)

// Error is an answer with a status of 400 or more. Other errors become one:
//
//	400  a request that cannot be read
//	401  access.ErrDenied, access.ErrExpired, *access.CodeError
//	403  access.ErrCode, access.ErrNoRole
//	404  config.ErrNoRevision
//	409  *config.ApplyError when all was undone, config.ErrNotPending,
//	     config.ErrPending, config.ErrHeld, config.ErrSameConnection, access.ErrNoOffer
//	412  *config.ConflictError
//	422  *config.InvalidError
//	429  *access.ThrottledError
//	503  access.ErrElsewhere
//	504  a context's deadline
//	500  every other one, but see [Statuser]
type Error struct {
	Status  int
	Message string
	// Hint says what the caller can do; may be empty.
	Hint string
	// Problems are those of a document that is not valid.
	Problems []wire.Problem
	// RetryAfter is when to come again; 0 does not say.
	RetryAfter time.Duration
	// CodeNeeded and Continue are those of [wire.Error].
	CodeNeeded bool
	Continue   string
}

func (e *Error) Error() string { return e.Message }

// Statuser is implemented by errors of a [Source] that know their status: no
// such service (404), a confirmation that is not the name (422).
type Statuser interface {
	error
	// Status is 400 or more; Hint may be "".
	Status() int
	Hint() string
}

// answerTo makes an answer of an error.
func answerTo(err error) *Error {
	var (
		e         *Error
		statuser  Statuser
		conflict  *config.ConflictError
		invalid   *config.InvalidError
		apply     *config.ApplyError
		throttled *access.ThrottledError
		code      *access.CodeError
	)
	of := func(status int, hint string) *Error { return &Error{Status: status, Message: err.Error(), Hint: hint} }
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &statuser):
		return of(statuser.Status(), statuser.Hint())
	case errors.As(err, &conflict):
		return of(http.StatusPreconditionFailed, "read the configuration again, and make the change from there")
	case errors.As(err, &invalid):
		e := &Error{Status: http.StatusUnprocessableEntity, Message: "the change is not valid"}
		for _, p := range invalid.Problems {
			e.Problems = append(e.Problems, wire.Problem(p))
		}
		return e
	case errors.As(err, &apply) && apply.Undo != nil:
		return of(http.StatusInternalServerError, "the configuration may be in force in part: restart the machine, or make another change")
	case apply != nil, errors.Is(err, config.ErrNotPending), errors.Is(err, config.ErrPending), errors.Is(err, config.ErrHeld):
		return of(http.StatusConflict, "")
	case errors.Is(err, config.ErrSameConnection):
		return of(http.StatusConflict, "close this connection, and confirm over another: that shows that you still get in")
	case errors.Is(err, config.ErrNoRevision):
		return of(http.StatusNotFound, "GET /v1/revisions lists those that there are")
	case errors.As(err, &code):
		e := of(http.StatusUnauthorized, "the authenticator app shows it; a recovery code will do, too")
		e.CodeNeeded, e.Continue = true, code.Continue
		return e
	case errors.Is(err, access.ErrNoOffer):
		return of(http.StatusConflict, "begin again")
	case errors.Is(err, access.ErrLate):
		return of(http.StatusConflict, "begin again")
	case errors.Is(err, access.ErrPasskey):
		return of(http.StatusUnauthorized, "log in with the password, and see which passkeys the account has")
	case errors.Is(err, access.ErrCopied):
		return of(http.StatusForbidden, "log in with the password, delete the passkey, and add it anew")
	case errors.Is(err, access.ErrDenied):
		return of(http.StatusUnauthorized, "")
	case errors.Is(err, access.ErrExpired):
		return of(http.StatusUnauthorized, "log in again")
	case errors.Is(err, access.ErrNoRole):
		return of(http.StatusForbidden, "ask an administrator to put you into such a group")
	case errors.Is(err, access.ErrElsewhere):
		return of(http.StatusServiceUnavailable, "try again in a while; accounts of the appliance work without the directory")
	case errors.Is(err, access.ErrCode):
		return of(http.StatusForbidden, "the appliance's console shows it")
	case errors.As(err, &throttled):
		e := of(http.StatusTooManyRequests, "")
		e.RetryAfter = throttled.After
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Status: http.StatusGatewayTimeout, Message: "this took too long"}
	}
	return of(http.StatusInternalServerError, "")
}

// unreadable says why a body could not be read.
func unreadable(err error) *Error {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return &Error{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the request's body is larger than %d KiB", tooLong.Limit>>10)}
	}
	return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf("cannot read the request's body: %v", err)}
}

func writeError(w http.ResponseWriter, err error) {
	e := answerTo(err)
	if e.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	writeJSON(w, e.Status, wire.ErrorBody{Error: wire.Error{Message: e.Message, Hint: e.Hint, Problems: e.Problems,
		CodeNeeded: e.CodeNeeded, Continue: e.Continue}})
}
