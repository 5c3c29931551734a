package demo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// line is the network between one site and the centre: a proxy on this machine
// that can refuse, break after so many bytes, and deliver what it carried a second
// time.
type line struct {
	listener net.Listener
	to       string // the centre's address
	group    sync.WaitGroup

	mu    sync.Mutex
	down  bool
	fuses []fuse // when it breaks: the first, then, on the next connection, the second …
	cuts  int
	tape  *[]*bytes.Buffer // what each connection carried up, while being taped
	conns map[net.Conn]bool
}

// fuse breaks a line after so many bytes one way.
type fuse struct{ way, left int }

// The ways.
const (
	up = iota
	down
)

// lay lays a line to the address.
func lay(ctx context.Context, to string) (*line, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &line{listener: ln, to: to, conns: map[net.Conn]bool{}}
	l.group.Go(l.accept)
	return l, nil
}

func (l *line) url() string { return "http://" + l.listener.Addr().String() }

func (l *line) accept() {
	for {
		c, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.group.Go(func() { l.carry(c) })
	}
}

// carry joins one connection of the site with one to the centre.
func (l *line) carry(from net.Conn) {
	l.mu.Lock()
	refuse := l.down
	l.mu.Unlock()
	if refuse {
		reset(from)
		return
	}
	to, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), "tcp", l.to)
	if err != nil {
		reset(from)
		return
	}
	l.mu.Lock()
	l.conns[from], l.conns[to] = true, true
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.conns, from)
		delete(l.conns, to)
		l.mu.Unlock()
	}()
	var both sync.WaitGroup
	both.Go(func() { l.pump(to, from, up) })
	both.Go(func() { l.pump(from, to, down) })
	both.Wait()
}

// pump carries bytes one way until either end stops or the line breaks.
func (l *line) pump(to, from net.Conn, way int) {
	var taped *bytes.Buffer
	var tape *[]*bytes.Buffer
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		l.mu.Lock()
		whole := true
		if len(l.fuses) > 0 && l.fuses[0].way == way && n > 0 {
			f := &l.fuses[0]
			if n, whole = min(n, f.left), n <= f.left; whole {
				f.left -= n
			} else {
				l.fuses = l.fuses[1:]
				l.cuts++
			}
		}
		if way == up && l.tape != nil && n > 0 {
			if tape != l.tape {
				tape, taped = l.tape, &bytes.Buffer{}
				*tape = append(*tape, taped)
			}
			taped.Write(buf[:n])
		}
		l.mu.Unlock()
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				err = werr
			}
		}
		if !whole {
			reset(from)
			reset(to)
			return
		}
		if err != nil {
			_ = from.Close()
			_ = to.Close()
			return
		}
	}
}

// reset breaks a connection off, so that the other end notices.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// set makes the line go down or come back.
func (l *line) set(isDown bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = isDown
	if isDown {
		for c := range l.conns {
			reset(c)
		}
	}
}

// breaks makes the line break as the fuses say; without any it is whole again.
func (l *line) breaks(fuses ...fuse) {
	l.mu.Lock()
	l.fuses = fuses
	l.mu.Unlock()
}

// broken returns how often the line broke.
func (l *line) broken() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cuts
}

// record begins a new tape of what goes up.
func (l *line) record() {
	l.mu.Lock()
	l.tape = &[]*bytes.Buffer{}
	l.mu.Unlock()
}

// replay ends the tape and delivers everything on it to the centre once more, to
// the byte. It returns how many whole requests that were; the centre's answers
// reach nobody.
func (l *line) replay(ctx context.Context) (int, error) {
	total := 0
	for _, t := range l.eject() {
		n, err := deliver(ctx, l.to, t)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// eject ends the tape and returns what each connection carried up.
func (l *line) eject() (tapes [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tape != nil {
		for _, t := range *l.tape {
			tapes = append(tapes, slices.Clone(t.Bytes()))
		}
	}
	l.tape = nil
	return tapes
}

// deliver sends recorded requests and reads the answers to those that are whole.
func deliver(ctx context.Context, to string, tape []byte) (int, error) {
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", to)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	late := context.AfterFunc(ctx, func() { reset(c) })
	var sending sync.WaitGroup
	defer func() {
		late()
		reset(c)
		sending.Wait()
	}()
	sending.Go(func() { _, _ = c.Write(tape) })
	requests := whole(tape)
	answers := bufio.NewReader(c)
	for i := 0; i < requests; {
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			return i, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return i, err
		}
		if resp.StatusCode >= 200 {
			i++
		}
	}
	return requests, nil
}

// whole counts the requests on a tape that are complete.
func whole(tape []byte) int {
	r := bufio.NewReader(bytes.NewReader(tape))
	for n := 0; ; n++ {
		req, err := http.ReadRequest(r)
		if err != nil {
			return n
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return n
		}
	}
}

// close takes the line out and waits until nothing moves on it. Closing twice
// does nothing.
func (l *line) close() {
	_ = l.listener.Close()
	l.set(true)
	l.group.Wait()
}
