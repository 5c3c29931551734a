package bench

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"
)

// line stands between a site and its centre, passes bytes on, and counts them. It
// can be a slow one: then it keeps a clock of its own, which it sets forward by
// what the line would have taken, and cuts connections by that clock.
type line struct {
	ln net.Listener
	to string

	mu       sync.Mutex
	up, down int64 // bytes
	trips    int   // times the direction turned from up to down
	opened   int   // connections
	cuts     int
	conns    map[net.Conn]bool

	// Of a slow line; nothing if rate is 0.
	rate    float64       // bytes a second, each way
	delay   time.Duration // there and back
	every   time.Duration // the time between two cuts, by the line's clock; 0 never cuts
	virtual time.Duration // what the line would have taken so far
	next    time.Duration // when it is cut next
}

// newLine begins to pass on what comes to its address.
func newLine(to string) (*line, error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &line{ln: ln, to: strings.TrimPrefix(to, "http://"), conns: map[net.Conn]bool{}}
	go l.accept()
	return l, nil
}

func (l *line) url() string { return "http://" + l.ln.Addr().String() }

func (l *line) close() error {
	err := l.ln.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		err = errors.Join(err, c.Close())
	}
	return err
}

// now is the time as both ends see it: that of the machine, and what the line
// would have taken besides.
func (l *line) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Add(l.virtual)
}

// counted is what went over the line so far.
type counted struct {
	up, down            int64
	trips, opened, cuts int
	virtual             time.Duration
}

func (l *line) count() counted {
	l.mu.Lock()
	defer l.mu.Unlock()
	return counted{l.up, l.down, l.trips, l.opened, l.cuts, l.virtual}
}

func (l *line) accept() {
	for {
		near, err := l.ln.Accept()
		if err != nil {
			return
		}
		far, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", l.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		l.mu.Lock()
		l.opened++
		// A connection is opened in one trip, and encrypted in another.
		l.virtual += 2 * l.delay
		l.conns[near] = true
		l.mu.Unlock()
		p := &pipe{line: l, near: near, far: far}
		go p.pass(near, far, true)
		go p.pass(far, near, false)
	}
}

// pipe is one connection.
type pipe struct {
	line      *line
	near, far net.Conn
	sent      bool // the last bytes went up; guarded by line.mu
}

func (p *pipe) pass(from, to net.Conn, up bool) {
	defer p.end()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if p.took(n, up) {
				return // cut: what was under way is lost
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *pipe) end() {
	_ = p.near.Close()
	_ = p.far.Close()
	p.line.mu.Lock()
	delete(p.line.conns, p.near)
	p.line.mu.Unlock()
}

// took counts bytes, and says whether the line is cut now.
func (p *pipe) took(n int, up bool) (cut bool) {
	l := p.line
	l.mu.Lock()
	defer l.mu.Unlock()
	if up {
		l.up += int64(n)
	} else {
		l.down += int64(n)
		if p.sent {
			l.trips++
			l.virtual += l.delay
		}
	}
	p.sent = up
	if l.rate == 0 {
		return false
	}
	l.virtual += time.Duration(float64(n) / l.rate * float64(time.Second))
	if l.every == 0 || l.virtual < l.next {
		return false
	}
	l.next = l.virtual + l.every
	l.cuts++
	return true
}

// slow makes the line slow from here on.
func (l *line) slow(rate float64, delay, every time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate, l.delay, l.every, l.next = rate, delay, every, l.virtual+every
}
