package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// raw makes a request from frames as given, right or wrong.
func raw(t testing.TB, write func(w *frameWriter)) []byte {
	t.Helper()
	var out bytes.Buffer
	c := testCodec.compress(&out, false)
	defer c.release()
	write(&c.frameWriter)
	must(t, c.out.Close())
	return out.Bytes()
}

func helloFrame(t testing.TB, w *frameWriter, h exchange.Hello) {
	b, err := encodeHello(&h)
	must(t, err)
	must(t, w.write(KindHello, b))
}

func entryFrame(t testing.TB, w *frameWriter, e exchange.Entry) {
	must(t, w.write(KindEntry, entryHead(e.Seq), e.Content))
}

func doneFrame(t testing.TB, w *frameWriter, n int) {
	must(t, w.write(KindDone, fmt.Appendf(nil, `{"entries":%d}`, n)))
}

// TestR_K_28_HostileRequests starts from one good request and spoils it.
func TestR_K_28_HostileRequests(t *testing.T) {
	s := newSampler(21)
	hello := s.hello()
	hello.Site = testSite
	one, two := s.entry(5, 1), s.entry(6, 2)
	for _, tt := range []struct {
		name   string
		write  func(w *frameWriter)
		status int        // of a request that the centre never sees
		failed atoll.Code // how the entries end, for one it does
		got    int        // entries before that
	}{
		{name: "as it should be", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			entryFrame(t, w, one)
			entryFrame(t, w, two)
			doneFrame(t, w, 2)
		}, got: 2},
		{name: "nothing", write: func(*frameWriter) {}, status: 400},
		{name: "no hello", write: func(w *frameWriter) { entryFrame(t, w, one); doneFrame(t, w, 1) }, status: 400},
		{name: "hello of another site", write: func(w *frameWriter) {
			h := hello
			h.Site = 8
			helloFrame(t, w, h)
			doneFrame(t, w, 0)
		}, status: 403},
		{name: "hello is not JSON", write: func(w *frameWriter) { must(t, w.write(KindHello, []byte("{"))) }, status: 400},
		{name: "hello is not text", write: func(w *frameWriter) { must(t, w.write(KindHello, []byte("{\"app\":\"\xff\"}"))) }, status: 400},
		{name: "device of a megabyte", write: func(w *frameWriter) {
			h := hello
			h.Device = strings.Repeat("x", 1<<20)
			helloFrame(t, w, h)
		}, status: 413},
		{name: "negative numbers", write: func(w *frameWriter) {
			h := hello
			h.Records = -1
			helloFrame(t, w, h)
		}, status: 400},
		{name: "two hellos", write: func(w *frameWriter) { helloFrame(t, w, hello); helloFrame(t, w, hello) }, failed: atoll.Invalid},
		{name: "a frame of an answer", write: func(w *frameWriter) { helloFrame(t, w, hello); must(t, w.write(KindRecord, []byte("x"))) }, failed: atoll.Invalid},
		{name: "no end", write: func(w *frameWriter) { helloFrame(t, w, hello); entryFrame(t, w, one) }, failed: atoll.Interrupted, got: 1},
		{name: "wrong count", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			entryFrame(t, w, one)
			doneFrame(t, w, 2)
		}, failed: atoll.Damaged, got: 1},
		{name: "reordered", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			entryFrame(t, w, two)
			entryFrame(t, w, one)
			doneFrame(t, w, 2)
		}, failed: atoll.Invalid, got: 1},
		{name: "replayed entry", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			entryFrame(t, w, one)
			entryFrame(t, w, one)
			doneFrame(t, w, 2)
		}, failed: atoll.Invalid, got: 1},
		{name: "entry zero", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			entryFrame(t, w, exchange.Entry{Content: one.Content})
		}, failed: atoll.Invalid},
		{name: "entry without content", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			entryFrame(t, w, exchange.Entry{Seq: 5})
		}, failed: atoll.Invalid},
		{name: "something after the end", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			entryFrame(t, w, one)
			doneFrame(t, w, 1)
			entryFrame(t, w, two)
		}, failed: atoll.Damaged, got: 1},
		{name: "more entries than one request may have", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			for i := range uint64(exchange.MaxEntries + 1) {
				entryFrame(t, w, exchange.Entry{Seq: i + 1, Content: []byte("x")})
			}
		}, failed: atoll.TooLarge, got: exchange.MaxEntries},
		{name: "unknown kind", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			_, _ = w.out.Write([]byte{2, '?', 1, 2, 3, 4, 5})
		}, failed: atoll.Damaged},
		{name: "empty frame", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			_, _ = w.out.Write([]byte{0})
		}, failed: atoll.Damaged},
		{name: "length in ten bytes", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			_, _ = w.out.Write([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
		}, failed: atoll.Damaged},
		{name: "length in a longer form than it needs", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			_, _ = w.out.Write([]byte{0x85, 0x00, 'E', 1, 2, 3, 4})
		}, failed: atoll.Damaged},
		{name: "claims a gigabyte", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			_, _ = w.out.Write(append(binary.AppendUvarint(nil, 1<<30), 'E'))
		}, failed: atoll.TooLarge},
		{name: "claims the most there may be and ends", write: func(w *frameWriter) {
			helloFrame(t, w, hello)
			_, _ = w.out.Write(append(binary.AppendUvarint(nil, atoll.MaxEntry), 'E', 'x'))
		}, failed: atoll.Interrupted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakeCentre{answer: s.idle}
			w := serve(f, bytes.NewReader(raw(t, tt.write)), nil)
			hellos, got, failed := f.seen()
			if tt.status != 0 {
				if w.Code != tt.status || len(hellos) > 0 {
					t.Errorf("status %d, want %d; the centre saw %d hellos: %s", w.Code, tt.status, len(hellos), w.Body)
				}
				return
			}
			if len(hellos) != 1 || len(got) != tt.got || atoll.CodeOf(failed) != tt.failed {
				t.Errorf("%d hellos, %d entries and then %v; want %d entries and then %q", len(hellos), len(got), failed, tt.got, tt.failed)
			}
		})
	}
}

