package wire

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// maxToken bounds what is handed to the gate.
const maxToken = 4096

func (h *handler) authenticate(c *call) (atoll.SiteID, error) {
	scheme, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return 0, atoll.Errorf(atoll.SignIn, "the site must sign in first")
	}
	return h.Gate.Authenticate(c.r.Context(), token)
}

// admit returns the site that asks, if it has signed in and has not asked too often.
func (h *handler) admit(c *call) (atoll.SiteID, error) {
	site, err := h.authenticate(c)
	if err != nil {
		return 0, err
	}
	c.report.Site = site
	return site, h.gauge.site(h.Now(), site)
}

// exchange serves one exchange. Before the first frame of the centre's answer a
// failure is an ordinary problem; after it, a Problem frame ends the answer.
func (h *handler) exchange(c *call) error {
	site, err := h.admit(c)
	if err != nil {
		return err
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		return busy(busyFor, "the central server is busy")
	}
	in := h.codec.decompress(bounded{http.MaxBytesReader(c.w, c.w.body(c.r), h.Limits.Body)}, h.Limits.Content)
	defer in.release()
	defer func() { c.report.Received = in.source.n }()

	kind, payload, err := in.next()
	if err != nil {
		return h.foreign(in, err)
	}
	last := h.said.of(site)
	hello, rest, err := h.hello(kind, payload, last)
	c.report.Cycle = exchange.CycleOf(cmp.Or(hello.Nonce, rest.nonce))
	if err != nil {
		return err
	}
	if hello.Site != site {
		return atoll.Errorf(atoll.Denied, "signed in as site %s, but speaking as site %s", site, hello.Site).On("site")
	}
	a := &answer{call: c, hello: &hello, bare: in.source.bare(), short: kind == KindShort, now: h.Now, codec: h.codec}
	defer a.close()
	entries := h.entries(c, in)
	if rest.nothing || rest.packed {
		unpacked, err := h.unpack(in, &hello, last, rest)
		if err != nil {
			return err
		}
		c.w.awaitBody()
		c.report.Entries = len(unpacked)
		entries = again(unpacked)
	}
	if kind == KindHello {
		last = nil
	}
	heard := &heard{all: true}
	// The centre may give up the entries early but must not keep them beyond its
	// answer: the decoder behind them goes back to the pool.
	if err := a.send(h.Centre.Exchange(c.r.Context(), hello, heard.listen(entries))); err != nil {
		return err
	}
	h.said.keep(&hello, last, heard.contents, heard.all)
	return nil
}

// heard notes the entries of a request as they pass, while they are few.
type heard struct {
	contents [][]byte
	bytes    int
	all      bool
}

