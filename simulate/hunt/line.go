package hunt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/wire"
)

// lineFaults strike while a site and the centre talk, over the real bytes.
var lineFaults = []Fault{
	{Name: "cut-up", Words: "the line is cut at any byte of a request", Usual: 8},
	{Name: "slow-line", Words: "an answer takes so long that it is sent frame by frame", Usual: 15, Apart: true},
	{Name: "cut-down", Words: "the line is cut at any byte of an answer", Usual: 8},
	{Name: "hang-up", Words: "the centre notices, while it answers, that the site is gone", Usual: 3},
	{Name: "lost", Words: "a request never arrives", Usual: 5},
	{Name: "twice", Words: "a request arrives twice", Usual: 5},
	{Name: "delayed", Words: "a request arrives after the site has given up on it", Usual: 4},
	{Name: "reordered", Words: "a request arrives after a later one of its site", Usual: 4},
	{Name: "interleaved", Words: "in the middle of one site's request another site synchronises, or somebody works", Usual: 8},
}

// line carries the requests of one site to the centre: the real client on one
// side, the real handler on the other, and every byte between them.
type line struct {
	w    *World
	site atoll.SiteID
	name string
}

// newLine is how a node reaches the centre.
func (w *World) newLine(n *Node) (simulate.Line, error) {
	return wire.NewClient(wire.ClientOptions{
		URL: "http://centre.example", AllowPlain: true, Site: n.Identity.Site, System: simulate.System, Device: simulate.Device(n.Name),
		Key: w.key(n.Name), Now: n.Clock.Now, Idle: 24 * time.Hour, Transport: &line{w, n.Identity.Site, n.Name},
	})
}

// serve makes the centre's face anew, when the centre starts.
func (w *World) serve(c *Node) {
	w.handler = wire.Handler(wire.Options{
		Centre: c.Centre, Gate: c.Centre, People: c, Comparer: c.Centre, Now: w.lineNow, Version: "test",
		// Time hardly passes within a step: the limits of requests in a second are tested
		// elsewhere.
		Limits: wire.Limits{SiteRate: 1e6, SiteBurst: 1e6, TotalRate: 1e6, TotalBurst: 1e6, WrongRate: 1e6, WrongBurst: 1e6},
	})
}

// lineNow is the time by which the centre's end of the line decides that what it has
// of an answer must go out.
func (w *World) lineNow() time.Time {
	w.lag += w.drag
	return w.Centre.Clock.Now().Add(w.lag)
}

// letter is a request that is still on its way when its site has given up.
type letter struct {
	site   atoll.SiteID
	req    *http.Request
	body   []byte
	late   bool // it arrives after the site's next request
	placed int  // step in which it was sent
	at     int  // and when, in minutes
}

var (
	errReset   = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
)

// RoundTrip implements [http.RoundTripper].
func (l *line) RoundTrip(req *http.Request) (*http.Response, error) {
	w := l.w
	if w.depth == 0 {
		w.deliver(func(m letter) bool { return !m.late && m.placed < w.index })
		defer w.deliver(func(m letter) bool { return m.late && m.site == l.site && m.placed < w.index })
	}
	if !w.Alive(w.Centre) || w.endless(l.name) {
		return nil, errRefused
	}
	switch {
	case w.Strikes("lost"):
		w.Struck("lost", "the request is lost")
		return nil, errRefused
	case w.Strikes("delayed"):
		return nil, l.hold(req, false)
	case w.Strikes("reordered"):
		return nil, l.hold(req, true)
	}
	up := &tape{in: req.Body, cut: -1, pause: -1}
	if w.Strikes("cut-up") {
		up.cut = somewhere(w.FaultDice("cut-up"), req.ContentLength)
	}
	if w.depth == 0 && w.Strikes("interleaved") {
		up.pause = somewhere(w.FaultDice("interleaved"), req.ContentLength)
		up.meanwhile = func() { w.meanwhile(l.site) }
	}
	down := &sheet{header: http.Header{}, most: -1}
	if w.Strikes("hang-up") {
		down.most = w.FaultDice("hang-up").IntN(1 << w.FaultDice("hang-up").Between(4, 12))
	}
	if w.Strikes("slow-line") {
		w.drag = 6 * time.Second
	}
	w.handle(l.site, req, up, down)
	w.lag, w.drag = 0, 0
	if down.pieces > 2 {
		w.Struck("slow-line", "the answer comes slowly, in %d pieces", down.pieces)
	}
	switch {
	case !w.Alive(w.Centre):
		w.notice()
		return l.response(req, down, 0), nil // whatever it answered died with it
	case up.cutOff:
		w.Struck("cut-up", "the line is cut after %d bytes up", up.cut)
		return nil, errReset
	case down.full:
		w.Struck("hang-up", "the line is cut while the centre answers")
		return l.response(req, down, down.body.Len()), nil
	case up.complete && up.taken.Len() > 0 && w.Strikes("twice"):
		w.Struck("twice", "the request arrives twice")
		down = &sheet{header: http.Header{}, most: -1}
		w.handle(l.site, req, &tape{in: io.NopCloser(bytes.NewReader(up.taken.Bytes())), cut: -1, pause: -1}, down)
	}
	cut := -1
	if down.body.Len() > 0 && w.Strikes("cut-down") {
		cut = w.FaultDice("cut-down").IntN(down.body.Len())
		w.Struck("cut-down", "the line is cut after %d of %d bytes down", cut, down.body.Len())
	}
	return l.response(req, down, cut), nil
}

