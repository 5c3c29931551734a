package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// pipeListener is a network in memory: inside a synctest bubble its deadlines
// take no time.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *pipeListener) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// serving runs fn against a server in memory.
func serving(t *testing.T, o Options, fn func(l *pipeListener)) {
	l := newPipeListener()
	server := &http.Server{Handler: Handler(o)}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(l) })
	fn(l)
	must(t, server.Shutdown(t.Context())) // waits for the handlers
	wg.Wait()
	synctest.Wait()
}

func rawRequest(path string, body []byte, length int) []byte {
	return append(fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer tok\r\nContent-Length: %d\r\n\r\n", path, length), body...)
}

// TestR_H_24_PatientServer: a site that sends a byte every four minutes is heard
// out; one that sends none for five is given up.
func TestR_H_24_PatientServer(t *testing.T) {
	s := newSampler(61)
	h := s.hello()
	h.Site = testSite
	entries := []exchange.Entry{s.entry(1, 1), s.entry(2, 2)}
	body := requestBytes(t, h, entries)
	for _, tt := range []struct {
		name  string
		pause time.Duration
		heard bool
	}{{"slow", 4 * time.Minute, true}, {"silent", 6 * time.Minute, false}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				centre := &fakeCentre{answer: s.idle}
				serving(t, Options{Centre: centre, Gate: &fakeGate{site: testSite, token: "tok"}}, func(l *pipeListener) {
					conn, err := l.dial(t.Context(), "", "")
					must(t, err)
					defer conn.Close()
					_, err = conn.Write(rawRequest(Prefix+"exchange", body[:len(body)-20], len(body)))
					must(t, err)
					for i := len(body) - 20; i < len(body); i++ {
						time.Sleep(tt.pause) // no time passes outside the bubble
						if _, err := conn.Write(body[i : i+1]); err != nil {
							break
						}
					}
					answer, _ := io.ReadAll(&patientConn{conn})
					if heard := bytes.HasPrefix(answer, []byte("HTTP/1.1 200")); heard != tt.heard {
						t.Errorf("answered %.80q", answer)
					}
				})
				_, got, failed := centre.seen()
				if tt.heard && (len(got) != 2 || failed != nil) || !tt.heard && len(got) > 0 {
					t.Errorf("%d entries and then %v", len(got), failed)
				}
			})
		})
	}
}

// patientConn reads until nothing comes for a second.
type patientConn struct{ net.Conn }

func (p *patientConn) Read(b []byte) (int, error) {
	_ = p.SetReadDeadline(time.Now().Add(time.Second))
	n, err := p.Conn.Read(b)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// TestR_H_24_LongAnswer: an answer may take an hour to make and to read; only a
// site that does not read for five minutes is given up.
func TestR_H_24_LongAnswer(t *testing.T) {
	s := newSampler(62)
	h := s.hello()
	h.Site = testSite
	idle := s.idle(h)
	frames := []exchange.Frame{idle[0], exchange.Receipt{Acknowledged: h.Head, Offered: 1}}
	for range 4 * flushFrames {
		frames = append(frames, s.record(s.IntN(99)))
	}
	frames = append(frames, idle[3])
	for _, tt := range []struct {
		name  string
		pause time.Duration // at the centre, between two frames
		slow  time.Duration // at the site, between two reads
		ok    bool
	}{
		{"slow centre", 20 * time.Second, 0, true},
		{"slow site", 0, 4 * time.Minute, true},
		{"silent centre", 6 * time.Minute, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				centre := slowCentre{frames, tt.pause}
				serving(t, Options{Centre: centre, Gate: &fakeGate{site: testSite, token: "tok"}}, func(l *pipeListener) {
					c, err := NewClient(ClientOptions{
						URL: "http://127.0.0.1", Site: testSite, Tokens: &memoryTokens{token: "tok", expires: time.Now().Add(time.Hour)},
						Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
							conn, err := l.dial(ctx, network, address)
							return slowConn{conn, tt.slow}, err
						},
					})
					must(t, err)
					got, err := collect(c.Exchange(t.Context(), h, all([]exchange.Entry{s.entry(1, 1)})))
					c.Close()
					time.Sleep(tt.slow + time.Second) // until the last read is over
					if tt.ok && (err != nil || len(got) != len(frames)) {
						t.Errorf("%d of %d frames, %v", len(got), len(frames), err)
					}
					if !tt.ok && !errors.Is(err, atoll.Interrupted) {
						t.Errorf("%d frames, %v; want interrupted", len(got), err)
					}
				})
			})
		})
	}
}

type slowCentre struct {
	frames []exchange.Frame
	pause  time.Duration
}

func (c slowCentre) Exchange(_ context.Context, _ exchange.Hello, entries iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	return func(yield func(exchange.Frame, error) bool) {
		for range entries { //nolint:revive // they must be read
		}
		for _, f := range c.frames {
			time.Sleep(c.pause)
			if !yield(f, nil) {
				return
			}
		}
	}
}

type slowConn struct {
	net.Conn
	pause time.Duration
}

func (c slowConn) Read(b []byte) (int, error) {
	time.Sleep(c.pause)
	return c.Conn.Read(b[:min(len(b), 2000)])
}

// TestR_H_24_SilentServer: the client gives up a server that took the request and
// says nothing, and one that does not even take it.
func TestR_H_24_SilentServer(t *testing.T) {
	for _, takes := range []bool{true, false} {
		t.Run(fmt.Sprint("takes=", takes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer there.Close()
				var wg sync.WaitGroup
				if takes {
					wg.Go(func() { _, _ = io.Copy(io.Discard, there) })
				}
				c, err := NewClient(ClientOptions{
					URL: "http://127.0.0.1", Site: testSite, Tokens: &memoryTokens{token: "tok", expires: time.Now().Add(time.Hour)},
					Dial: func(context.Context, string, string) (net.Conn, error) { return here, nil },
				})
				must(t, err)
				defer c.Close()
				h, entries, _ := conversation(63)
				start := time.Now()
				_, err = collect(c.Exchange(t.Context(), h, all(entries)))
				if took := time.Since(start); !errors.Is(err, atoll.Interrupted) || took != 5*time.Minute {
					t.Errorf("%v after %v, want interrupted after 5m", err, took)
				}
				there.Close()
				wg.Wait()
			})
		})
	}
}

// TestDeadlinesEnd: a connection that served an exchange is as good as new for
// whatever comes next on it, an hour later.
func TestDeadlinesEnd(t *testing.T) {
	s := newSampler(64)
	h := s.hello()
	h.Site = testSite
	body := requestBytes(t, h, nil)
	synctest.Test(t, func(t *testing.T) {
		serving(t, Options{Centre: &fakeCentre{answer: s.idle}, Gate: &fakeGate{site: testSite, token: "tok"}}, func(l *pipeListener) {
			conn, err := l.dial(t.Context(), "", "")
			must(t, err)
			defer conn.Close()
			for range 3 {
				_, err = conn.Write(rawRequest(Prefix+"exchange", body, len(body)))
				must(t, err)
				if answer, _ := io.ReadAll(&patientConn{conn}); !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
					t.Fatalf("answered %.80q", answer)
				}
				time.Sleep(time.Hour)
			}
		})
	})
}
