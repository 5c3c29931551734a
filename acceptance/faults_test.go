package acceptance_test

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// A bad line stands between sites and centre. What it does to a connection is drawn
// from the seed and the connection's number, so that a seed gives the same faults in
// the same order.

// fault is what happens to one connection.
type fault struct {
	kind string
	down bool          // in the direction from the centre to the site
	at   int64         // after so many bytes
	wait time.Duration // for so long
	junk []byte        // what is written over what stands there
}

// The kinds of fault.
const (
	clean    = "clean"     // none
	cut      = "cut"       // the connection ends at a byte
	slow     = "delayed"   // it stops for a while at a byte
	twice    = "twice"     // the whole request is delivered a second time, before its answer
	garbage  = "garbage"   // bytes become others
	halfOpen = "half open" // the other end is gone, and nobody says so
)

// badLine is the proxy.
type badLine struct {
	ln   net.Listener
	seed uint64

	mu     sync.Mutex
	target string
	good   bool // no faults
	drawn  uint64
	counts map[string]int
}

func newBadLine(seed uint64) (*badLine, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &badLine{ln: ln, seed: seed, good: true, counts: map[string]int{}}
	go l.accept()
	return l, nil
}

func (l *badLine) url() string { return "http://" + l.ln.Addr().String() }

// set changes what the line does from now on.
func (l *badLine) set(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
}

// next draws what happens to the next connection.
func (l *badLine) next() (fault, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.good {
		return fault{kind: clean}, l.target
	}
	l.drawn++
	f := drawFault(l.seed, l.drawn)
	l.counts[f.kind]++
	return f, l.target
}

func drawFault(seed, n uint64) fault {
	r := rand.New(rand.NewPCG(seed, n))
	f := fault{kind: clean, down: r.IntN(2) == 0, at: int64(math.Exp(r.Float64() * math.Log(30_000)))}
	switch k := r.IntN(100); {
	case k < 20:
		f.kind = cut
	case k < 30:
		f.kind, f.wait = slow, time.Duration(20+r.IntN(400))*time.Millisecond
	case k < 42:
		f.kind = twice
	case k < 52:
		f.kind, f.junk = garbage, make([]byte, 1+r.IntN(16))
		for i := range f.junk {
			f.junk[i] = byte(r.IntN(256))
		}
	case k < 57:
		f.kind, f.wait = halfOpen, time.Duration(100+r.IntN(900))*time.Millisecond
	}
	return f
}

func (l *badLine) accept() {
	for {
		c, err := l.ln.Accept()
		if err != nil {
			return
		}
		f, target := l.next()
		go l.carry(c, target, f)
	}
}

func (l *badLine) carry(c net.Conn, target string, f fault) {
	defer c.Close()
	if f.kind == halfOpen {
		end := time.AfterFunc(f.wait, func() { reset(c) })
		defer end.Stop()
		_, _ = io.Copy(io.Discard, c)
		return
	}
	s, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer s.Close()
	if f.kind == twice {
		again(c, s, target)
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { pump(s, c, f, !f.down) })
	wg.Go(func() { pump(c, s, f, f.down) })
	wg.Wait()
}

// pump copies one way; mine says that the fault happens in this direction.
func pump(to, from net.Conn, f fault, mine bool) {
	buf := make([]byte, 4096)
	for done := int64(0); ; {
		n, err := from.Read(buf)
		b := buf[:n]
		if mine && f.kind != clean && done+int64(n) > f.at {
			keep := max(0, f.at-done)
			switch f.kind {
			case cut:
				_, _ = to.Write(b[:keep])
				reset(to)
				reset(from)
				return
			case slow:
				_, _ = to.Write(b[:keep])
				b, mine = b[keep:], false
				pause(f.wait)
			case garbage:
				copy(b[keep:], f.junk)
				mine = false
			}
		}
		done += int64(n)
		if _, werr := to.Write(b); werr != nil {
			reset(from)
			return
		}
		if err != nil {
			if tcp, ok := to.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			return
		}
	}
}

// pause waits. The line is slow on purpose; no test waits for something this way.
func pause(d time.Duration) { <-time.After(d) }

// reset ends a connection without a word of farewell.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// again delivers every request of a connection twice: the answer to the first
// delivery is lost.
func again(c, s net.Conn, target string) {
	in, back := bufio.NewReader(c), bufio.NewReader(s)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if req.Header.Get("Expect") != "" {
			req.Header.Del("Expect")
			if _, err := io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
				return
			}
		}
		body, err := io.ReadAll(io.LimitReader(req.Body, 64<<20))
		if err != nil {
			return
		}
		var raw bytes.Buffer
		req.Body, req.ContentLength, req.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		if err := req.Write(&raw); err != nil {
			return
		}
		if first, err := net.Dial("tcp", target); err == nil {
			_, _ = first.Write(raw.Bytes())
			if answer, err := http.ReadResponse(bufio.NewReader(first), req); err == nil {
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
			}
			_ = first.Close()
		}
		if _, err := s.Write(raw.Bytes()); err != nil {
			return
		}
		answer, err := http.ReadResponse(back, req)
		if err != nil {
			return
		}
		err = answer.Write(c)
		_ = answer.Body.Close()
		if err != nil || answer.Close {
			return
		}
	}
}
