package hunt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Task is what a worker does: play a story, or make one short that breaks a law.
type Task struct {
	Story  Story  `json:"story"`
	Shrink string `json:"shrink,omitempty"` // the law; "" only plays
	Most   int    `json:"most,omitempty"`   // stories to play while shrinking
}

// Reply is what became of a task.
type Reply struct {
	Result Result `json:"result"`
	Plays  int    `json:"plays"`
	Error  string `json:"error,omitempty"` // the story could not be played
}

// Serve does the tasks that come in, one JSON value a line, and answers each with a
// [Reply]: the inside of a worker process.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	debug.SetGCPercent(400) // a worker is young all its life
	bound()
	tasks, replies := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var t Task
		if err := tasks.Decode(&t); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := replies.Encode(t.do(ctx)); err != nil {
			return err
		}
	}
}

func (t Task) do(ctx context.Context) Reply {
	if t.Shrink != "" {
		r, plays := Shrink(ctx, t.Story, t.Shrink, t.Most)
		return Reply{Result: r, Plays: plays}
	}
	r, err := Play(ctx, t.Story)
	if err != nil {
		return Reply{Result: r, Plays: 1, Error: err.Error()}
	}
	if len(r.Breaches) == 0 {
		r.Lines, r.Story.Steps = nil, nil // nobody reads them
	}
	return Reply{Result: r, Plays: 1}
}

// Pool plays stories in worker processes, as one process plays one story at a time,
// and so that a crash or a hang is a finding and not the end.
type Pool struct {
	// Command starts a worker, whose standard input and output go to Serve.
	Command func(context.Context) *exec.Cmd
	Workers int
	// Limit is how long a story may take; shrinking may take as long for each hundred
	// that it plays.
	Limit time.Duration
}

// Run does tasks until there are no more or ctx ends. Next is asked for each task, and
// done told of each reply, one at a time.
func (p Pool) Run(ctx context.Context, next func() (Task, bool), done func(Reply)) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for range p.Workers {
		all.Go(func() {
			w := &worker{pool: p}
			defer w.end()
			for ctx.Err() == nil {
				mu.Lock()
				t, ok := next()
				mu.Unlock()
				if !ok {
					return
				}
				reply := w.do(ctx, t)
				if ctx.Err() != nil {
					return // it was stopped, and says nothing
				}
				mu.Lock()
				done(reply)
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

// worker is one process, started when it is needed.
type worker struct {
	pool   Pool
	stop   context.CancelFunc
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *json.Decoder
	errors *tail
}

func (w *worker) start(ctx context.Context) error {
	ctx, w.stop = context.WithCancel(ctx)
	w.cmd = w.pool.Command(ctx)
	w.errors = &tail{}
	w.cmd.Stderr = w.errors
	w.cmd.WaitDelay = time.Second
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	w.out = json.NewDecoder(out)
	return w.cmd.Start()
}

// end ends the process, if there is one.
func (w *worker) end() {
	if w.cmd == nil {
		return
	}
	_ = w.in.Close()
	w.stop()
	_ = w.cmd.Wait()
	w.cmd = nil
}

// do has the process do a task. A process that dies or hangs breaks the law "played".
func (w *worker) do(ctx context.Context, t Task) Reply {
	limit := w.pool.Limit * time.Duration(1+t.Most/100)
	fail := func(words string) Reply {
		w.end()
		return Reply{Plays: 1, Result: Result{Story: t.Story, Breaches: []Breach{{Law: "played", Words: words}}, Tally: NewTally()}}
	}
	if w.cmd == nil {
		if err := w.start(ctx); err != nil {
			w.cmd = nil
			return Reply{Result: Result{Story: t.Story}, Error: err.Error()}
		}
	}
	inTime := patience(limit, w.stop)
	var reply Reply
	err := json.NewEncoder(w.in).Encode(t)
	if err == nil {
		err = w.out.Decode(&reply)
	}
	switch {
	case !inTime():
		return fail(fmt.Sprintf("the story did not end within %s", limit))
	case err != nil:
		w.end() // then its last words are complete
		return fail(fmt.Sprintf("the process that played it died (%v): %s", err, w.errors.String()))
	}
	if len(reply.Result.Story.Steps) == 0 {
		reply.Result.Story = t.Story
	}
	return reply
}

// patience calls give up once this process has run for limit, unless the function that
// it returns is called before: that says whether it was. What passes while a machine
// sleeps, or the whole hunt is halted, is not the story's doing. It counts as one tick.
func patience(limit time.Duration, giveUp func()) (inTime func() bool) {
	const ticks = 100
	var over atomic.Bool
	done := make(chan struct{})
	go func() {
		t := time.NewTicker(limit / ticks)
		defer t.Stop()
		for range ticks {
			select {
			case <-t.C: // of those that nobody took, one is kept
			case <-done:
				return
			}
		}
		if over.CompareAndSwap(false, true) {
			giveUp()
		}
	}()
	return func() bool {
		close(done)
		return over.CompareAndSwap(false, true)
	}
}

// tail keeps the beginning of what a process says on its way out, which is where a
// panic tells its reason.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	const most = 4000
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(p[:min(len(p), max(0, most-t.b.Len()))])
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
