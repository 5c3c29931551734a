package wire

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"sync"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// prefixBytes is how much of a request is made before it is sent. A request that
// is shorter has a known length, needs no chunks, and can be sent again.
const prefixBytes = 16 << 10

// upload is the body of a request. It makes the stream as it is read, so that a
// long journal is never in memory and a slow line slows the reading of it.
type upload struct {
	mu       sync.Mutex // the transport may still read while the exchange ends
	pull     func() (exchange.Entry, error, bool)
	stop     func()
	out      *compressor
	buf      bytes.Buffer
	peeked   []exchange.Entry // taken already, to see how much there is
	all      bool             // peeked is all of them
	short    bool             // the Hello is short; peeked is all there is
	entries  int
	complete bool // the stream is made, its last bytes are in buf
	read     bool // somebody has read from it
	closed   bool
	err      error
}

// newUpload makes the beginning of the request, or all of a short one. Close it.
// With last, which the centre remembers, it says only what is new since then, if
// that is little.
func newUpload(c *codec, h *exchange.Hello, last *remembered, entries iter.Seq2[exchange.Entry, error]) (*upload, error) {
	u := &upload{}
	u.pull, u.stop = iter.Pull2(entries)
	var b []byte
	var err error
	if u.all, err = u.peek(); err != nil {
		_ = u.Close()
		return nil, err
	}
	if u.short = u.all && last != nil; u.short {
		packed := u.packed(h, last)
		b = encodeShort(h, last, len(u.peeked), packed != nil)
		if b != nil && (packed != nil || len(u.peeked) == 0) {
			// Too little to compress, or packed as well as zstd does it.
			u.entries, u.complete = len(u.peeked), true
			frames := []plainFrame{{KindShort, b}}
			if packed != nil {
				frames = append(frames, plainFrame{KindPacked, packed})
			}
			if err := writePlain(&u.buf, frames...); err != nil {
				_ = u.Close()
				return nil, err
			}
			return u, nil
		}
	}
	kind := KindShort
	if b == nil {
		kind, u.short = KindHello, false
		b, err = encodeHello(h)
	}
	u.out = c.compress(&u.buf, false)
	if err == nil {
		err = u.out.write(kind, b)
	}
	for err == nil && !u.complete && u.buf.Len() < prefixBytes {
		err = u.step()
	}
	if err != nil {
		_ = u.Close()
		return nil, err
	}
	return u, nil
}

// peek takes entries until there are many, and reports whether that is all of
// them.
func (u *upload) peek() (all bool, err error) {
	for n := 0; n < maxLearned; {
		e, err, more := u.pull()
		if err != nil || !more {
			return !more, err
		}
		u.peeked = append(u.peeked, e)
		n += len(e.Content)
	}
	return false, nil
}

// packed is the entries packed; nil if they cannot be, or there are none.
func (u *upload) packed(h *exchange.Hello, last *remembered) []byte {
	if len(u.peeked) == 0 || u.peeked[0].Seq != h.Acknowledged.Seq+1 || chained(h, u.peeked) != h.Head {
		return nil
	}
	return last.vocabulary().pack(u.peeked)
}

// contents are those of the entries that were peeked.
func (u *upload) contents() (out [][]byte) {
	for _, e := range u.peeked {
		out = append(out, e.Content)
	}
	return out
}

// next is the next entry.
func (u *upload) next() (exchange.Entry, error, bool) {
	if u.entries < len(u.peeked) {
		return u.peeked[u.entries], nil, true
	}
	return u.pull()
}

// again are entries that were taken already.
func again(entries []exchange.Entry) iter.Seq2[exchange.Entry, error] {
	return func(yield func(exchange.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// made notes that the stream is complete: what made it can serve others.
func (u *upload) made() {
	u.complete = true
	u.out.release()
	u.out = nil
}

// step adds one entry to the stream, or its end.
func (u *upload) step() error {
	e, err, more := u.next()
	if err != nil {
		return err
	}
	if !more {
		b, err := marshal(done{u.entries})
		if err != nil {
			return err
		}
		if err := u.out.write(KindDone, b); err != nil {
			return err
		}
		if err := u.out.out.Close(); err != nil {
			return err
		}
		u.made()
		return nil
	}
	u.entries++
	if err := u.out.write(KindEntry, entryHead(e.Seq), e.Content); err != nil {
		return err
	}
	if u.out.due() {
		return u.out.flush()
	}
	return nil
}

// Read implements io.Reader for the transport.
func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.read = true
	for u.err == nil && !u.complete && u.buf.Len() == 0 {
		u.err = u.step()
	}
	if u.err != nil {
		return 0, u.err
	}
	n, err := u.buf.Read(p)
	if err != nil {
		return n, io.EOF
	}
	return n, nil
}

// Close ends the upload; reading from it then fails. It may be called twice.
func (u *upload) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return nil
	}
	u.closed = true
	if u.err == nil {
		u.err = errClosed
	}
	u.stop()
	if u.out != nil {
		u.out.release()
		u.out = nil
	}
	return nil
}

var errClosed = atoll.Errorf(atoll.Interrupted, "the exchange is over")

// failed returns the error of the entries themselves, if that is what ended the
// upload.
func (u *upload) failed() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if errors.Is(u.err, errClosed) {
		return nil
	}
	return u.err
}

// count returns the number of entries taken so far.
func (u *upload) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.entries
}

// untouched reports whether nothing of the body has been read.
func (u *upload) untouched() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.read
}
