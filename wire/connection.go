package wire

import (
	"io"
	"net"
	"net/http"
	"time"
)

// responseWriter counts, remembers the status, and gives the connection up when
// for a while no byte moves (R-H-24). There is no bound on the whole: on a bad
// line an exchange takes what it takes.
type responseWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	idle    time.Duration
	n       int64
	status  int
	pushed  bool
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.deadline()
	n, err := w.ResponseWriter.Write(p)
	w.n += int64(n)
	return n, err
}

func (w *responseWriter) push() error {
	w.pushed = true
	w.deadline()
	return w.control.Flush()
}

// deadline is by the machine's clock, because the kernel's deadlines are.
func (w *responseWriter) deadline() {
	// Writers that know no deadlines are those of tests.
	_ = w.control.SetWriteDeadline(time.Now().Add(w.idle)) //nolint:forbidigo // see above
}

// body is the request's body with a deadline for each read.
func (w *responseWriter) body(r *http.Request) io.ReadCloser { return patient{r.Body, w} }

type patient struct {
	io.ReadCloser
	w *responseWriter
}

func (p patient) Read(b []byte) (int, error) {
	_ = p.w.control.SetReadDeadline(time.Now().Add(p.w.idle)) //nolint:forbidigo // as for writing
	n, err := p.ReadCloser.Read(b)
	if err != nil {
		p.w.awaitBody()
	}
	return n, err
}

// awaitBody lifts the deadline on reading. While it answers, the server listens
// for the site to hang up, and a deadline that passes would look like that.
func (w *responseWriter) awaitBody() { _ = w.control.SetReadDeadline(time.Time{}) }

// finish leaves the connection without deadlines, since the next request on it
// may be for another handler. An answer that was pushed is pushed to its end
// first; one that was not is small and needs no waiting.
func (w *responseWriter) finish() {
	if w.pushed {
		_ = w.push() // whoever hung up needs no answer
	}
	w.awaitBody()
	_ = w.control.SetWriteDeadline(time.Time{})
}

// remoteAddress is the address of the connection: an IPv4 address, or the /64 of
// an IPv6 one, which is what one customer gets.
func remoteAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip := net.ParseIP(host)
	if ip == nil || ip.To4() != nil {
		return host
	}
	return ip.Mask(net.CIDRMask(64, 128)).String()
}
