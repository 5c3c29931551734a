package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/atollsync/atoll"
)

// errSilent is why a watchdog ends a request.
var errSilent = errors.New("no byte for too long")

// watchdog ends a request on which nothing moves, in either direction (R-H-24).
// It is no limit on the whole.
type watchdog struct {
	ctx    context.Context //nolint:containedctx // one watchdog is one request
	cancel context.CancelCauseFunc
	timer  *time.Timer
	after  time.Duration
	sent   atomic.Int64 // bytes of bodies that the transport has taken
}

func newWatchdog(ctx context.Context, after time.Duration) *watchdog {
	w := &watchdog{after: after}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(after, func() { w.cancel(errSilent) })
	return w
}

func (w *watchdog) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

func (w *watchdog) barked() bool { return errors.Is(context.Cause(w.ctx), errSilent) }

func (w *watchdog) reader(in io.Reader) io.Reader { return watched{w, in, false} }

// body is the body of a request, and counted.
func (w *watchdog) body(in io.Reader) io.ReadCloser { return io.NopCloser(watched{w, in, true}) }

type watched struct {
	w     *watchdog
	in    io.Reader
	count bool
}

func (r watched) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if n > 0 {
		r.w.timer.Reset(r.w.after)
	}
	if r.count {
		r.w.sent.Add(int64(n))
	}
	return n, err
}

// unreachable says in a pharmacist's words why a request got no answer.
// Unavailable: the centre was not reached. Interrupted: it was, and then the
// connection ended; what it made of the request is not known.
func (c *Client) unreachable(watch *watchdog, err error) error {
	var known *atoll.Error
	if errors.As(err, &known) && !watch.barked() && watch.ctx.Err() == nil {
		return known
	}
	host := c.base.Host
	say := func(code atoll.Code, message, hint string) error {
		return &atoll.Error{Code: code, Message: message, Hint: hint, Err: err}
	}
	var (
		dns       *net.DNSError
		op        *net.OpError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		timeout   net.Error
	)
	const checkNet = "check the internet connection; everything can be entered meanwhile and is sent later"
	switch {
	case watch.barked():
		return say(atoll.Interrupted, "nothing was heard from "+host+" for "+c.o.Idle.String(), checkNet)
	case watch.ctx.Err() != nil:
		return &atoll.Error{Code: atoll.Interrupted, Message: "the exchange was stopped", Err: context.Cause(watch.ctx)}
	case errors.Is(err, ErrPin):
		return say(atoll.Unavailable, "the server at "+host+" is not the one this site was enrolled with: its key is another",
			"do not go on before the centre's administrator has confirmed a change of the server's key")
	case errors.As(err, &authority):
		return say(atoll.Unavailable, "nobody vouches for the certificate of the server at "+host,
			"if the centre uses a certificate of its own, enter the enrolment ticket with its fingerprint")
	case errors.As(err, &name):
		return say(atoll.Unavailable, "the certificate of the server at "+host+" is for another address", "check the address")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return say(atoll.Unavailable, "the certificate of the server at "+host+" is not valid today",
			"check the date of this computer; if it is right, tell the centre's administrator")
	case errors.As(err, &invalid), errors.As(err, &alert):
		return say(atoll.Unavailable, "no secure connection to "+host+" is possible", "tell the centre's administrator")
	case errors.As(err, &record):
		return say(atoll.Unavailable, "the address "+host+" answered, but not securely", "check the address and its port")
	case errors.As(err, &dns):
		return say(atoll.Unavailable, "the address "+host+" cannot be found", "check the internet connection, then the spelling of the address")
	case errors.Is(err, syscall.ECONNREFUSED):
		return say(atoll.Unavailable, "nothing answers at "+host, "the central server may be down; check the address and its port")
	case errors.As(err, &op) && op.Op == "dial" && op.Timeout():
		return say(atoll.Unavailable, "the address "+host+" did not answer in time", checkNet)
	case errors.As(err, &op) && op.Op == "dial", errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return say(atoll.Unavailable, "there is no way to "+host, checkNet)
	case errors.As(err, &timeout) && timeout.Timeout():
		return say(atoll.Unavailable, "the server at "+host+" did not answer in time", checkNet)
	}
	return say(atoll.Interrupted, "the connection to "+host+" broke", checkNet)
}
