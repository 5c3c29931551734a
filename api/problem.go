package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
)

// contentProblem is the media type of an error (RFC 9457).
const contentProblem = "application/problem+json"

// Problem is the body of every answer with a status of 400 or above. The code is
// the truth and never changes its meaning; the status is for programs that know
// no codes.
type Problem struct {
	Type    string     `json:"type" doc:"A URN made of the code" example:"urn:atoll:problem:ownership"`
	Title   string     `json:"title" doc:"The code in words" example:"The site does not own the record"`
	Status  int        `json:"status" doc:"The HTTP status" example:"403"`
	Detail  string     `json:"detail,omitempty" doc:"What happened; fit to show to a person"`
	Code    atoll.Code `json:"code" doc:"The stable name of the kind of failure" example:"ownership"`
	Subject string     `json:"subject,omitempty" doc:"To what it happened, such as type/id of a record"`
	Field   string     `json:"field,omitempty" doc:"The field at fault"`
	Hint    string     `json:"hint,omitempty" doc:"What to do next"`
	// Rule and Args are the reason of the error, as [ReasonView] has it.
	Rule   string         `json:"rule,omitempty" doc:"The rule that refused, by its stable name, for words of your own; left out when none is named" example:"stock.unexplained"`
	Args   map[string]any `json:"args,omitempty" doc:"What the rule speaks of, by name: a text, a number, the number of a site, or the name of a record type"`
	Errors []Fault        `json:"errors,omitempty" doc:"Everything that is wrong with the form of a request"`
	// Instead is set when the life cycle of a document refuses an action.
	Instead []documents.Choice `json:"instead,omitempty" doc:"Of a document whose status does not allow it: what may be done now, and why the rest may not"`

	header http.Header
}

// Fault is one thing that is wrong with the form of a request.
type Fault struct {
	Location string `json:"location,omitempty" doc:"Where, such as body.fields or query.limit" example:"query.limit"`
	Message  string `json:"message" doc:"What is wrong there" example:"expected number <= 1000"`
}

// Error returns the detail, so that a Problem is an error.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Detail
}

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers that belong to the problem.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType makes JSON problem+json.
func (p *Problem) ContentType(string) string { return contentProblem }

// problemOf returns what the world may know of err: the text of an
// [atoll.Error], but never its cause, and nothing at all of an Internal one.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var e *atoll.Error
	if !errors.As(err, &e) {
		e = &atoll.Error{Code: atoll.CodeOf(err)}
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			e.Code = atoll.Interrupted
		}
	}
	status, title, known := e.Code.HTTP()
	if !known || e.Code == atoll.Internal {
		e = &atoll.Error{Code: atoll.Internal, Hint: "the server's log tells more"}
	}
	p = &Problem{
		Type: "urn:atoll:problem:" + string(e.Code), Title: title, Status: status, Code: e.Code,
		Detail: e.Message, Subject: e.Subject, Field: e.Field, Hint: e.Hint, header: http.Header{},
	}
	if reason := reasonView(e.Why()); reason != nil {
		p.Rule, p.Args = reason.Rule, reason.Values
	}
	if p.Status == http.StatusUnauthorized {
		p.header.Set("WWW-Authenticate", "Bearer") // RFC 9110 asks for it
	}
	return p
}

// as is problemOf with another HTTP status, where HTTP has a closer one than the
// code's.
func as(status int, err error) *Problem {
	p := problemOf(err)
	if p.Code != atoll.Internal {
		p.Status = status
	}
	return p
}

// later is problemOf with the seconds after which another attempt makes sense.
func later(seconds int, err error) *Problem {
	p := problemOf(err)
	p.header.Set("Retry-After", strconv.Itoa(seconds))
	return p
}

// writeProblem answers a request that no operation has taken.
func writeProblem(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	h.Set("Content-Type", contentProblem)
	b, err := json.Marshal(p)
	if err != nil {
		b = []byte(`{"code":"internal","status":500}`) // strings and numbers: cannot happen
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(b) // whoever hung up needs no answer
}

// ownProblems has huma report its own findings (validation, sizes) as problems
// too. It is one variable for the whole program, so it is set once.
var ownProblems = sync.OnceFunc(func() { huma.NewError = fromHuma })

// fromHuma turns a finding of huma into a problem. Values are not repeated: they
// may be secret.
func fromHuma(status int, msg string, errs ...error) huma.StatusError {
	e := &atoll.Error{Message: msg}
	switch status {
	case http.StatusRequestEntityTooLarge:
		e.Code = atoll.TooLarge
	case http.StatusNotFound:
		e.Code = atoll.NotFound
	case http.StatusRequestTimeout:
		e.Code = atoll.Interrupted
	case http.StatusInternalServerError:
		e.Code = atoll.Internal
		if msg == "cannot read request body" {
			e.Code = atoll.Interrupted
		}
	default:
		e.Code = atoll.Invalid
	}
	p := problemOf(e)
	switch status {
	case http.StatusUnsupportedMediaType, http.StatusNotAcceptable, http.StatusRequestTimeout:
		p.Status = status
	}
	if p.Code == atoll.Internal || p.Code == atoll.Interrupted {
		return p
	}
	for _, err := range errs {
		if d := huma.ErrorDetailer(nil); errors.As(err, &d) {
			f := d.ErrorDetail()
			p.Errors = append(p.Errors, Fault{Location: f.Location, Message: f.Message})
		} else if err != nil {
			p.Errors = append(p.Errors, Fault{Message: err.Error()})
		}
	}
	if len(p.Errors) > 0 {
		p.Detail = p.Errors[0].Message
		if at := p.Errors[0].Location; at != "" {
			p.Detail = at + ": " + p.Detail
			p.Field = at[strings.LastIndexByte(at, '.')+1:]
		}
		p.Hint = "the form of every request is described at " + prefix + "/docs"
	}
	return p
}