// somewhere is a place in a request of so many bytes, or of unknown length.
func somewhere(d Dice, length int64) int {
	if length > 0 {
		return d.IntN(int(length))
	}
	return d.IntN(1 << d.Between(5, 15))
}

// hold keeps the request for later; its site hears nothing.
func (l *line) hold(req *http.Request, late bool) error {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return err
		}
	}
	name, words := "delayed", "the request is held up on its way, and the site gives up on it"
	if late {
		name, words = "reordered", "the request is overtaken by the site's next one"
	}
	l.w.Struck(name, "%s", words)
	l.w.letters = append(l.w.letters, letter{l.site, req, body, late, l.w.index, l.w.at})
	return errReset
}

// deliver delivers what was held up, as far as it is due.
func (w *World) deliver(due func(letter) bool) {
	for i := 0; i < len(w.letters); i++ {
		m := w.letters[i]
		if !due(m) || !w.Alive(w.Centre) {
			continue
		}
		w.letters = append(w.letters[:i], w.letters[i+1:]...)
		i--
		w.depth++
		w.handle(m.site, m.req, &tape{in: io.NopCloser(bytes.NewReader(m.body)), cut: -1, pause: -1}, &sheet{header: http.Header{}, most: -1})
		w.depth--
		w.Say("a request of site %d arrives, %d minutes late", m.site, w.at-m.at)
	}
}

// handle hands a request to the centre, and writes both ways into the trace.
func (w *World) handle(from atoll.SiteID, req *http.Request, up *tape, down *sheet) {
	r := &http.Request{
		Method: req.Method, URL: req.URL, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: req.Header.Clone(), Body: up,
		ContentLength: req.ContentLength, Host: req.Host, RemoteAddr: fmt.Sprintf("10.0.%d.%d:1", from/256, from%256),
	}
	defer func() {
		if p := recover(); p != nil {
			down.full = true // the server drops the connection
			if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				w.Breach("sound", "the centre panicked: %v", p)
			}
		}
		w.trace.add("up "+req.URL.Path, up.taken.Bytes())
		w.trace.add(fmt.Sprint("down ", down.status), down.body.Bytes())
	}()
	w.handler.ServeHTTP(down, r.WithContext(w.Ctx))
}

// response is what of an answer arrives: all of it, or its first bytes.
func (l *line) response(req *http.Request, down *sheet, cut int) *http.Response {
	if down.status == 0 {
		down.status = http.StatusOK
	}
	r := &http.Response{
		StatusCode: down.status, Status: http.StatusText(down.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: down.header, Request: req, ContentLength: int64(down.body.Len()),
	}
	body := down.body.Bytes()
	if cut < 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
	} else {
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:cut]), broken{}))
	}
	return r
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errReset }

// tape is a request's body as the centre reads it.
type tape struct {
	in        io.ReadCloser
	taken     bytes.Buffer
	cut       int // bytes after which the line is cut; -1 never
	pause     int // bytes after which something else happens first; -1 never
	meanwhile func()
	cutOff    bool
	complete  bool
}

// Read reads what has arrived. It stops short at the places where something happens.
func (t *tape) Read(p []byte) (int, error) {
	if t.in == nil {
		t.complete = true
		return 0, io.EOF
	}
	at := t.taken.Len()
	if t.pause >= 0 && at >= t.pause && t.meanwhile != nil {
		t.pause = -1
		t.meanwhile()
	}
	if t.cut >= 0 && at >= t.cut {
		t.cutOff = true
		return 0, io.ErrUnexpectedEOF
	}
	for _, stop := range []int{t.cut, t.pause} {
		if stop > at {
			p = p[:min(len(p), stop-at)]
		}
	}
	n, err := t.in.Read(p)
	t.taken.Write(p[:n])
	t.complete = t.complete || errors.Is(err, io.EOF)
	return n, err
}

func (t *tape) Close() error {
	if t.in == nil {
		return nil
	}
	return t.in.Close()
}

// sheet is an answer as the centre writes it.
type sheet struct {
	header http.Header
	status int
	body   bytes.Buffer
	most   int // bytes after which the site is found to be gone; -1 never
	full   bool
	pieces int // that it was sent in
}

func (s *sheet) Header() http.Header { return s.header }

func (s *sheet) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
}

func (s *sheet) Write(p []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	if s.most >= 0 && s.body.Len()+len(p) > s.most {
		n := s.most - s.body.Len()
		s.body.Write(p[:n])
		s.full = true
		return n, errReset
	}
	return s.body.Write(p)
}

// Flush counts; the deadlines do nothing: everything arrives at once.
func (s *sheet) Flush() { s.pieces++ }

func (s *sheet) SetReadDeadline(time.Time) error  { return nil }
func (s *sheet) SetWriteDeadline(time.Time) error { return nil }
