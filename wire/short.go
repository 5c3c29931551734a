package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"reflect"
	"sync"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// Protocol 2 has short forms for what is usual: a Hello that says what is new since
// the site's last one, an answer that says that there is nothing, and a stream that
// is not compressed, because there is nothing to compress. Neither end must
// remember anything for them: a site may always speak in full, and a centre that
// lacks the last Hello says so (status 412).

const shortProtocol = 2

// plainMark is the first byte of a stream that is not compressed; zstd's is 0x28.
const plainMark = 0

// Members that a short Hello has, as bits of its first byte. Without its bit, a
// member is as in the last Hello.
const (
	shortCaughtUp = 1 << iota // acknowledged is the last Hello's head
	shortHead                 // how many entries were added, and the hash of the last
	shortCursor               // by how much it is higher
	shortWaiting
	shortErrors
	shortDone   // no entries follow, and no frame that says so
	shortPacked // entries follow in one packed frame; head is given by 8 bytes of its hash
)

// remembered is the last Hello of a site that was answered.
type remembered struct {
	hello exchange.Hello
	mark  [8]byte
	words []byte // the vocabulary, tight
	known [32]byte
}

func (r *remembered) vocabulary() *vocabulary { return loose(r.words, r.known) }

// memory keeps the last Hello of each site. Losing one costs a round trip.
type memory struct {
	mu   sync.Mutex
	said map[atoll.SiteID]*remembered
	size int
}

// maxSaid bounds the memory, in bytes: at 700 to 5,000 for each site.
const maxSaid = 192 << 20

func (r *remembered) bytes() int { return 700 + len(r.words) }

func (m *memory) of(site atoll.SiteID) *remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.said[site]
}

func (m *memory) forget(site atoll.SiteID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(site)
}

func (m *memory) drop(site atoll.SiteID) {
	if r := m.said[site]; r != nil {
		m.size -= r.bytes()
		delete(m.said, site)
	}
}

// keep remembers a Hello, unless it has members that a short one cannot have, and
// the entries of its request if these are all. Before is what its short form stood
// on; nil if it came in full.
func (m *memory) keep(h *exchange.Hello, before *remembered, entries [][]byte, all bool) {
	usual := h.Protocol >= shortProtocol && !h.Initialising && !h.NoFeed && !h.Again && h.Base == nil && h.Voucher == nil &&
		len(h.Earlier)+len(h.Backfills)+len(h.Queued)+len(h.Found) == 0
	b, err := encodeHello(h)
	if !usual || err != nil {
		m.forget(h.Site)
		return
	}
	v := &vocabulary{}
	if before != nil {
		v = before.vocabulary()
	}
	if len(entries) > 0 || !all {
		v.learn(entries, all)
	}
	r := &remembered{hello: *h, words: v.tight(), known: v.digest}
	sum := sha256.Sum256(append(b, v.digest[:]...))
	copy(r.mark[:], sum[:])
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.said == nil {
		m.said = map[atoll.SiteID]*remembered{}
	}
	m.drop(h.Site)
	for other := range m.said { // any: it speaks in full once
		if m.size+r.bytes() <= maxSaid {
			break
		}
		m.drop(other)
	}
	m.said[h.Site] = r
	m.size += r.bytes()
}