func (n *heard) listen(entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Entry, error] {
	return func(yield func(exchange.Entry, error) bool) {
		for e, err := range entries {
			if n.bytes += len(e.Content); err != nil || n.bytes >= maxLearned {
				n.contents, n.all = nil, false
			} else if n.all {
				n.contents = append(n.contents, e.Content)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// unpack reads what follows a short Hello that says what that is, to the end of the
// request. Packed entries give the Hello its head; one that is not what the site
// has means that the ends do not remember the same.
func (h *handler) unpack(in *decompressor, hello *exchange.Hello, last *remembered, rest rest) (entries []exchange.Entry, err error) {
	if rest.packed {
		kind, payload, err := in.next()
		if err != nil {
			return nil, err
		}
		if kind != KindPacked {
			return nil, atoll.Errorf(atoll.Invalid, "a frame of kind %q where packed entries were to be", kind)
		}
		if entries, err = last.vocabulary().unpack(payload, hello.Acknowledged.Seq+1); err != nil {
			return nil, &unknownHello{}
		}
		if len(entries) > h.Limits.Entries {
			return nil, atoll.Errorf(atoll.TooLarge, "more than %d entries in one request", h.Limits.Entries)
		}
		if hello.Head = chained(hello, entries); [8]byte(hello.Head.Hash[:]) != rest.check {
			return nil, &unknownHello{}
		}
	}
	return entries, in.ended()
}

// hello reads the Hello of a request, in full or short, and what follows a short
// one.
func (h *handler) hello(kind Kind, payload []byte, last *remembered) (hello exchange.Hello, rest rest, err error) {
	switch kind {
	case KindHello:
		hello, err = decodeHello(payload)
		return hello, rest, err
	case KindShort:
		short, rest, err := decodeShort(payload, last)
		if err != nil {
			return hello, rest, err
		}
		if short == nil { // the rest still says which cycle it is
			return hello, rest, &unknownHello{}
		}
		return *short, rest, nil
	default:
		return hello, rest, atoll.Errorf(atoll.Invalid, "a request must begin with a Hello")
	}
}

// unknownHello says that the site must speak in full.
type unknownHello struct{}

func (unknownHello) Error() string { return "the last Hello of the site is not known here" }
func (u unknownHello) Unwrap() error {
	return atoll.Errorf(atoll.Unavailable, "%s", u.Error()).Do("send it in full")
}

// foreign says so when what came is not compressed as it should be at all.
func (h *handler) foreign(in *decompressor, err error) error {
	if in.source.foreign() {
		return atoll.Errorf(atoll.Invalid, "the request is not an exchange")
	}
	return err
}

// bounded turns the error of an over-long body into one of ours.
type bounded struct{ in io.Reader }

func (b bounded) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		err = atoll.Errorf(atoll.TooLarge, "the request is longer than %d bytes", large.Limit)
	}
	return n, err
}

// entries are the entries of a request that arrived whole, and then the error if
// the request did not end as it should. They can be ranged over once.
func (h *handler) entries(c *call, in *decompressor) iter.Seq2[exchange.Entry, error] {
	return func(yield func(exchange.Entry, error) bool) {
		defer c.w.awaitBody()
		last := uint64(0)
		for {
			e, more, err := h.entry(c, in, last)
			if err != nil {
				yield(exchange.Entry{}, err)
				return
			}
			if !more {
				return
			}
			last = e.Seq
			c.report.Entries++
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (h *handler) entry(c *call, in *decompressor, last uint64) (e exchange.Entry, more bool, err error) {
	kind, payload, err := in.next()
	if err != nil {
		return e, false, err
	}
	switch kind {
	case KindEntry:
		if e, err = decodeEntry(payload); err != nil {
			return e, false, err
		}
		if c.report.Entries >= h.Limits.Entries {
			return e, false, atoll.Errorf(atoll.TooLarge, "more than %d entries in one request", h.Limits.Entries)
		}
		if last != 0 && e.Seq != last+1 {
			return e, false, atoll.Errorf(atoll.Invalid, "entry %d follows entry %d in the request", e.Seq, last)
		}
		return e, true, nil
	case KindDone:
		var d done
		if err := unmarshal(payload, &d); err != nil {
			return e, false, err
		}
		if d.Entries != c.report.Entries {
			return e, false, atoll.Errorf(atoll.Damaged, "the request was to have %d entries and has %d", d.Entries, c.report.Entries)
		}
		return e, false, in.ended()
	default:
		return e, false, atoll.Errorf(atoll.Invalid, "a frame of kind %q among the entries", kind)
	}
}

// answer writes the centre's answer. Nothing is sent before the first frame, so
// that a refusal still has its status.
type answer struct {
	*call
	hello *exchange.Hello
	bare  bool
	short bool   // the request was, and so may the answer be
	quiet []byte // the short answer, if it is one
	codec *codec
	out   *compressor
	held  []exchange.Frame // the first ones, until there is more to send
	now   func() time.Time
	last  time.Time // of the last flush
	ended bool
}

func (a *answer) send(frames iter.Seq2[exchange.Frame, error]) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		// The answer has begun: end it with a problem, then let the adapter log.
		a.problem(atoll.Errorf(atoll.Internal, "panic"))
		panic(p)
	}()
	for f, err := range frames {
		if err != nil {
			a.problem(err)
			return err
		}
		if err := a.frame(f); err != nil {
			a.problem(err)
			return err
		}
		if !a.ended {
			continue
		}
		// The centre goes on to its own end, and so learns that its answer was
		// written whole; to break off here would tell it the opposite.
		if err := a.finish(); err != nil {
			return err
		}
	}
	if a.ended {
		return nil
	}
	err = atoll.Errorf(atoll.Internal, "the centre's answer has no end")
	if cause := context.Cause(a.r.Context()); cause != nil {
		err = interrupted(cause)
	}
	a.problem(err)
	return err
}

func (a *answer) frame(f exchange.Frame) error {
	if a.ended {
		return atoll.Errorf(atoll.Internal, "the centre's answer goes on after its end")
	}
	switch f.(type) {
	case exchange.Welcome, exchange.Receipt:
		// While the centre looks for what else there is, nothing is sent and no encoder
		// held: a short answer goes out in one piece.
		if a.out == nil {
			a.held = append(a.held, f)
			return nil
		}
	}
	long := false
	switch f := f.(type) {
	case exchange.Subscription, exchange.Record:
		long = true
	case exchange.Checkpoint:
		if a.short && a.out == nil && len(a.held) == 2 {
			a.held = append(a.held, f)
			return nil
		}
	case exchange.End:
		if a.short && a.out == nil {
			a.quiet = encodeQuiet(a.held, &f, a.hello)
		}
		if a.quiet != nil {
			a.ended = true
			return nil
		}
	}
	if err := a.begin(long); err != nil {
		return err
	}
	if err := writeFrame(&a.out.frameWriter, f, a.hello); err != nil {
		return broken(err)
	}
	now := a.now()
	flush := a.out.due() || now.Sub(a.last) >= flushAfter
	switch f.(type) {
	case exchange.Record:
		a.report.Records++
	case exchange.End:
		a.ended = true
		return nil
	}
	if !flush {
		return nil
	}
	return a.flush()
}

// begin opens the answer, if it is not open, with the frames that were held. They
// go out by themselves if the answer is long: the site can forget its fear for the
// entries in the receipt from there on.
func (a *answer) begin(long bool) error {
	if a.out != nil {
		return nil
	}
	a.out, a.last = a.codec.compress(a.w, a.bare), a.now()
	for _, f := range a.held {
		if err := writeFrame(&a.out.frameWriter, f, a.hello); err != nil {
			return broken(err)
		}
		if rc, ok := f.(exchange.Receipt); ok && rc.Offered > 0 && long {
			if err := a.flush(); err != nil {
				return err
			}
		}
	}
	a.held = nil
	return nil
}

// flush sends what is there.
func (a *answer) flush() error {
	a.last = a.now()
	if err := a.out.flush(); err != nil {
		return broken(err)
	}
	return broken(a.w.push())
}

// broken is the error for a site that hung up.
func broken(err error) error {
	var known *atoll.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return interrupted(err)
}

// problem ends an answer that has begun; one that has not is left to the adapter.
func (a *answer) problem(err error) {
	if a.out == nil && len(a.held) == 0 || a.ended {
		return
	}
	a.answered = true
	if a.begin(false) != nil {
		return
	}
	b, jerr := json.Marshal(ProblemOf(err))
	if jerr != nil || a.out.write(KindProblem, b) != nil {
		return
	}
	_ = a.finish() // if it does not arrive, the site sees a cut, which is as true
}

func (a *answer) finish() error {
	a.answered = true
	if a.quiet != nil {
		return broken(writePlain(a.w, plainFrame{KindQuiet, a.quiet}))
	}
	return broken(a.out.out.Close())
}

func (a *answer) close() {
	if a.out != nil {
		a.out.release()
		a.out = nil
	}
}
