package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/fault"
)

// Problem is an error as an answer (RFC 9457).
type Problem struct { //nolint:errname // what RFC 9457 calls it, and the name of its schema
	huma.ErrorModel

	Class  fault.Class `doc:"What kind of trouble it is: transient, waiting, stalled, conflict, unsafe or unknown outcome." json:"class,omitempty"`
	Reason string      `doc:"A word for machines, as RateLimited."                                                          json:"reason,omitempty"`
	Hint   string      `doc:"What to do about it."                                                                          json:"hint,omitempty"`

	retryAfter time.Duration
}

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	if p.retryAfter <= 0 {
		return nil
	}
	seconds := int64((p.retryAfter + time.Second - 1) / time.Second)
	return http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}}
}

func newProblem(status int, detail string) *Problem {
	return &Problem{ErrorModel: huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}}
}

// problemOf says an error of the desk.
//
//	error              | status
//	-------------------+----------------------------------------
//	ErrUnknown         | 404
//	ErrForbidden       | 403
//	InvalidError       | 422
//	conflict, unsafe   | 409
//	transient          | 503, or 429 for who asks too often
//	waiting            | 503 if something is away, otherwise 409
//	stalled            | 502 if something is away, otherwise 422
//	unknown outcome    | 502
//	anything else      | 500, and what it is stays with us
func problemOf(err error) error {
	if wrong, ok := errors.AsType[*desk.InvalidError](err); ok {
		p := newProblem(http.StatusUnprocessableEntity, err.Error())
		p.Errors = []*huma.ErrorDetail{{Message: wrong.Message, Location: wrong.Field}}
		return p
	}
	f, isFault := errors.AsType[*fault.Error](err)
	switch {
	case errors.Is(err, desk.ErrUnknown):
		return newProblem(http.StatusNotFound, desk.ErrUnknown.Error())
	case errors.Is(err, desk.ErrForbidden):
		return newProblem(http.StatusForbidden, desk.ErrForbidden.Error())
	case isFault:
		p := newProblem(statusOf(f), err.Error())
		p.Class, p.Reason, p.Hint, p.retryAfter = f.Class, f.Reason, fault.HintOf(err), f.RetryAfter
		return p
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusServiceUnavailable, "it took too long")
	default:
		return newProblem(http.StatusInternalServerError, "something went wrong that was not foreseen; see the log of the console")
	}
}

// tooOften is the reason of a fault for who asks too often.
const tooOften = "RateLimited"

// statusOf is the status that says a fault.
func statusOf(f *fault.Error) int {
	switch f.Class {
	case fault.Conflict, fault.Unsafe:
		return http.StatusConflict
	case fault.Transient:
		if f.Reason == tooOften && f.Target == "" {
			return http.StatusTooManyRequests
		}
		return http.StatusServiceUnavailable
	case fault.Waiting:
		if f.Unreachable {
			return http.StatusServiceUnavailable
		}
		return http.StatusConflict
	case fault.Stalled:
		if f.Unreachable {
			return http.StatusBadGateway
		}
		return http.StatusUnprocessableEntity
	case fault.Unknown:
	}
	return http.StatusBadGateway
}

// problemResponse describes problems.
func (s service) problemResponse() *huma.Response {
	return &huma.Response{
		Description: "A problem (RFC 9457)",
		Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")},
		},
	}
}
