package wire

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// Prefix is the path under which [Handler] answers.
const Prefix = "/sync/v1/"

// Options are what [Handler] needs. Centre and Gate must be set; the zero value
// of the rest works.
type Options struct {
	Centre exchange.Centre
	Gate   exchange.Gate
	// People answers questions about patients; none are answered if nil.
	People exchange.People
	// Comparer answers sites that look for rows that differ; none is answered if nil.
	Comparer exchange.Comparer
	// Logger gets one line for each request (R-K-29). Nothing is logged if nil.
	Logger *slog.Logger
	// Report is called after each request, from its goroutine. It may be nil.
	Report func(exchange.Report)
	// Now is the clock of the rate limits and of what is told; time.Now if nil.
	Now func() time.Time
	// Address tells whom a request is from, for the throttle on wrong attempts: the
	// address of the connection if nil. Set it behind a reverse proxy, where all
	// requests come from one.
	Address func(*http.Request) string
	// Version of the program, told by ping.
	Version string
	Limits  Limits
}

// Limits bound what the world may ask of a [Handler]. Zero values stand for the
// defaults in the comments.
type Limits struct {
	Body       int64         // bytes of a request as sent; 17 MiB
	Content    int64         // bytes of a request after decompression; exchange.MaxBytes and 1 MiB
	Entries    int           // in one request; exchange.MaxEntries
	Idle       time.Duration // without a byte, until a connection is given up; 5 minutes (R-H-24)
	Concurrent int           // exchanges at a time; 256

	// Rates are requests in a second, bursts how many may come at once (R-K-51).
	SiteRate   float64 // exchanges of one site; 20
	SiteBurst  int     // 100
	TotalRate  float64 // requests altogether; 1000
	TotalBurst int     // 2000
	// Wrong attempts to enrol or sign in from one address. Right ones are free, so
	// that fifty sites behind one address can come back at once.
	WrongRate  float64 // 0.1
	WrongBurst int     // 20
}

func (l Limits) withDefaults() Limits {
	l.Body = cmp.Or(l.Body, exchange.MaxBytes+1<<20)
	l.Content = cmp.Or(l.Content, exchange.MaxBytes+1<<20)
	l.Entries = cmp.Or(l.Entries, exchange.MaxEntries)
	l.Idle = cmp.Or(l.Idle, 5*time.Minute)
	l.Concurrent = cmp.Or(l.Concurrent, 256)
	l.SiteRate = cmp.Or(l.SiteRate, 20)
	l.SiteBurst = cmp.Or(l.SiteBurst, 100)
	l.TotalRate = cmp.Or(l.TotalRate, 1000)
	l.TotalBurst = cmp.Or(l.TotalBurst, 2000)
	l.WrongRate = cmp.Or(l.WrongRate, 0.1)
	l.WrongBurst = cmp.Or(l.WrongBurst, 20)
	return l
}

// Handler answers sites under [Prefix]. It is the whole of what sync credentials
// open (R-K-27): any other path or method is a problem with status 404 or 405.
// It is safe for concurrent use.
//
// The server it runs in should set ReadHeaderTimeout and IdleTimeout and leave
// ReadTimeout and WriteTimeout at zero: an exchange takes as long as it takes, and
// Handler itself gives up connections on which nothing moves.
func Handler(o Options) http.Handler {
	o.Limits = o.Limits.withDefaults()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Address == nil {
		o.Address = remoteAddress
	}
	h := &handler{Options: o, codec: newCodec(), gauge: newGauge(o.Limits), slots: make(chan struct{}, o.Limits.Concurrent)}
	h.routes = map[string]route{
		"exchange":  {http.MethodPost, h.exchange},
		"enrol":     {http.MethodPost, h.enrol},
		"challenge": {http.MethodPost, h.challenge},
		"token":     {http.MethodPost, h.token},
		"people":    {http.MethodPost, h.people},
		"compare":   {http.MethodPost, h.compare},
		"ping":      {http.MethodGet, h.ping},
	}
	return h
}

type route struct {
	method string
	serve  func(*call) error
}

type handler struct {
	Options
	routes map[string]route
	codec  *codec
	gauge  *gauge
	slots  chan struct{} // one for each exchange in hand
	said   memory        // by sites, in their last exchanges
}

// call is one request in hand.
type call struct {
	w      *responseWriter
	r      *http.Request
	report exchange.Report
	// answered is set when err went out inside the answer already.
	answered bool
}

// ServeHTTP turns what a route returns into an answer, a log line and a report,
// and a panic into a problem.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.Now()
	cycle := r.Header.Get(cycleHeader)
	if !exchange.IsCycle(cycle) {
		cycle = "" // of an older program
	}
	r = r.WithContext(exchange.InCycle(r.Context(), cycle))
	c := &call{w: &responseWriter{ResponseWriter: w, control: http.NewResponseController(w), idle: h.Limits.Idle}, r: r}
	c.report.Cycle = cycle
	// What HTTP servers say about themselves costs an idle exchange a fifth of its
	// bytes and tells a site nothing; the clock is in the Welcome.
	w.Header()["Date"] = nil
	w.Header()["Content-Type"] = nil
	err := h.safely(c)
	if err != nil && !c.answered {
		c.w.awaitBody()
		if c.w.status == 0 {
			p := ProblemOf(err)
			var wrong *wrongMethod
			if errors.As(err, &wrong) {
				p.Status = http.StatusMethodNotAllowed
				w.Header().Set("Allow", wrong.allow)
			}
			var unknown *unknownHello
			if errors.As(err, &unknown) {
				p.Status = http.StatusPreconditionFailed
			}
			writeProblem(c.w, p)
		}
	}
	c.w.finish()
	c.report.Status = c.w.status
	c.report.Sent = c.w.n
	c.report.Code = atoll.CodeOf(err)
	c.report.Took = h.Now().Sub(start)
	h.log(c, err)
	if h.Report != nil {
		h.Report(c.report)
	}
}