// encodeShort writes a Hello as what is new since the last one; nil if it cannot.
func encodeShort(h *exchange.Hello, last *remembered, entries int, packed bool) []byte {
	if last == nil || h.Turn < last.hello.Turn || h.Cursor < last.hello.Cursor {
		return nil
	}
	next, flags := last.hello, byte(0)
	next.Turn, next.Nonce, next.Clock, next.Cursor, next.Waiting, next.Errors = h.Turn, h.Nonce, h.Clock, h.Cursor, h.Waiting, h.Errors
	if h.Acknowledged != next.Acknowledged {
		flags |= shortCaughtUp
		next.Acknowledged = next.Head
	}
	if h.Head != next.Head {
		if h.Head.Seq <= next.Head.Seq {
			return nil
		}
		flags |= shortHead
		next.Head.Seq, next.Head.Hash = h.Head.Seq, h.Head.Hash
	}
	nonce, err := hex.DecodeString(h.Nonce)
	if err != nil || len(nonce) != 8 || hex.EncodeToString(nonce) != h.Nonce || h.Waiting < 0 || h.Errors < 0 || !reflect.DeepEqual(&next, h) {
		return nil
	}
	b := append(make([]byte, 0, 96), 0)
	b = append(b, last.mark[:]...)
	b = append(b, nonce...)
	b = binary.AppendUvarint(b, h.Turn-last.hello.Turn)
	b = binary.AppendVarint(b, h.Clock-last.hello.Clock)
	switch {
	case packed:
		flags |= shortPacked
		flags &^= shortHead
		b = append(b, h.Head.Hash[:8]...)
	case flags&shortHead != 0:
		b = binary.AppendUvarint(b, h.Head.Seq-last.hello.Head.Seq)
		b = append(b, h.Head.Hash[:]...)
	}
	if h.Cursor != last.hello.Cursor {
		flags |= shortCursor
		b = binary.AppendUvarint(b, uint64(h.Cursor-last.hello.Cursor))
	}
	if h.Waiting != last.hello.Waiting {
		flags |= shortWaiting
		b = binary.AppendUvarint(b, uint64(h.Waiting))
	}
	if h.Errors != last.hello.Errors {
		flags |= shortErrors
		b = binary.AppendUvarint(b, uint64(h.Errors))
	}
	if entries == 0 {
		flags |= shortDone
	}
	b[0] = flags
	return b
}

// decodeShort reads a short Hello of the site. It is nil, without an error, when the
// last one is not known here.
func decodeShort(b []byte, last *remembered) (h *exchange.Hello, rest rest, err error) {
	wrong := errFrame("a short Hello that cannot be read")
	if len(b) < 17 || b[0] >= shortPacked<<1 || b[0]&shortPacked != 0 && b[0]&(shortDone|shortHead) != 0 {
		return nil, rest, wrong
	}
	flags := b[0]
	rest.nonce = hex.EncodeToString(b[9:17])
	if last == nil || [8]byte(b[1:9]) != last.mark {
		return nil, rest, nil
	}
	in := cutter{b[17:], true}
	next := last.hello
	next.Nonce = rest.nonce
	next.Turn += in.uvarint()
	next.Clock += in.varint()
	if flags&shortCaughtUp != 0 {
		next.Acknowledged = next.Head
	}
	if rest.packed = flags&shortPacked != 0; rest.packed {
		rest.check = [8]byte(in.take(8))
	}
	if flags&shortHead != 0 {
		next.Head.Seq += in.uvarint()
		copy(next.Head.Hash[:], in.take(len(next.Head.Hash)))
	}
	if flags&shortCursor != 0 {
		next.Cursor += atoll.Position(in.uvarint())
	}
	if flags&shortWaiting != 0 {
		next.Waiting = in.count()
	}
	if flags&shortErrors != 0 {
		next.Errors = in.count()
	}
	if !in.ok || len(in.b) > 0 || next.Turn < last.hello.Turn || next.Cursor < last.hello.Cursor || next.Head.Seq < last.hello.Head.Seq {
		return nil, rest, wrong
	}
	rest.nothing = flags&shortDone != 0
	return &next, rest, nil
}

// rest is what follows a short Hello.
type rest struct {
	nothing bool
	packed  bool
	check   [8]byte // the beginning of the head's hash, if packed
	nonce   string  // of the exchange, also when the last Hello is not known
}

// Members of a quiet answer, as bits of its first byte.
const (
	quietApplied = 1 << iota // how many entries were; otherwise none were offered
	quietOpen
	quietCheckpoint // at the End's cursor
	quietDigest
	quietMore
)

