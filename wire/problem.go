package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// ContentProblem is the media type of an error (RFC 9457).
const ContentProblem = "application/problem+json"

// maxProblem bounds an error that is read.
const maxProblem = 64 << 10

// Status returns the HTTP status a code travels with; 500 for one that is not
// known.
func Status(code atoll.Code) int {
	status, _, _ := code.HTTP()
	return status
}

// Problem is the body of an error on the wire.
type Problem struct {
	Type    string     `json:"type"`
	Title   string     `json:"title"`
	Status  int        `json:"status"`
	Detail  string     `json:"detail,omitempty"`
	Code    atoll.Code `json:"code"`
	Subject string     `json:"subject,omitempty"`
	Field   string     `json:"field,omitempty"`
	Hint    string     `json:"hint,omitempty"`
	// Retry is in how many seconds another attempt makes sense; it says the same as
	// the header Retry-After, for errors that come after the header has gone.
	Retry int `json:"retry,omitempty"`
}

// ProblemOf returns what the world may know of err: the text of an [atoll.Error],
// but never its cause, and nothing at all of an Internal one. Errors that are no
// atoll.Error are Internal.
func ProblemOf(err error) Problem {
	var e *atoll.Error
	if !errors.As(err, &e) {
		e = &atoll.Error{Code: atoll.CodeOf(err)}
	}
	status, title, known := e.Code.HTTP()
	if !known || e.Code == atoll.Internal {
		e = &atoll.Error{Code: atoll.Internal, Hint: "the server's log tells more"}
	}
	p := Problem{
		Type: "urn:atoll:problem:" + string(e.Code), Title: title, Status: status, Code: e.Code,
		Detail: e.Message, Subject: e.Subject, Field: e.Field, Hint: e.Hint,
	}
	if after, ok := exchange.RetryAfter(err); ok && e.Code != atoll.Internal {
		p.Retry = int(math.Ceil(after.Seconds()))
	}
	return p
}

// error is the opposite of ProblemOf.
func (p Problem) error() *atoll.Error {
	e := &atoll.Error{Code: p.Code, Message: p.Detail, Subject: p.Subject, Field: p.Field, Hint: p.Hint}
	if _, title, known := p.Code.HTTP(); e.Message == "" && known {
		e.Message = title
	} else if e.Message == "" {
		e.Message = p.Title
	}
	if p.Retry > 0 {
		e = exchange.Later(time.Duration(p.Retry)*time.Second, e)
	}
	return e
}

// parseProblem reads a body of the media type [ContentProblem]. A code it does
// not know is from a newer program and is kept.
func parseProblem(b []byte) (Problem, error) {
	var p Problem
	if err := json.Unmarshal(b, &p); err != nil {
		return p, err
	}
	if p.Code == "" || len(p.Code) > 60 {
		return p, fmt.Errorf("a problem without a code")
	}
	p.Retry = min(max(p.Retry, 0), maxRetry)
	return p, nil
}

// WriteProblem answers a request with err as problem+json. It must be the first
// thing written to w. Causes are not written: log err before.
func WriteProblem(w http.ResponseWriter, err error) { writeProblem(w, ProblemOf(err)) }

func writeProblem(w http.ResponseWriter, p Problem) {
	b, err := json.Marshal(p)
	if err != nil {
		b = []byte(`{"code":"internal","status":500}`) // strings and numbers: cannot happen
	}
	h := w.Header()
	h["Content-Type"] = []string{ContentProblem}
	h.Set("Cache-Control", "no-store")
	if p.Retry > 0 {
		h.Set("Retry-After", strconv.Itoa(p.Retry))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer") // RFC 9110 asks for it
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(b) // whoever hung up needs no answer
}

// ReadProblem returns the error that a response with a status of 400 or above
// carries. A response without problem+json did not come from this program but
// from something in between: it is [atoll.Unavailable]. The body is read to its
// end (within bounds) and left open.
func ReadProblem(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != ContentProblem {
		return notAtoll(resp)
	}
	if err != nil {
		return interrupted(err)
	}
	p, err := parseProblem(b)
	if err != nil {
		return notAtoll(resp)
	}
	if p.Retry == 0 {
		p.Retry = retryHeader(resp)
	}
	return p.error()
}

// maxRetry bounds what an answer may ask to wait, in seconds.
const maxRetry = 24 * 60 * 60

// retryHeader returns the seconds that a response asks to wait; 0 if it does not.
// A date, which the header may hold too, is as good as the clocks are, and is
// passed over.
func retryHeader(resp *http.Response) int {
	n, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return min(max(n, 0), maxRetry)
}

// notAtoll is the error for an answer that this program would not give: that of a
// hotel's log-in page, a proxy, another server.
func notAtoll(resp *http.Response) *atoll.Error {
	e := atoll.Errorf(atoll.Unavailable, "the address answered, but it is not an Atoll server (HTTP status %d)", resp.StatusCode).
		Do("check the address; if the network asks for a log-in of its own, open any web page and log in there first")
	if n := retryHeader(resp); n > 0 { // from a proxy that knows when the server will be back
		e = exchange.Later(time.Duration(n)*time.Second, e)
	}
	return e
}

// busy returns an error of the code Busy that asks to wait.
func busy(after time.Duration, format string, args ...any) *atoll.Error {
	return exchange.Later(after, atoll.Errorf(atoll.Busy, format, args...))
}