func (h *handler) safely(c *call) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
			panic(p)
		}
		h.Logger.ErrorContext(c.r.Context(), "sync request panicked", "panic", p, "stack", string(debug.Stack()))
		err = atoll.Errorf(atoll.Internal, "panic: %v", p)
	}()
	return h.dispatch(c)
}

func (h *handler) dispatch(c *call) error {
	c.report.Route = "unknown"
	name, ok := strings.CutPrefix(c.r.URL.Path, Prefix)
	route, known := h.routes[name]
	if !ok || !known {
		return atoll.Errorf(atoll.NotFound, "there is nothing at this address for a site")
	}
	c.report.Route = name
	if c.r.Method != route.method {
		return &wrongMethod{route.method}
	}
	if err := h.gauge.total(h.Now()); err != nil {
		return err
	}
	return route.serve(c)
}

func (h *handler) log(c *call, err error) {
	r := c.report
	level := slog.LevelInfo
	var unknown *unknownHello
	switch {
	case r.Code == atoll.Internal:
		level = slog.LevelError
	case errors.As(err, &unknown):
		level = slog.LevelDebug // each site once after a start of the centre: it says the same again, in full
	case err != nil:
		level = slog.LevelWarn
	case r.Entries == 0 && r.Records == 0:
		level = slog.LevelDebug // a site that is idle asks hundreds of times a day
	}
	attrs := []slog.Attr{
		slog.Int("site", int(r.Site)), slog.String("route", r.Route), slog.Int("status", r.Status),
		slog.Int("entries", r.Entries), slog.Int("records", r.Records),
		slog.Int64("received", r.Received), slog.Int64("sent", r.Sent), slog.Duration("took", r.Took),
	}
	if err != nil {
		attrs = append(attrs, slog.String("code", string(r.Code)), slog.Any("err", err))
		if cause := errors.Unwrap(err); cause != nil {
			attrs = append(attrs, slog.Any("cause", cause))
		}
	}
	h.Logger.LogAttrs(exchange.InCycle(c.r.Context(), r.Cycle), level, "sync request", attrs...)
}

// wrongMethod is a NotFound that HTTP has a status of its own for.
type wrongMethod struct{ allow string }

func (w *wrongMethod) Error() string { return "the method must be " + w.allow }
func (w *wrongMethod) Unwrap() error {
	return atoll.Errorf(atoll.NotFound, "this address answers %s only", w.allow)
}

// Pong is the answer to a ping: what "check connection" shows (R-H-47).
type Pong struct {
	Protocol int    `json:"protocol"` // the newest the centre speaks
	Oldest   int    `json:"oldest"`   // the oldest it accepts
	Version  string `json:"version,omitempty"`
	Clock    int64  `json:"clock"` // the centre's, ms since 1970
}

func (h *handler) ping(c *call) error {
	return c.json(Pong{exchange.Protocol, exchange.OldestProtocol, h.Version, h.Now().UnixMilli()})
}

func (h *handler) enrol(c *call) error {
	var e exchange.Enrolment
	if err := c.read(&e); err != nil {
		return err
	}
	return h.gauge.attempt(h.Now(), h.Address(c.r), func() error {
		enrolled, err := h.Gate.Enrol(c.r.Context(), e)
		if err != nil {
			return err
		}
		c.report.Site = enrolled.Site
		return c.json(enrolled)
	})
}

// challenge and nonce are the two halves of asking for something to sign.
type challenge struct {
	Site atoll.SiteID `json:"site"`
}

type nonce struct {
	Nonce string `json:"nonce"`
}

func (h *handler) challenge(c *call) error {
	var ask challenge
	if err := c.read(&ask); err != nil {
		return err
	}
	return h.gauge.attempt(h.Now(), h.Address(c.r), func() error {
		n, err := h.Gate.Challenge(c.r.Context(), ask.Site)
		if err != nil {
			return err
		}
		return c.json(nonce{n})
	})
}

func (h *handler) token(c *call) error {
	var s exchange.SignIn
	if err := c.read(&s); err != nil {
		return err
	}
	return h.gauge.attempt(h.Now(), h.Address(c.r), func() error {
		token, err := h.Gate.SignIn(c.r.Context(), s)
		if err != nil {
			return err
		}
		c.report.Site = s.Site
		return c.json(token)
	})
}

// maxMessage bounds the body of every route but exchange.
const maxMessage = 16 << 10

// read reads a request that is one JSON object.
func (c *call) read(into any) error {
	b, err := io.ReadAll(http.MaxBytesReader(c.w, c.w.body(c.r), maxMessage))
	c.report.Received = int64(len(b))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return atoll.Errorf(atoll.TooLarge, "the request is longer than %d bytes", maxMessage)
	case err != nil:
		return interrupted(err)
	}
	return unmarshal(b, into)
}

func (c *call) json(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return atoll.Errorf(atoll.Internal, "%T cannot be written: %w", v, err)
	}
	c.w.Header()["Content-Type"] = []string{"application/json"}
	_, err = c.w.Write(b)
	if err != nil {
		return interrupted(err)
	}
	return nil
}
