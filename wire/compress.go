package wire

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/atollsync/atoll"
)

// dictionary is what both ends have seen before the first byte: frames as they
// usually are. It belongs to protocol 1 and never changes with it; a protocol
// that wants a better one embeds it beside this one under the next number.
// TestDictionary makes it.
//
//go:generate go test -run TestDictionary -update .
//go:embed dictionary1.zstd
var dictionary []byte

// DictionaryID is the number of protocol 1's dictionary in the header of a zstd
// frame.
const DictionaryID = 0xA701

const (
	// window bounds what a decoder must remember. Senders use a smaller one:
	// beyond it the gain was under 1 % in the benchmark.
	window     = 1 << 20
	sendWindow = 256 << 10
)

// codec owns encoders and decoders, up to two megabytes each, and lends them.
// They run no goroutines of their own (concurrency 1), so one may be forgotten.
// Each Handler and Client has its own codec: there is nothing global.
type codec struct {
	encoders     spare[*zstd.Encoder]
	bareEncoders spare[*zstd.Encoder] // for answers to programs that do not use the dictionary
	decoders     spare[*zstd.Decoder]
}

func newCodec() *codec {
	return &codec{
		encoders:     newSpare(func() *zstd.Encoder { return newEncoder(zstd.WithEncoderDict(dictionary)) }),
		bareEncoders: newSpare(func() *zstd.Encoder { return newEncoder() }),
		decoders:     newSpare(newDecoder),
	}
}

// spare keeps a few things that are costly to make. (A sync.Pool loses them at
// every other collection, and to read the dictionary anew costs more than the
// usual exchange.)
type spare[T any] struct {
	kept chan T
	make func() T
}

// spares is how many are kept: as many as work at once on most machines.
const spares = 8

func newSpare[T any](fresh func() T) spare[T] { return spare[T]{make(chan T, spares), fresh} }

func (s *spare[T]) get() T {
	select {
	case x := <-s.kept:
		return x
	default:
		return s.make()
	}
}

func (s *spare[T]) put(x T) {
	select {
	case s.kept <- x:
	default:
	}
}

// drop forgets what is kept.
func (s *spare[T]) drop() {
	for {
		select {
		case <-s.kept:
		default:
			return
		}
	}
}

func newEncoder(options ...zstd.EOption) *zstd.Encoder {
	e, err := zstd.NewWriter(nil, append(options,
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithWindowSize(sendWindow),
		zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false), // each frame has its own
	)...)
	if err != nil {
		panic(err) // the options are constants: a defect, found by any test
	}
	return e
}

func newDecoder() *zstd.Decoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window),
		zstd.WithDecoderMaxMemory(window),
		zstd.WithDecoderDicts(dictionary),
	)
	if err != nil {
		panic(err)
	}
	return d
}

// compressor is a frameWriter over an encoder from the pool. Call release once,
// after the last use.
type compressor struct {
	frameWriter
	encoder *zstd.Encoder
	pool    *spare[*zstd.Encoder]
}

func (c *codec) compress(to io.Writer, bare bool) *compressor {
	pool := &c.encoders
	if bare {
		pool = &c.bareEncoders
	}
	e := pool.get()
	e.Reset(to)
	return &compressor{frameWriter: frameWriter{out: e}, encoder: e, pool: pool}
}

func (c *compressor) release() {
	c.encoder.Reset(nil)
	c.pool.put(c.encoder)
	c.out, c.encoder = nil, nil
}

// decompressor is a frameReader over a decoder from the pool. It remembers how
// its source failed, because a decoder's own words do not tell a cut from damage
// reliably. Call release once, after the last use.
type decompressor struct {
	*frameReader
	decoder *zstd.Decoder
	pool    *spare[*zstd.Decoder]
	source  *source
}

// decompress reads frames of at most total bytes from in.
func (c *codec) decompress(in io.Reader, total int64) *decompressor {
	s := &source{in: in}
	d := c.decoders.get()
	x := &decompressor{decoder: d, pool: &c.decoders, source: s}
	x.frameReader = newFrameReader(&opening{source: s, decoder: d}, total)
	return x
}

// opening reads a stream as its first byte says: plain, or compressed.
type opening struct {
	source  *source
	decoder *zstd.Decoder
	in      io.Reader // nil until it is known
}

func (o *opening) Read(p []byte) (int, error) {
	if o.in == nil {
		var first [1]byte
		if _, err := io.ReadFull(o.source, first[:]); err != nil {
			return 0, err
		}
		o.in = o.source
		if first[0] != plainMark {
			if err := o.decoder.Reset(io.MultiReader(bytes.NewReader(first[:]), o.source)); err != nil {
				o.in = failing{err}
			} else {
				o.in = o.decoder
			}
		}
	}
	return o.in.Read(p)
}

func (d *decompressor) release() {
	_ = d.decoder.Reset(nil) // only lets go of the source
	d.pool.put(d.decoder)
	d.decoder, d.frameReader = nil, nil
}

// next is frameReader.next with every failure as an [atoll.Error]: Interrupted
// when the bytes stopped, Damaged when they are wrong, TooLarge, OldProtocol, or
// what the source said.
func (d *decompressor) next() (Kind, []byte, error) {
	kind, payload, err := d.frameReader.next()
	if err == nil {
		return kind, payload, nil
	}
	var known *atoll.Error
	switch {
	case d.source.err != nil && errors.As(d.source.err, &known):
		return 0, nil, known
	case d.source.err != nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 0, nil, interrupted(err)
	case errors.As(err, &known):
		return 0, nil, known
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return 0, nil, atoll.Errorf(atoll.OldProtocol, "the data are compressed in a way this program does not know").
			Do("upgrade the central server first, then the sites")
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return 0, nil, atoll.Errorf(atoll.TooLarge, "the data are compressed with a window above %d bytes", window)
	}
	return 0, nil, &atoll.Error{Code: atoll.Damaged, Message: "the data were damaged on the way", Err: err}
}

func interrupted(cause error) *atoll.Error {
	return &atoll.Error{Code: atoll.Interrupted, Message: "the connection ended before the data did", Err: cause}
}

// source counts what comes from the network and remembers how it failed.
type source struct {
	in    io.Reader
	n     int64
	err   error // never io.EOF
	first []byte
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	s.n += int64(n)
	if len(s.first) < 5 {
		s.first = append(s.first, p[:min(n, 5-len(s.first))]...)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

const zstdMagic = 0xFD2FB528

// foreign reports whether the stream cannot be one of ours: it does not begin as
// zstd does.
func (s *source) foreign() bool {
	return len(s.first) >= 4 && s.first[0] != plainMark && binary.LittleEndian.Uint32(s.first) != zstdMagic
}

// bare reports whether the stream names no dictionary: the answer then must not
// use one either.
func (s *source) bare() bool {
	return len(s.first) == 5 && s.first[0] != plainMark && s.first[4]&3 == 0
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
