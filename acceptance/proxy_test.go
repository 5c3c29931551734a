package acceptance_test

import (
	"math/rand/v2"
	"net"
	"sync"
)

// proxy stands between sites and centre, and cuts connections after a number of
// bytes, in either direction.
type proxy struct {
	ln net.Listener

	mu     sync.Mutex
	target string
	random *rand.Rand
	least  int // bytes before a cut, at random between these; 0 never cuts
	most   int
	cuts   int
	onCut  func() // called before the connection is closed
}

func newProxy(seed uint64) (*proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{ln: ln, random: rand.New(rand.NewPCG(seed, seed))}
	go p.accept()
	return p, nil
}

func (p *proxy) url() string { return "http://" + p.ln.Addr().String() }

// set changes what the proxy does with connections from now on.
func (p *proxy) set(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
}

func (p *proxy) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

func (p *proxy) accept() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target, left := p.target, 0
		if p.most > 0 {
			left = p.least + p.random.IntN(p.most-p.least)
		}
		p.mu.Unlock()
		go p.carry(c, target, left)
	}
}

// carry copies both ways until either end closes, or left bytes went through.
func (p *proxy) carry(c net.Conn, target string, left int) {
	defer c.Close()
	s, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer s.Close()
	var mu sync.Mutex
	cutting := left > 0
	var once sync.Once
	over := func() {
		once.Do(func() {
			p.mu.Lock()
			p.cuts++
			on := p.onCut
			p.mu.Unlock()
			if on != nil {
				on()
			}
			for _, x := range []net.Conn{c, s} {
				if tcp, ok := x.(*net.TCPConn); ok {
					_ = tcp.SetLinger(0)
				}
				x.Close()
			}
		})
	}
	copying := func(to, from net.Conn) {
		buf := make([]byte, 1024)
		for {
			n, err := from.Read(buf)
			if cutting {
				mu.Lock()
				n = min(n, left)
				left -= n
				last := left == 0
				mu.Unlock()
				_, _ = to.Write(buf[:n])
				if last {
					over()
					return
				}
			} else if _, werr := to.Write(buf[:n]); werr != nil {
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
	var wg sync.WaitGroup
	wg.Go(func() { copying(s, c) })
	wg.Go(func() { copying(c, s) })
	wg.Wait()
}
