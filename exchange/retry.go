package exchange

import (
	"errors"
	"time"

	"github.com/atollsync/atoll"
)

// later is a cause that says when to try again.
type later time.Duration

func (l later) Error() string { return "retry after " + time.Duration(l).String() }

// Later adds to e how long the other end should wait before it tries again. It
// crosses HTTP as the header Retry-After, in whole seconds.
func Later(after time.Duration, e *atoll.Error) *atoll.Error {
	if e.Err == nil {
		e.Err = later(after)
	} else {
		e.Err = errors.Join(later(after), e.Err)
	}
	return e
}

// RetryAfter returns how long the other end asked to wait, if it did.
func RetryAfter(err error) (time.Duration, bool) {
	var l later
	ok := errors.As(err, &l)
	return time.Duration(l), ok
}
