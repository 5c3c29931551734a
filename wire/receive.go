package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// errStopped says that the caller has broken off the answer.
var errStopped = errors.New("stopped")

// Exchange implements [exchange.Centre]: nothing is sent before the answer is
// ranged over. An error of the entries ends the request where it is, so that the
// centre counts those before it, and comes back as the answer's error.
func (c *Client) Exchange(ctx context.Context, hello exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	return func(yield func(exchange.Frame, error) bool) {
		start := c.o.Now()
		report := exchange.Report{Site: c.o.Site, Route: "exchange"}
		err := c.exchange(ctx, &report, &hello, entries, yield)
		if errors.Is(err, errStopped) {
			c.told(&report, start, nil)
			return
		}
		c.told(&report, start, err)
		if err != nil {
			yield(nil, err)
		}
	}
}

func (c *Client) exchange(ctx context.Context, report *exchange.Report, hello *exchange.Hello,
	entries iter.Seq2[exchange.Entry, error], yield func(exchange.Frame, error) bool,
) error {
	last := c.said.of(hello.Site)
	up, err := newUpload(c.codec, hello, last, entries)
	if err != nil {
		return err
	}
	defer func() { _ = up.Close() }()
	watch := newWatchdog(ctx, c.o.Idle)
	defer watch.stop()
	defer func() { report.Sent, report.Entries = watch.sent.Load(), up.count() }()
	resp, err := c.post(watch, up)
	if err == nil && up.short && resp.StatusCode == http.StatusPreconditionFailed {
		// The centre was started anew, or is another node: in full, then.
		resp.Body.Close()
		c.said.forget(hello.Site)
		short := up
		if up, err = newUpload(c.codec, hello, nil, again(short.peeked)); err != nil {
			up = short
			return err
		}
		_ = short.Close()
		resp, err = c.post(watch, up)
	}
	if err != nil {
		if cause := up.failed(); cause != nil {
			return cause
		}
		return err
	}
	defer resp.Body.Close()
	report.Status = resp.StatusCode
	if err := refusal(resp); err != nil {
		return err
	}
	in := c.codec.decompress(watch.reader(resp.Body), answerBytes)
	defer in.release()
	defer func() { report.Received = in.source.n }()
	speaks := 0
	err = answered(in, hello, func(f exchange.Frame) bool {
		switch f := f.(type) {
		case exchange.Record:
			report.Records++
		case exchange.Welcome:
			speaks = f.Protocol
		case exchange.End:
			if speaks >= shortProtocol {
				if !up.short {
					last = nil
				}
				c.said.keep(hello, last, up.contents(), up.all)
			}
		}
		return yield(f, nil)
	})
	switch {
	case err == nil || errors.Is(err, errStopped):
		return err
	case up.failed() != nil:
		return up.failed()
	case in.source.foreign():
		return notAtoll(resp)
	case watch.barked() || ctx.Err() != nil:
		return c.unreachable(watch, err)
	}
	return err
}

// post sends the request, and once more with a new token if the centre wants one.
func (c *Client) post(watch *watchdog, up *upload) (*http.Response, error) {
	stale := ""
	whole := bytes.Clone(up.buf.Bytes())
	for {
		token, err := c.token(watch.ctx, stale)
		if err != nil {
			return nil, err
		}
		req := c.request(watch.ctx, http.MethodPost, "exchange")
		req.Header["Authorization"] = []string{"Bearer " + token}
		if up.complete {
			// A short request is one piece, and as the transport knows this kind of reader,
			// one packet. It may be repeated on a fresh connection when the warm one turns
			// out to be dead: its turn and nonce make it the same exchange. The key marks
			// it for the transport and is not sent.
			req.ContentLength = int64(len(whole))
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(whole)), nil }
			req.Body, _ = req.GetBody()
			watch.sent.Add(req.ContentLength)
			req.Header["Idempotency-Key"] = []string{}
		} else {
			// A long one waits for the word that it is welcome, so that an expired token
			// does not cost an hour on a slow line.
			req.ContentLength = -1
			req.Header["Expect"] = []string{"100-continue"}
			req.Body = watch.body(up)
		}
		resp, err := c.transport.RoundTrip(req)
		if err != nil {
			return nil, c.unreachable(watch, err)
		}
		if resp.StatusCode != http.StatusUnauthorized || stale != "" || !up.untouched() {
			return resp, nil
		}
		err = ReadProblem(resp)
		resp.Body.Close()
		if !errors.Is(err, atoll.SignIn) {
			return nil, err
		}
		stale = token
	}
}

// quiet yields the frames that a quiet answer stands for.
func quiet(in *decompressor, payload []byte, hello *exchange.Hello, yield func(exchange.Frame) bool) error {
	frames, err := decodeQuiet(payload, hello)
	if err == nil {
		err = in.ended()
	}
	if err != nil {
		return err
	}
	for i, f := range frames {
		if !yield(f) && i < len(frames)-1 {
			return errStopped
		}
	}
	return nil
}

// answerBytes bounds an answer after decompression: the content, a subscription,
// and what frames add.
const answerBytes = exchange.MaxBytes + exchange.MaxAudiences*64 + 8<<20

// answered yields the frames of an answer as they arrive. It fails unless the
// answer comes to its End, in order: Welcome, Receipt, then perhaps a
// Subscription, then Records and Checkpoints.
func answered(in *decompressor, hello *exchange.Hello, yield func(exchange.Frame) bool) error {
	const (
		wantWelcome = iota
		wantReceipt
		mayDescribe
		wantFeed
	)
	state := wantWelcome
	for {
		kind, payload, err := in.next()
		if err != nil {
			return err
		}
		if kind == KindQuiet && state == wantWelcome {
			return quiet(in, payload, hello, yield)
		}
		f, err := readFrame(kind, payload, hello)
		if err != nil {
			return err
		}
		ok := false
		switch f.(type) {
		case exchange.Welcome:
			ok, state = state == wantWelcome, wantReceipt
		case exchange.Receipt:
			ok, state = state == wantReceipt, mayDescribe
		case exchange.Subscription:
			ok, state = state == mayDescribe, wantFeed
		case exchange.Record, exchange.Checkpoint:
			ok, state = state >= mayDescribe, wantFeed
		case exchange.End:
			if state < mayDescribe {
				break
			}
			if err := in.ended(); err != nil {
				return err
			}
			yield(f)
			return nil
		}
		if !ok {
			return errFrame("a frame out of order")
		}
		if !yield(f) {
			return errStopped
		}
	}
}
