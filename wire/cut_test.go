package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// requestBytes is the body that the client makes.
func requestBytes(t testing.TB, h exchange.Hello, entries []exchange.Entry) []byte {
	t.Helper()
	u, err := newUpload(testCodec, &h, nil, all(entries))
	must(t, err)
	defer u.Close()
	b, err := io.ReadAll(u)
	must(t, err)
	return b
}

// serve hands a body to a fresh handler over a fake centre, without a network.
func serve(f *fakeCentre, body io.Reader, change func(*Options)) *httptest.ResponseRecorder {
	o := Options{Centre: f, Gate: &fakeGate{site: testSite, token: "tok"}}
	if change != nil {
		change(&o)
	}
	r := httptest.NewRequest(http.MethodPost, Prefix+"exchange", body)
	r.Header.Set("Authorization", "Bearer tok")
	w := httptest.NewRecorder()
	Handler(o).ServeHTTP(w, r)
	return w
}

// answerBytesOf is the body that the handler makes of frames.
func answerBytesOf(t testing.TB, h exchange.Hello, frames []exchange.Frame) []byte {
	t.Helper()
	f := &fakeCentre{answer: func(exchange.Hello) []exchange.Frame { return frames }}
	w := serve(f, bytes.NewReader(requestBytes(t, h, nil)), nil)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// readAnswer reads an answer from bytes, as the client does.
func readAnswer(in io.Reader, h exchange.Hello) (frames []exchange.Frame, err error) {
	d := testCodec.decompress(in, answerBytes)
	defer d.release()
	err = answered(d, &h, func(f exchange.Frame) bool { frames = append(frames, f); return true })
	return frames, err
}

// cutReader gives n bytes and then an error, as a broken connection does.
func cutReader(b []byte, n int) io.Reader {
	return io.MultiReader(bytes.NewReader(b[:n]), failing{io.ErrUnexpectedEOF})
}

func isPrefix(frames, of []exchange.Frame) bool {
	return len(frames) <= len(of) && (len(frames) == 0 || reflect.DeepEqual(frames, of[:len(frames)]))
}

// TestR_L_05_AnswerCutAtEveryByte cuts an answer, on real connections, at every
// byte of what the server sent, headers and chunks included.
func TestR_L_05_AnswerCutAtEveryByte(t *testing.T) {
	h, entries, frames := conversation(5)
	r := newRig(t, nil)
	r.centre.answer = func(exchange.Hello) []exchange.Frame { return frames }
	_, err := collect(r.client.Exchange(t.Context(), h, all(entries)))
	must(t, err)
	raw := rawAnswer(t, r, requestBytes(t, h, entries))
	whole := bytes.Index(raw, []byte("\r\n\r\n"))
	if whole < 0 {
		t.Fatal("no header")
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	cut := make(chan int)
	go func() {
		for n := range cut {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			req := make([]byte, 64<<10) // the request is smaller, and one write
			_, _ = conn.Read(req)
			_, _ = conn.Write(raw[:n])
			_ = conn.Close()
		}
	}()
	defer close(cut)
	c, err := NewClient(ClientOptions{URL: "http://" + l.Addr().String(), Site: testSite, Tokens: &memoryTokens{token: "t", expires: r.client.o.Now().Add(1 << 40)}})
	must(t, err)
	defer c.Close()
	most := 0
	for n := range len(raw) {
		cut <- n
		got, err := collect(c.Exchange(t.Context(), h, all(entries)))
		if !isPrefix(got, frames) {
			t.Fatalf("cut at %d: frames that were never sent: %+v", n, got)
		}
		if len(got) < most {
			t.Errorf("cut at %d: %d frames, but %d at an earlier cut", n, len(got), most)
		}
		most = max(most, len(got))
		if len(got) == len(frames) {
			continue // all arrived, whatever became of the last bytes
		}
		if !errors.Is(err, atoll.Interrupted) {
			t.Fatalf("cut at %d of %d: %v after %d frames, want interrupted", n, len(raw), err, len(got))
		}
	}
	if most < 2 {
		t.Errorf("no cut let more than %d frames through: is the receipt flushed?", most)
	}
}

// rawAnswer is what the server of r sends for a request, byte for byte.
func rawAnswer(t *testing.T, r *rig, body []byte) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
	must(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST %sexchange HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", Prefix, r.gate.token, len(body))
	_, err = conn.Write(body)
	must(t, err)
	raw, err := io.ReadAll(conn)
	must(t, err)
	return raw
}

// TestR_L_05_FlushedFramesSurvive: what was flushed can be read, however little
// comes after it.
func TestR_L_05_FlushedFramesSurvive(t *testing.T) {
	s := newSampler(9)
	h := s.hello()
	h.Site = testSite
	idle := s.idle(h)
	frames := []exchange.Frame{idle[0], exchange.Receipt{Acknowledged: h.Head, Offered: 1, Applied: 1}}
	for range 400 {
		frames = append(frames, s.record(s.IntN(99)))
	}
	frames = append(frames, idle[2], idle[3])
	b := answerBytesOf(t, h, frames)
	last := 0
	for n := 0; n < len(b); n += 97 {
		got, err := readAnswer(cutReader(b, n), h)
		if !isPrefix(got, frames) {
			t.Fatalf("cut at %d: frames that were never sent", n)
		}
		if len(got) < len(frames) && !errors.Is(err, atoll.Interrupted) {
			t.Fatalf("cut at %d: %v, want interrupted", n, err)
		}
		// Records are some 120 bytes here, and at most flushFrames wait in a block.
		if most := 2 + (n-400)/130 - flushFrames; len(got) < most {
			t.Errorf("cut at %d of %d: %d frames, want at least %d", n, len(b), len(got), most)
		}
		last = max(last, len(got))
	}
	if last < len(frames)-flushFrames {
		t.Errorf("just before the end %d of %d frames could be read", last, len(frames))
	}
}

// TestR_L_05_RequestCutAtEveryByte: the centre gets the entries that arrived
// whole, and is told of the cut.
func TestR_L_05_RequestCutAtEveryByte(t *testing.T) {
	h, entries, frames := conversation(6)
	b := requestBytes(t, h, entries)
	for n := range len(b) {
		f := &fakeCentre{answer: func(exchange.Hello) []exchange.Frame { return frames }}
		w := serve(f, cutReader(b, n), nil)
		hellos, got, failed := f.seen()
		if w.Code >= 500 {
			t.Fatalf("cut at %d: status %d", n, w.Code)
		}
		if len(hellos) == 0 {
			if len(got) > 0 || w.Code != Status(atoll.Interrupted) {
				t.Fatalf("cut at %d: status %d, %s", n, w.Code, w.Body)
			}
			continue
		}
		if !reflect.DeepEqual(hellos[0], h) || len(got) > 0 && !reflect.DeepEqual(got, entries[:len(got)]) {
			t.Fatalf("cut at %d: the centre saw what was never sent", n)
		}
		if len(got) < len(entries) && !errors.Is(failed, atoll.Interrupted) {
			t.Fatalf("cut at %d: %d entries and then %v, want interrupted", n, len(got), failed)
		}
	}
}

// TestR_L_05_EntriesBeforeTheCutCount sends a long journal and hangs up: the
// entries flushed before reach the centre.
func TestR_L_05_EntriesBeforeTheCutCount(t *testing.T) {
	s := newSampler(11)
	h := s.hello()
	h.Site = testSite
	var entries []exchange.Entry
	for i := range 300 {
		entries = append(entries, s.entry(uint64(i+1), s.IntN(99)))
	}
	b := requestBytes(t, h, entries)
	f := &fakeCentre{err: atoll.Errorf(atoll.Busy, "x")}
	serve(f, cutReader(b, len(b)-10), nil)
	if _, got, failed := f.seen(); len(got) < 300-flushFrames || !errors.Is(failed, atoll.Interrupted) {
		t.Errorf("%d of 300 entries and then %v", len(got), failed)
	}
}

// TestFlippedBits: a flipped bit is an error or makes no difference.
func TestFlippedBits(t *testing.T) {
	h, entries, frames := conversation(8)
	b := answerBytesOf(t, h, frames)
	for i := range b {
		for bit := range 8 {
			damaged := bytes.Clone(b)
			damaged[i] ^= 1 << bit
			got, err := readAnswer(bytes.NewReader(damaged), h)
			if !isPrefix(got, frames) {
				t.Fatalf("byte %d bit %d: a frame that was never sent", i, bit)
			}
			if err == nil && len(got) < len(frames) {
				t.Fatalf("byte %d bit %d: %d of %d frames and no error", i, bit, len(got), len(frames))
			}
		}
	}
	b = requestBytes(t, h, entries)
	for i := range b {
		for bit := range 8 {
			damaged := bytes.Clone(b)
			damaged[i] ^= 1 << bit
			f := &fakeCentre{answer: func(exchange.Hello) []exchange.Frame { return frames }}
			w := serve(f, bytes.NewReader(damaged), nil)
			hellos, got, failed := f.seen()
			switch {
			case w.Code >= 500:
				t.Fatalf("byte %d bit %d: status %d", i, bit, w.Code)
			case len(hellos) > 0 && !reflect.DeepEqual(hellos[0], h),
				len(got) > 0 && (len(got) > len(entries) || !reflect.DeepEqual(got, entries[:len(got)])):
				t.Fatalf("byte %d bit %d: the centre saw what was never sent", i, bit)
			case len(hellos) > 0 && len(got) < len(entries) && failed == nil:
				t.Fatalf("byte %d bit %d: %d of %d entries and no error", i, bit, len(got), len(entries))
			}
		}
	}
}
