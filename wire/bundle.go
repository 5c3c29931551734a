package wire

import (
	"errors"
	"io"
	"iter"
	"math"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// WriteBundle writes the frames of an answer as they would go over the line, for a
// file that is carried to its site (R-H-41). It ends with what frames fail with.
func WriteBundle(to io.Writer, frames iter.Seq2[exchange.Frame, error]) error {
	w := newCodec().compress(to, false)
	defer w.release()
	for f, err := range frames {
		if err != nil {
			return err
		}
		if err := writeFrame(&w.frameWriter, f, &exchange.Hello{}); err != nil {
			return err
		}
		if w.due() {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return w.out.Close()
}

// ReadBundle returns the frames of a bundle, once. A bundle that was cut short, or
// damaged, ends with an error after what is whole.
func ReadBundle(from io.Reader) iter.Seq2[exchange.Frame, error] {
	return func(yield func(exchange.Frame, error) bool) {
		in := newCodec().decompress(from, math.MaxInt64)
		defer in.release()
		for {
			kind, payload, err := in.next()
			if err == nil {
				var f exchange.Frame
				if f, err = readFrame(kind, payload, &exchange.Hello{}); err == nil {
					_, end := f.(exchange.End)
					if !yield(f, nil) || end {
						return
					}
					continue
				}
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = atoll.Errorf(atoll.Damaged, "the file was cut short")
			}
			yield(nil, err)
			return
		}
	}
}
