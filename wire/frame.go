package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// Kind is the first byte of a frame.
type Kind byte

// The kinds. Capital letters go up, small ones come down; a kind is never used
// again for something else. A receiver refuses a kind that it does not know:
// only a new protocol version may add one.
const (
	KindHello  Kind = 'H'
	KindEntry  Kind = 'E'
	KindDone   Kind = 'Z' // ends a request
	KindPacked Kind = 'P' // all entries of a request, packed (protocol 2)
	KindShort  Kind = 'S' // a Hello as what is new since the last one (protocol 2)

	KindWelcome      Kind = 'w'
	KindReceipt      Kind = 'r'
	KindSubscription Kind = 's'
	KindRecord       Kind = 'd'
	KindCheckpoint   Kind = 'c'
	KindEnd          Kind = 'z' // ends an answer
	KindProblem      Kind = 'p' // ends an answer that failed after it began
	KindQuiet        Kind = 'q' // a whole answer with nothing new in it (protocol 2)
)

// limits are the longest payloads, by kind: the bound that a length must pass
// before memory is set aside for it (R-K-58).
var limits = map[Kind]int{
	KindHello:        4 << 20, // of a site that gained many thousand audiences
	KindEntry:        atoll.MaxEntry + binary.MaxVarintLen64,
	KindDone:         64,
	KindShort:        128,
	KindPacked:       maxPacked,
	KindQuiet:        64,
	KindWelcome:      64 << 10,
	KindReceipt:      4 << 20,
	KindSubscription: exchange.MaxAudiences * 64,
	KindRecord:       atoll.MaxBody + 4<<10,
	KindCheckpoint:   4 << 20,
	KindEnd:          4 << 20,
	KindProblem:      64 << 10,
}

// A sender ends a compressed block (and pushes it to the network) when either
// bound is reached, because a receiver can read a frame only when its block has
// arrived: they are what a cut may cost. BenchmarkFlush measures the price in
// bytes: at these bounds about 2 % more than one block for everything, at a
// tenth of them 8 %. On the slowest link we promise (128 kbit/s, R-L-09) a block
// is on its way for less than half a second.
//
// An answer that comes slowly is flushed by time too, so that a site does not give
// up a centre that is at work (R-H-24).
const (
	flushBytes  = 32 << 10
	flushFrames = 50
	flushAfter  = 5 * time.Second
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameWriter writes frames to out, which is the compressor.
type frameWriter struct {
	out interface {
		io.Writer
		Flush() error
		Close() error
	}
	head    [binary.MaxVarintLen64 + 1]byte
	bytes   int // since the last flush
	frames  int
	written int64 // before compression
}

// write writes one frame; the payload is in parts so that a sequence number or a
// header need not be copied in front of a body.
func (w *frameWriter) write(kind Kind, parts ...[]byte) error {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	if n-1 > limits[kind] {
		return atoll.Errorf(atoll.TooLarge, "a frame of kind %q has %d bytes; the limit is %d", kind, n-1, limits[kind])
	}
	h := append(binary.AppendUvarint(w.head[:0], uint64(n)), byte(kind))
	sum := crc32.Update(0, castagnoli, h[len(h)-1:])
	if _, err := w.out.Write(h); err != nil {
		return err
	}
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
		if _, err := w.out.Write(p); err != nil {
			return err
		}
	}
	if _, err := w.out.Write(binary.LittleEndian.AppendUint32(w.head[:0], sum)); err != nil {
		return err
	}
	w.bytes += len(h) + n + 3
	w.frames++
	w.written += int64(len(h) + n + 3)
	return nil
}

// due reports whether a flush is due.
func (w *frameWriter) due() bool { return w.bytes >= flushBytes || w.frames >= flushFrames }

// flush ends the block: everything written so far can be read once it arrives.
func (w *frameWriter) flush() error {
	w.bytes, w.frames = 0, 0
	return w.out.Flush()
}

// frameReader reads frames from a decompressor and never reads further than the
// frame it returns needs.
type frameReader struct {
	in   *bufio.Reader
	left int64 // bytes that may still come, before TooLarge: the bound on a zip bomb
}

func newFrameReader(in io.Reader, total int64) *frameReader {
	return &frameReader{in: bufio.NewReaderSize(in, 16<<10), left: total}
}

// errFrame says that bytes do not make a frame.
func errFrame(what string) error {
	return atoll.Errorf(atoll.Damaged, "the data were damaged on the way: %s", what)
}

// next returns the next frame. The payload is the caller's to keep. It fails with
// io.EOF when the stream ends between two frames, io.ErrUnexpectedEOF when it
// ends inside one, [atoll.Damaged], [atoll.TooLarge], or the decompressor's error.
func (r *frameReader) next() (Kind, []byte, error) {
	n, err := r.length()
	if err != nil {
		return 0, nil, err
	}
	b, err := r.in.ReadByte()
	if err != nil {
		return 0, nil, inside(err)
	}
	kind := Kind(b)
	limit, known := limits[kind]
	if !known {
		return 0, nil, errFrame("a frame of unknown kind")
	}
	if n-1 > limit {
		return 0, nil, atoll.Errorf(atoll.TooLarge, "a frame of kind %q claims %d bytes; the limit is %d", kind, n-1, limit)
	}
	if r.left -= int64(n) + 5; r.left < 0 {
		return 0, nil, atoll.Errorf(atoll.TooLarge, "the data are larger than one exchange may be")
	}
	payload, err := r.payload(n - 1)
	if err != nil {
		return 0, nil, inside(err)
	}
	var sum [4]byte
	if _, err := io.ReadFull(r.in, sum[:]); err != nil {
		return 0, nil, inside(err)
	}
	want := crc32.Update(crc32.Update(0, castagnoli, []byte{b}), castagnoli, payload)
	if binary.LittleEndian.Uint32(sum[:]) != want {
		return 0, nil, errFrame("a checksum does not match")
	}
	return kind, payload, nil
}

// length reads the length of kind and payload. Only the shortest form of a number
// is taken, so that one frame has one encoding.
func (r *frameReader) length() (int, error) {
	n, shift := uint64(0), 0
	for {
		b, err := r.in.ReadByte()
		switch {
		case err != nil && shift == 0:
			return 0, err
		case err != nil:
			return 0, inside(err)
		case shift > 28, b == 0 && shift > 0:
			return 0, errFrame("a length that is none")
		}
		n |= uint64(b&0x7f) << shift
		shift += 7
		if b < 0x80 {
			break
		}
	}
	if n == 0 {
		return 0, errFrame("an empty frame")
	}
	return int(n), nil
}

// payload reads n bytes. Memory is set aside as bytes arrive, so that a claimed
// length alone costs nothing.
func (r *frameReader) payload(n int) ([]byte, error) {
	const step = 256 << 10
	p := make([]byte, min(n, step))
	got := 0
	for {
		m, err := io.ReadFull(r.in, p[got:])
		got += m
		if err != nil {
			return nil, err
		}
		if got == n {
			return p, nil
		}
		p = append(p, make([]byte, min(n-got, len(p)))...)
	}
}

// ended reports whether nothing follows. Bytes that follow are an error; a stream
// that breaks after its last frame is not.
func (r *frameReader) ended() error {
	if _, err := r.in.ReadByte(); err == nil {
		return errFrame("something follows the end")
	}
	return nil
}

// inside turns an end of file into one that was not expected.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