// TestR_K_58_ZipBomb: a few hundred bytes that unpack to gigabytes cost neither
// memory nor time.
func TestR_K_58_ZipBomb(t *testing.T) {
	s := newSampler(22)
	hello := s.hello()
	hello.Site = testSite
	bomb := func(write func(io.Writer)) []byte {
		var out bytes.Buffer
		e, err := zstd.NewWriter(&out, zstd.WithEncoderDict(dictionary), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
		must(t, err)
		write(e)
		must(t, e.Close())
		return out.Bytes()
	}
	zeros := make([]byte, 1<<20)
	// One frame that claims little and is followed by two gigabytes of nothing.
	endless := bomb(func(w io.Writer) {
		for range 2 << 10 {
			_, _ = w.Write(zeros)
		}
	})
	// Entries of the greatest size, well made, again and again.
	big := bomb(func(w io.Writer) {
		fw := &frameWriter{out: struct {
			io.Writer
			flusher
		}{w, flusher{}}}
		helloFrame(t, fw, hello)
		for i := range uint64(64) {
			entryFrame(t, fw, exchange.Entry{Seq: i + 1, Content: make([]byte, 4<<20)})
		}
	})
	for name, b := range map[string][]byte{"endless": endless, "big entries": big} {
		f := &fakeCentre{answer: s.idle}
		w := serve(f, bytes.NewReader(b), nil)
		hellos, got, failed := f.seen()
		if w.Code >= 500 || len(got) > 4 || (len(hellos) > 0 && !errors.Is(failed, atoll.TooLarge)) {
			t.Errorf("%s (%d bytes): status %d, %d entries, %v", name, len(b), w.Code, len(got), failed)
		}
	}
	// A window larger than the limit.
	var out bytes.Buffer
	e, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
	must(t, err)
	for range 10 {
		_, _ = e.Write(zeros)
	}
	must(t, e.Close())
	if w := serve(&fakeCentre{}, &out, nil); w.Code != 413 {
		t.Errorf("a window of 8 MB: status %d", w.Code)
	}
	// More on the wire than a request may have.
	body := io.MultiReader(bytes.NewReader(raw(t, func(w *frameWriter) {
		helloFrame(t, w, hello)
	})), bytes.NewReader(make([]byte, 1<<20)))
	if w := serve(&fakeCentre{answer: s.idle}, body, func(o *Options) { o.Limits.Body = 100 }); w.Code != 413 {
		t.Errorf("a body above the limit: status %d", w.Code)
	}
}

type flusher struct{}

func (flusher) Flush() error { return nil }
func (flusher) Close() error { return nil }

// TestR_K_62_HelloOfTheFuture: members that are not known are passed over.
func TestR_K_62_HelloOfTheFuture(t *testing.T) {
	s := newSampler(23)
	hello := s.hello()
	hello.Site, hello.Protocol = testSite, 9
	b, _ := encodeHello(&hello)
	var m map[string]any
	must(t, json.Unmarshal(b, &m))
	m["zz_new"] = map[string]any{"deep": []int{1, 2}}
	b, _ = json.Marshal(m)
	f := &fakeCentre{err: atoll.Errorf(atoll.OldProtocol, "upgrade the central first")}
	w := serve(f, bytes.NewReader(raw(t, func(w *frameWriter) { must(t, w.write(KindHello, b)); doneFrame(t, w, 0) })), nil)
	hellos, _, _ := f.seen()
	if len(hellos) != 1 || !reflect.DeepEqual(hellos[0], hello) || !errors.Is(ReadProblem(w.Result()), atoll.OldProtocol) {
		t.Errorf("%+v, %d %s", hellos, w.Code, w.Body)
	}
}

// TestBareRequest: who does not use the dictionary gets an answer without it.
func TestBareRequest(t *testing.T) {
	s := newSampler(24)
	h := s.hello()
	h.Site = testSite
	var out bytes.Buffer
	c := testCodec.compress(&out, true)
	helloFrame(t, &c.frameWriter, h)
	doneFrame(t, &c.frameWriter, 0)
	must(t, c.out.Close())
	c.release()
	w := serve(&fakeCentre{answer: s.idle}, &out, nil)
	d, err := zstd.NewReader(w.Body, zstd.WithDecoderConcurrency(1))
	must(t, err)
	defer d.Close()
	b, err := io.ReadAll(d)
	if err != nil || len(b) < 10 || Kind(b[1]) != KindWelcome {
		t.Errorf("%d %q, %v", w.Code, b, err)
	}
}

// TestR_K_27_NothingElse: what a site may ask for is the table, and who it is
// decides its token alone.
func TestR_K_27_NothingElse(t *testing.T) {
	s := newSampler(25)
	h := s.hello()
	h.Site = testSite
	body := requestBytes(t, h, nil)
	var reports []exchange.Report
	var log bytes.Buffer
	centre := &fakeCentre{answer: s.idle}
	handler := Handler(Options{
		Centre: centre, Gate: &fakeGate{site: testSite, token: "tok"},
		Report: func(r exchange.Report) { reports = append(reports, r) },
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	asked := 0
	for _, tt := range []struct {
		method, path, authorization string
		status                      int
	}{
		{"POST", "/sync/v1/exchange", "Bearer tok", 200},
		{"POST", "/sync/v1/exchange", "bearer tok", 200},
		{"POST", "/sync/v1/exchange", "Bearer user-session", 401},
		{"POST", "/sync/v1/exchange", "Basic dXNlcjpwYXNz", 401},
		{"POST", "/sync/v1/exchange", "", 401},
		{"POST", "/sync/v1/exchange", "Bearer " + strings.Repeat("x", 5000), 401},
		{"GET", "/sync/v1/exchange", "Bearer tok", 405},
		{"DELETE", "/sync/v1/ping", "Bearer tok", 405},
		{"GET", "/sync/v1/ping", "", 200},
		{"GET", "/sync/v1/", "Bearer tok", 404},
		{"GET", "/sync/v1", "Bearer tok", 404},
		{"GET", "/sync/v2/exchange", "Bearer tok", 404},
		{"GET", "/api/v1/records", "Bearer tok", 404},
		{"POST", "/sync/v1/../../api/v1/records", "Bearer tok", 404},
		{"POST", "/sync/v1/exchange/", "Bearer tok", 404},
		{"POST", "/sync/v1/token", "Bearer tok", 400},
	} {
		r := httptest.NewRequest(tt.method, tt.path, bytes.NewReader(body))
		r.Header.Set("Authorization", tt.authorization)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		asked++
		if w.Code != tt.status {
			t.Errorf("%s %s as %.20q: status %d, want %d", tt.method, tt.path, tt.authorization, w.Code, tt.status)
		}
		if w.Code >= 400 && w.Header().Get("Content-Type") != ContentProblem {
			t.Errorf("%s %s: an error of type %s", tt.method, tt.path, w.Header().Get("Content-Type"))
		}
	}
	if hellos, _, _ := centre.seen(); len(hellos) != 2 {
		t.Errorf("the centre saw %d hellos, want 2", len(hellos))
	}
	// R-K-29: a report and a log line for each request.
	if lines := strings.Count(log.String(), "\n"); len(reports) != asked || lines != asked {
		t.Errorf("%d requests, %d reports, %d log lines", asked, len(reports), lines)
	}
}

// TestR_K_29_Report: the report says what was carried.
func TestR_K_29_Report(t *testing.T) {
	h, entries, frames := conversation(26)
	r := newRig(t, nil)
	r.centre.answer = func(exchange.Hello) []exchange.Frame { return frames }
	var mine []exchange.Report
	r.client.o.Report = func(x exchange.Report) { mine = append(mine, x) }
	_, err := collect(r.client.Exchange(t.Context(), h, all(entries)))
	must(t, err)
	told := waitReports(r, 3)
	if len(told) != 3 || len(mine) != 3 {
		t.Fatalf("the centre reported %d requests, the site %d; want a challenge, a token, an exchange", len(told), len(mine))
	}
	c, s := told[2], mine[2]
	if c.Site != testSite || c.Route != "exchange" || c.Entries != 2 || c.Records != 3 || c.Status != 200 || c.Code != "" {
		t.Errorf("the centre reported %+v", c)
	}
	if s.Entries != 2 || s.Records != 3 || s.Sent != c.Received || s.Received != c.Sent || s.Sent == 0 || s.Received == 0 {
		t.Errorf("the site reported %+v, the centre %+v", s, c)
	}
}

// waitReports waits for reports: a handler may still be at work when its answer
// has arrived.
func waitReports(r *rig, n int) []exchange.Report {
	r.server.Close() // waits for the handlers
	return r.told()[:min(n, len(r.told()))]
}

func TestR_K_51_RateLimits(t *testing.T) {
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	s := newSampler(27)
	h := s.hello()
	h.Site = testSite
	body := requestBytes(t, h, nil)
	centre := &fakeCentre{answer: s.idle}
	gate := &fakeGate{site: testSite, token: "tok"}
	handler := Handler(Options{
		Centre: centre, Gate: gate, Now: func() time.Time { return now },
		Limits: Limits{SiteRate: 0.5, SiteBurst: 3, WrongRate: 0.1, WrongBurst: 2, TotalRate: 10, TotalBurst: 50},
	})
	ask := func(path, body, from string) error {
		r := httptest.NewRequest("POST", Prefix+path, strings.NewReader(body))
		r.RemoteAddr = from
		r.Header.Set("Authorization", "Bearer tok")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code == 200 {
			return nil
		}
		return ReadProblem(w.Result())
	}
	const here, there = "10.0.0.1:1", "10.0.0.2:1"
	for i := range 3 {
		if err := ask("exchange", string(body), here); err != nil {
			t.Fatalf("exchange %d: %v", i, err)
		}
	}
	err := ask("exchange", string(body), here)
	if after, ok := exchange.RetryAfter(err); !errors.Is(err, atoll.Busy) || !ok || after != 2*time.Second {
		t.Errorf("one too many: %v, after %v", err, after)
	}
	now = now.Add(2 * time.Second)
	if err := ask("exchange", string(body), here); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	const right, wrong = `{"code":"RIGHT-CODE"}`, `{"code":"x"}`
	for range 5 { // right ones are free
		if err := ask("enrol", right, here); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := ask("enrol", wrong, here); !errors.Is(err, atoll.SiteSecret) {
			t.Fatal(err)
		}
	}
	if err := ask("enrol", right, here); !errors.Is(err, atoll.Busy) {
		t.Errorf("after two wrong attempts: %v, want busy", err)
	}
	if err := ask("enrol", right, there); err != nil {
		t.Errorf("from another address: %v", err)
	}
	now = now.Add(10 * time.Second)
	if err := ask("enrol", right, here); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	var busy error
	for range 60 {
		if busy = ask("enrol", right, there); busy != nil {
			break
		}
	}
	if !errors.Is(busy, atoll.Busy) {
		t.Errorf("sixty requests at once: %v, want busy", busy)
	}
}

func TestBucketsAreBounded(t *testing.T) {
	b := buckets[int]{rate: 1, burst: 1}
	now := time.Unix(0, 0)
	for i := range 3 * maxBuckets {
		l := b.of(now, i)
		l.AllowN(now, 1)
	}
	if len(b.m) > maxBuckets {
		t.Errorf("%d buckets", len(b.m))
	}
}

func TestPanics(t *testing.T) {
	s := newSampler(28)
	h := s.hello()
	h.Site = testSite
	body := requestBytes(t, h, nil)
	w := serve(&fakeCentre{answer: func(exchange.Hello) []exchange.Frame { panic("a secret") }}, bytes.NewReader(body), nil)
	if err := ReadProblem(w.Result()); w.Code != 500 || !errors.Is(err, atoll.Internal) || strings.Contains(err.Error(), "secret") {
		t.Errorf("status %d, %v", w.Code, err)
	}
	for name, f := range map[string]*fakeCentre{
		"panic":  {answer: func(h exchange.Hello) []exchange.Frame { return append(s.idle(h)[:2], exchange.Frame(nil)) }},
		"error":  {answer: func(h exchange.Hello) []exchange.Frame { return s.idle(h)[:2] }, err: atoll.Errorf(atoll.Internal, "a secret")},
		"silent": {answer: func(h exchange.Hello) []exchange.Frame { return s.idle(h)[:2] }},
	} {
		w = serve(f, bytes.NewReader(body), nil)
		got, err := readAnswer(w.Body, h)
		if w.Code != 200 || len(got) != 2 || !errors.Is(err, atoll.Internal) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s after two frames: status %d, %d frames, %v", name, w.Code, len(got), err)
		}
	}
	w = serve(&fakeCentre{answer: func(h exchange.Hello) []exchange.Frame { return s.idle(h)[:2] }, err: busy(7*time.Second, "x")}, bytes.NewReader(body), nil)
	_, err := readAnswer(w.Body, h)
	if after, _ := exchange.RetryAfter(err); after != 7*time.Second {
		t.Errorf("a Busy in the middle: %v, after %v", err, after)
	}
}

// TestConcurrent holds the handler to its bound on exchanges at a time.
func TestConcurrent(t *testing.T) {
	s := newSampler(29)
	h := s.hello()
	h.Site = testSite
	body := requestBytes(t, h, nil)
	inside, leave := make(chan struct{}), make(chan struct{})
	centre := &fakeCentre{answer: func(h exchange.Hello) []exchange.Frame {
		inside <- struct{}{}
		<-leave
		return s.idle(h)
	}}
	handler := Handler(Options{Centre: centre, Gate: &fakeGate{site: testSite, token: "tok"}, Limits: Limits{Concurrent: 1}})
	ask := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", Prefix+"exchange", bytes.NewReader(body))
		r.Header.Set("Authorization", "Bearer tok")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if w := ask(); w.Code != http.StatusOK {
			t.Errorf("the first: status %d", w.Code)
		}
	})
	<-inside
	if w := ask(); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("the second at the same time: status %d", w.Code)
	}
	close(leave)
	wg.Wait()
}

