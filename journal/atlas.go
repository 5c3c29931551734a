package journal

import (
	"errors"
	"iter"
	"sync"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// The shelf place of the topology's generation: a random text that changes with
// every change of the topology, so that a cached one is known to be current also
// when another process made the change.
const (
	shelfTopology   = "topology"
	shelfGeneration = "generation"
)

// atlas caches the topology.
type atlas struct {
	mu         sync.Mutex
	generation string
	topology   *topology.Topology
}

// Topology returns the topology as the snapshot or transaction has it.
func (d *Door) Topology(r storage.Reader) (*topology.Topology, error) {
	generation := ""
	switch b, err := r.Get(shelfTopology, shelfGeneration); {
	case err == nil:
		generation = string(b)
	case !errors.Is(err, atoll.NotFound):
		return nil, err
	}
	d.atlas.mu.Lock()
	defer d.atlas.mu.Unlock()
	if d.atlas.topology != nil && d.atlas.generation == generation {
		return d.atlas.topology, nil
	}
	t, err := topology.Build(shaping(r))
	if err != nil {
		return nil, err
	}
	d.atlas.generation, d.atlas.topology = generation, t
	return t, nil
}

// shaping reads the records a topology is built from.
func shaping(r storage.Reader) iter.Seq2[atoll.Record, error] {
	return func(yield func(atoll.Record, error) bool) {
		for _, kind := range topology.Types {
			const page = 5000
			q := storage.Query{Type: kind, Limit: page, All: true}
			for {
				records, err := r.Records(q)
				if err != nil {
					yield(atoll.Record{}, err)
					return
				}
				for _, rec := range records {
					if !yield(rec, nil) {
						return
					}
				}
				if len(records) < page {
					break
				}
				q.After = records[len(records)-1].ID
			}
		}
	}
}

// redraw marks the topology as changed.
func (d *Door) redraw(tx storage.Tx) error {
	return tx.Set(shelfTopology, shelfGeneration, []byte(atoll.NewTimeline()))
}
