package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// FuzzFrames reads frames from bytes. What is read can be written, and is then
// the same bytes: one frame has one encoding.
func FuzzFrames(f *testing.F) {
	h, entries, frames := conversation(71)
	f.Add(uncompressed(f, func(w *frameWriter) {
		helloFrame(f, w, h)
		entryFrame(f, w, entries[0])
		doneFrame(f, w, 1)
	}))
	f.Add(uncompressed(f, func(w *frameWriter) {
		for _, frame := range frames {
			must(f, writeFrame(w, frame, &h))
		}
	}))
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newFrameReader(bytes.NewReader(b), 1<<20)
		var again plainStream
		w := &frameWriter{out: &again}
		for {
			kind, payload, err := r.next()
			if err != nil {
				var e *atoll.Error
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &e) {
					t.Fatalf("%v", err)
				}
				break
			}
			must(t, w.write(kind, payload))
			if kind == KindRecord {
				if rec, err := decodeRecord(payload); err == nil {
					head, err := encodeRecordHead(&rec)
					if err != nil || !bytes.Equal(append(head, rec.Body...), payload) {
						t.Fatalf("a record of another form: %q, %v", payload, err)
					}
				}
			}
			if kind == KindEntry {
				if e, err := decodeEntry(payload); err == nil && !bytes.Equal(append(entryHead(e.Seq), e.Content...), payload) {
					t.Fatalf("an entry of another form: %q", payload)
				}
			}
		}
		if !bytes.HasPrefix(b, again.Bytes()) {
			t.Fatal("frames were written as other bytes")
		}
	})
}

// FuzzRequest hands bytes to the handler, as they come and compressed: never a
// status of 500, and the centre sees nothing but what it may (R-K-28).
func FuzzRequest(f *testing.F) {
	h, entries, _ := conversation(72)
	good := requestBytes(f, h, entries)
	f.Add(good, false)
	f.Add(good[:len(good)/2], false)
	f.Add(uncompressed(f, func(w *frameWriter) {
		helloFrame(f, w, h)
		entryFrame(f, w, entries[0])
		entryFrame(f, w, entries[1])
		doneFrame(f, w, 2)
	}), true)
	f.Add(binary.LittleEndian.AppendUint32(nil, zstdMagic), false)
	s := newSampler(73)
	f.Fuzz(func(t *testing.T, b []byte, compressed bool) {
		if compressed {
			b = raw(t, func(w *frameWriter) { _, _ = w.out.Write(b) })
		}
		centre := &fakeCentre{answer: s.idle}
		w := serve(centre, bytes.NewReader(b), nil)
		hellos, got, failed := centre.seen()
		if w.Code >= 500 {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		if (w.Code == 200) != (len(hellos) == 1) {
			t.Fatalf("status %d, %d hellos", w.Code, len(hellos))
		}
		for i, hello := range hellos {
			if hello.Site != testSite || len(hello.Device) > maxText || hello.Records < 0 {
				t.Fatalf("the centre saw %+v", hellos[i])
			}
		}
		for i, e := range got {
			if e.Seq == 0 || len(e.Content) == 0 || len(e.Content) > atoll.MaxEntry || i > 0 && e.Seq != got[i-1].Seq+1 {
				t.Fatalf("the centre saw entry %d after %+v", e.Seq, got[:i])
			}
		}
		if failed != nil {
			switch atoll.CodeOf(failed) {
			case atoll.Interrupted, atoll.Damaged, atoll.Invalid, atoll.TooLarge, atoll.OldProtocol:
			default:
				t.Fatalf("the entries failed with %v", failed)
			}
		}
	})
}

// FuzzResponse hands bytes to the client: it yields frames in order, and fails
// unless there was an End.
func FuzzResponse(f *testing.F) {
	h, _, frames := conversation(74)
	good := answerBytesOf(f, h, frames)
	f.Add(good, false)
	f.Add(good[:len(good)-9], false)
	f.Add(uncompressed(f, func(w *frameWriter) {
		for _, frame := range frames {
			must(f, writeFrame(w, frame, &h))
		}
	}), true)
	f.Add(uncompressed(f, func(w *frameWriter) { must(f, w.write(KindProblem, []byte(`{"code":"busy"}`))) }), true)
	f.Fuzz(func(t *testing.T, b []byte, compressed bool) {
		if compressed {
			b = raw(t, func(w *frameWriter) { _, _ = w.out.Write(b) })
		}
		got, err := readAnswer(bytes.NewReader(b), h)
		var e *atoll.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%v", err)
		}
		for i, frame := range got {
			_, welcome := frame.(exchange.Welcome)
			_, end := frame.(exchange.End)
			if welcome != (i == 0) || end && (i != len(got)-1) {
				t.Fatalf("frame %d is %T", i, frame)
			}
			if end && err != nil {
				t.Fatalf("an end and %v", err)
			}
			// What was read can be sent on and reads the same.
			var out plainStream
			if werr := writeFrame(&frameWriter{out: &out}, frame, &h); werr != nil {
				t.Fatalf("%T was read and cannot be written: %v", frame, werr)
			}
			kind, payload, rerr := newFrameReader(&out, answerBytes).next()
			must(t, rerr)
			if again, rerr := readFrame(kind, payload, &h); rerr != nil || !reflect.DeepEqual(again, frame) {
				t.Fatalf("%+v was written and read as %+v, %v", frame, again, rerr)
			}
		}
		if err == nil {
			if _, ok := got[len(got)-1].(exchange.End); !ok {
				t.Fatal("no end and no error")
			}
		}
	})
}