// TestReorderedAnswers: the client refuses frames where they do not belong.
func TestReorderedAnswers(t *testing.T) {
	h, _, frames := conversation(30)
	w, r, sub, rec, check, end := frames[0], frames[1], frames[2], frames[3], frames[6], frames[7]
	for name, spoiled := range map[string][]exchange.Frame{
		"no welcome":                {r, end},
		"two welcomes":              {w, w, r, end},
		"no receipt":                {w, end},
		"record before the receipt": {w, rec, r, end},
		"two receipts":              {w, r, r, end},
		"subscription after record": {w, r, rec, sub, end},
		"two subscriptions":         {w, r, sub, sub, end},
		"something after the end":   {w, r, check, end, rec},
	} {
		b := raw(t, func(fw *frameWriter) {
			for _, f := range spoiled {
				must(t, writeFrame(fw, f, &h))
			}
		})
		if got, err := readAnswer(bytes.NewReader(b), h); !errors.Is(err, atoll.Damaged) || len(got) >= len(spoiled) {
			t.Errorf("%s: %d frames and %v, want damaged", name, len(got), err)
		}
	}
	b := raw(t, func(fw *frameWriter) {
		for _, f := range frames[:7] {
			must(t, writeFrame(fw, f, &h))
		}
	})
	if got, err := readAnswer(bytes.NewReader(b), h); !errors.Is(err, atoll.Interrupted) || len(got) != 7 {
		t.Errorf("no end: %d frames and %v, want interrupted", len(got), err)
	}
}
