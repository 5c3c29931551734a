package process

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

// Runs that come together are made together, and none returns before a run that
// began after it came.
func TestCallersShareTheNextRun(t *testing.T) {
	var begun atomic.Int64
	first, hold := make(chan struct{}), make(chan struct{})
	p := &Processors{Before: func(context.Context) error {
		if begun.Add(1) == 1 {
			close(first)
			<-hold
		}
		return context.Canceled // ends the run here: what it does is not the question
	}}
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = p.Run(t.Context()) })
	<-first
	const others = 20
	var came sync.WaitGroup
	for range others {
		came.Add(1)
		wg.Go(func() {
			before := begun.Load()
			came.Done()
			if _, err := p.Run(t.Context()); err != context.Canceled {
				t.Errorf("got %v; want the error of the run", err)
			}
			if begun.Load() == before {
				t.Error("it returned without a run that began after it came")
			}
		})
	}
	came.Wait()
	close(hold)
	wg.Wait()
	if n := begun.Load(); n > 1+others || n < 2 {
		t.Errorf("%d runs for %d callers", n, others+1)
	}
	if p.busy || p.next != nil {
		t.Error("a turn is left over")
	}
	if _, err := p.Run(t.Context()); err != context.Canceled {
		t.Errorf("afterwards: %v", err)
	}
}
