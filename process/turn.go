package process

import (
	"context"
	"sync"

	"github.com/atollsync/atoll"
)

// turns lets callers who come while a run is under way share the next one: it sees
// the changes of all of them, and costs as much as that of one.
type turns struct {
	mu   sync.Mutex
	busy bool
	next *turn // who waits for the run under way to end
}

// turn is one run that several callers wait for.
type turn struct {
	begin, over chan struct{}
	made        int
	err         error
}

// Run works through the changes since its cursor until none is left, and returns
// how many transactions it made. Stopped anywhere, it goes on from where it was:
// the cursor moves in the transaction that does the work. It may be called from
// several goroutines. Whoever comes while another runs waits for a run that begins
// after he came, together with all who wait: every change committed before the
// call has been worked on when it returns.
func (p *Processors) Run(ctx context.Context) (int, error) {
	p.mu.Lock()
	if !p.busy {
		p.busy = true
		p.mu.Unlock()
		defer p.pass()
		return p.run(ctx)
	}
	t, first := p.next, p.next == nil
	if first {
		t = &turn{begin: make(chan struct{}), over: make(chan struct{})}
		p.next = t
	}
	p.mu.Unlock()
	if !first {
		<-t.over
		return t.made, t.err
	}
	<-t.begin
	defer p.pass()
	defer close(t.over)
	// The others' work must not end with the first one's request.
	t.err = atoll.Errorf(atoll.Interrupted, "the processors broke off") // should it panic
	t.made, t.err = p.run(context.WithoutCancel(ctx))
	return t.made, t.err
}

// pass lets those who wait have their turn.
func (p *Processors) pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.busy = false
		return
	}
	close(p.next.begin)
	p.next = nil
}