// encodeQuiet writes a whole answer that has nothing for the site but where it
// stands; nil if it says more than that.
func encodeQuiet(held []exchange.Frame, end *exchange.End, h *exchange.Hello) []byte {
	if len(held) < 2 || len(held) > 3 || len(end.Backfills) > 0 || end.Cursor < h.Cursor || end.Head < end.Cursor {
		return nil
	}
	w, ok1 := held[0].(exchange.Welcome)
	r, ok2 := held[1].(exchange.Receipt)
	if !ok1 || !ok2 || !reflect.DeepEqual(w, exchange.Welcome{
		Protocol: h.Protocol, Catalogue: h.Catalogue, CatalogueHash: h.CatalogueHash, App: h.App, Centre: h.Centre,
		Clock: w.Clock, Known: h.Acknowledged, Run: h.Run,
	}) || !reflect.DeepEqual(r, exchange.Receipt{Acknowledged: h.Head, Offered: r.Applied, Applied: r.Applied, Open: r.Open}) {
		return nil
	}
	flags, b := byte(0), append(make([]byte, 0, 32), 0)
	b = binary.AppendVarint(b, w.Clock-h.Clock)
	b = binary.AppendUvarint(b, uint64(end.Cursor-h.Cursor))
	b = binary.AppendUvarint(b, uint64(end.Head-end.Cursor))
	if r.Applied > 0 {
		flags |= quietApplied
		b = binary.AppendUvarint(b, uint64(r.Applied))
	}
	if r.Open > 0 {
		flags |= quietOpen
		b = binary.AppendUvarint(b, uint64(r.Open))
	}
	if end.More {
		flags |= quietMore
	}
	if len(held) == 3 {
		c, ok := held[2].(exchange.Checkpoint)
		digest, err := hex.DecodeString(c.Digest)
		if !ok || len(c.Joined) > 0 || c.Position != end.Cursor || err != nil || hex.EncodeToString(digest) != c.Digest {
			return nil
		}
		flags |= quietCheckpoint
		switch len(digest) {
		case 0:
		case 8:
			flags |= quietDigest
			b = append(b, digest...)
		default:
			return nil
		}
	}
	b[0] = flags
	return b
}

// decodeQuiet reads a quiet answer as the frames that it stands for.
func decodeQuiet(b []byte, h *exchange.Hello) ([]exchange.Frame, error) {
	wrong := errFrame("a short answer that cannot be read")
	if len(b) < 4 || b[0] >= quietMore<<1 {
		return nil, wrong
	}
	flags, in := b[0], cutter{b[1:], true}
	w := exchange.Welcome{
		Protocol: h.Protocol, Catalogue: h.Catalogue, CatalogueHash: h.CatalogueHash, App: h.App, Centre: h.Centre,
		Clock: h.Clock + in.varint(), Known: h.Acknowledged, Run: h.Run,
	}
	end := exchange.End{Cursor: h.Cursor + atoll.Position(in.uvarint()), More: flags&quietMore != 0}
	end.Head = end.Cursor + atoll.Position(in.uvarint())
	r := exchange.Receipt{Acknowledged: h.Head}
	if flags&quietApplied != 0 {
		r.Applied = in.count()
		r.Offered = r.Applied
	}
	if flags&quietOpen != 0 {
		r.Open = in.count()
	}
	out := []exchange.Frame{w, r}
	if flags&quietCheckpoint != 0 {
		c := exchange.Checkpoint{Position: end.Cursor}
		if flags&quietDigest != 0 {
			c.Digest = hex.EncodeToString(in.take(8))
		}
		out = append(out, c)
	} else if flags&quietDigest != 0 {
		return nil, wrong
	}
	if !in.ok || len(in.b) > 0 || end.Cursor < h.Cursor || end.Head < end.Cursor {
		return nil, wrong
	}
	return append(out, end), nil
}

// cutter takes numbers off a message. After the first that is not there, ok is
// false and everything is zero.
type cutter struct {
	b  []byte
	ok bool
}

func (c *cutter) uvarint() uint64 {
	n, size := binary.Uvarint(c.b)
	if size <= 0 || size > 1 && c.b[size-1] == 0 {
		c.b, c.ok = nil, false
		return 0
	}
	c.b = c.b[size:]
	return n
}

func (c *cutter) varint() int64 {
	n := c.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

// count is a number of things, which is never large.
func (c *cutter) count() int {
	n := c.uvarint()
	if n > 1<<40 {
		c.ok = false
		return 0
	}
	return int(n)
}

func (c *cutter) take(n int) []byte {
	if len(c.b) < n {
		c.b, c.ok = nil, false
		return make([]byte, n)
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

// plainWriter writes a stream that is not compressed.
type plainWriter struct{ io.Writer }

func (plainWriter) Flush() error { return nil }
func (plainWriter) Close() error { return nil }

type plainFrame struct {
	kind    Kind
	payload []byte
}

// writePlain writes a stream that is not compressed, in one piece.
func writePlain(to io.Writer, frames ...plainFrame) error {
	var b []byte
	w := frameWriter{out: plainWriter{writerFunc(func(p []byte) (int, error) { b = append(b, p...); return len(p), nil })}}
	b = append(b, plainMark)
	for _, f := range frames {
		if err := w.write(f.kind, f.payload); err != nil {
			return err
		}
	}
	_, err := to.Write(b)
	return err
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
