package hunt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/memory"
	"github.com/atollsync/atoll/storage/sqlite"
)

// Engines are the storage engines on which a story can be played, the usual one
// first. Disks fail in memory only: that is where one can be told to.
func Engines() []string { return []string{"memory", "sqlite"} }

// disks are the disks of all nodes, by name: what is on them outlives the programs.
type disks interface {
	open(ctx context.Context, name string, now func() time.Time) (storage.Store, error)
	close()
}

func openDisks(engine string) (disks, error) {
	switch engine {
	case "memory":
		return memoryDisks{}, nil
	case "sqlite":
		dir, err := os.MkdirTemp("", "atoll-hunt-")
		return sqliteDisks{dir}, err
	}
	return nil, atoll.Errorf(atoll.Invalid, "there is no engine %q", engine).Do("use memory or sqlite")
}

type memoryDisks map[string]*memory.Disk

func (d memoryDisks) open(_ context.Context, name string, now func() time.Time) (storage.Store, error) {
	if d[name] == nil {
		d[name] = memory.NewDisk()
	}
	return memory.Open(d[name], memory.Options{Now: now}), nil
}

func (memoryDisks) close() {}

type sqliteDisks struct{ dir string }

func (d sqliteDisks) open(ctx context.Context, name string, now func() time.Time) (storage.Store, error) {
	return sqlite.Open(ctx, filepath.Join(d.dir, name+".db"), sqlite.Options{NoSync: true, Now: now})
}

func (d sqliteDisks) close() { _ = os.RemoveAll(d.dir) }

// diskFaults strike while a node works.
var diskFaults = []Fault{
	{Name: "crash", Words: "a machine loses its power at any storage call; what was not committed is gone", Usual: 4},
	{Name: "torn-commit", Words: "a machine loses its power between a commit and its answer", Usual: 2},
	{Name: "disk-full", Words: "commits find the disk full", Usual: 2},
	{Name: "slow-disk", Words: "commits take seconds, sometimes minutes", Usual: 3},
}

// armed is what was armed in this step.
type armed struct {
	node    *Node
	store   *memory.Store
	faults  memory.Faults
	commits int // before
}

// arm has the disks of nodes fail in this step, as the dials say: each fault takes a
// node of its own choice.
func (w *World) arm() {
	w.armed = w.armed[:0]
	for _, f := range diskFaults {
		if !w.Strikes(f.Name) {
			continue
		}
		d := w.FaultDice(f.Name)
		n, ok := Pick(d, w.Nodes())
		if !ok || !w.Alive(n) {
			continue
		}
		store, ok := n.Store.(*memory.Store)
		if !ok {
			continue
		}
		a := armed{node: n, store: store, commits: store.Commits()}
		for i := range w.armed {
			if w.armed[i].node == n {
				a.faults = w.armed[i].faults
			}
		}
		switch f.Name {
		case "crash":
			a.faults.Crash = 1 + d.IntN(1<<d.Between(2, 11))
		case "torn-commit":
			a.faults.Torn = d.Between(1, 8)
		case "disk-full":
			a.faults.Full = d.Between(1, 6)
		case "slow-disk":
			took := time.Duration(1+d.IntN(1<<d.Between(1, 9))) * time.Second
			a.faults.Slow = func() { n.Clock.Wind(took) }
		}
		store.Arm(a.faults)
		w.armed = append(w.armed, a)
	}
}

// notice finds out which of the armed faults have struck.
func (w *World) notice() {
	for i := range w.armed {
		a := &w.armed[i]
		worked := a.store.Commits() - a.commits
		if worked > 0 && a.faults.Full > 0 {
			w.Struck("disk-full", "the disk of %s is full", a.node.Name)
			a.faults.Full = 0
		}
		if worked > 0 && a.faults.Slow != nil {
			w.Struck("slow-disk", "the disk of %s is slow", a.node.Name)
			a.faults.Slow = nil
		}
		if !a.store.Crashed() || w.dead[a.node.Name] {
			continue
		}
		name, words := "crash", "%s crashes at a storage call"
		if a.faults.Torn > 0 && worked >= a.faults.Torn {
			name, words = "torn-commit", "%s crashes after a commit, before it is told so"
		}
		w.dead[a.node.Name] = true
		w.Struck(name, words, a.node.Name)
		if d := w.FaultDice(name); d.Chance(30) {
			w.down[a.node.Name] = w.at + d.Between(10, 3*1440)
		}
	}
}

// disarm ends the step's faults of disks.
func (w *World) disarm() {
	w.notice()
	for _, a := range w.armed {
		a.store.Arm(memory.Faults{})
	}
	w.armed = w.armed[:0]
}

// powerless reports whether a failure is that of a machine without power.
func powerless(err error) bool { return errors.Is(err, memory.ErrCrashed) }

// Alive reports whether the node's program runs.
func (w *World) Alive(n *Node) bool {
	if n == nil {
		return false
	}
	s, ok := n.Store.(*memory.Store)
	return !ok || !s.Crashed()
}

// revive starts the programs of dead nodes again whose time has come.
func (w *World) revive() {
	for _, n := range w.Nodes() {
		if w.Alive(n) || w.down[n.Name] > w.at {
			continue
		}
		delete(w.dead, n.Name)
		delete(w.down, n.Name)
		again, err := w.Open(w.Ctx, n.Name, n.Identity)
		if err != nil {
			w.Breach("sound", "%s does not start again after a crash: %v", n.Name, err)
			continue
		}
		if again.Site == nil {
			w.serve(again)
		}
		w.Say("%s starts again", n.Name)
	}
	if w.Alive(w.Centre) {
		for _, look := range w.unseen {
			look()
		}
		w.unseen = nil
	}
}
