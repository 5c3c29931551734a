package memory

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Staged implements [storage.StageReader].
func (r *reader) Staged(lane string, of atoll.Type, after storage.StagedPlace, limit int) ([]storage.StagedItem, error) {
	err := r.call()
	if err != nil {
		return nil, err
	}
	var out []storage.StagedItem
	most := bound(limit)
	from := storage.StagedItem{Key: atoll.Key{Type: of, ID: after.ID}, Position: after.Position}
	r.lane(lane, from, func(s *staged) bool {
		it := s.StagedItem
		if it.Key.Type != of {
			return false
		}
		if it.Position == after.Position && it.Key.ID == after.ID {
			return true
		}
		it.Payload = clone(it.Payload)
		out = append(out, it)
		err = r.tired(len(out))
		return err == nil && len(out) < most
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// StagedTypes implements [storage.StageReader].
func (r *reader) StagedTypes(lane string) ([]atoll.Type, error) {
	if err := r.call(); err != nil {
		return nil, err
	}
	var out []atoll.Type
	r.lane(lane, storage.StagedItem{}, func(s *staged) bool {
		if len(out) == 0 || out[len(out)-1] != s.Key.Type {
			out = append(out, s.Key.Type)
		}
		return true
	})
	return out, nil
}

func (r *reader) lane(lane string, from storage.StagedItem, fn func(*staged) bool) {
	r.ask.staged = staged{lane, from}
	r.state.lanes.tree.Ascend(&r.ask.staged, func(s *staged) bool { return s.lane == lane && fn(s) })
}

// CountStaged implements [storage.StageReader].
func (r *reader) CountStaged() (map[string]int, error) {
	if err := r.call(); err != nil {
		return nil, err
	}
	out := map[string]int{}
	r.state.staged.tree.Scan(func(s *staged) bool { out[s.lane]++; return true })
	return out, nil
}

// Stage implements [storage.StageWriter].
func (t *tx) Stage(lane string, it storage.StagedItem) error {
	if err := t.call(); err != nil {
		return err
	}
	it.Payload = clone(it.Payload)
	now := &staged{lane, it}
	lanes := write(t, &t.state.lanes)
	if had, replaced := write(t, &t.state.staged).Set(now); replaced {
		lanes.Delete(had)
	}
	lanes.Set(now)
	return nil
}

// Unstage implements [storage.StageWriter].
func (t *tx) Unstage(lane string, key atoll.Key) error {
	if err := t.call(); err != nil {
		return err
	}
	var gone []*staged
	if key == (atoll.Key{}) {
		t.lane(lane, storage.StagedItem{}, func(s *staged) bool { gone = append(gone, s); return true })
	} else {
		t.ask.staged = staged{lane: lane, StagedItem: storage.StagedItem{Key: key}}
		if s, ok := t.state.staged.tree.Get(&t.ask.staged); ok {
			gone = append(gone, s)
		}
	}
	for _, s := range gone {
		write(t, &t.state.staged).Delete(s)
		write(t, &t.state.lanes).Delete(s)
	}
	return nil
}

// Outdate implements [storage.StageWriter].
func (t *tx) Outdate(lane string, by storage.StagedItem) error {
	if err := t.call(); err != nil {
		return err
	}
	t.ask.staged = staged{lane: lane, StagedItem: storage.StagedItem{Key: by.Key}}
	if had, there := t.state.staged.tree.Get(&t.ask.staged); there && by.Outdates(had.StagedItem) {
		write(t, &t.state.staged).Delete(had)
		write(t, &t.state.lanes).Delete(had)
	}
	return nil
}

// Restage implements [storage.StageWriter].
func (t *tx) Restage(from, to string) error {
	if err := t.call(); err != nil {
		return err
	}
	if from == to {
		return nil
	}
	var moving []*staged
	t.lane(from, storage.StagedItem{}, func(s *staged) bool { moving = append(moving, s); return true })
	items, lanes := write(t, &t.state.staged), write(t, &t.state.lanes)
	for _, s := range moving {
		items.Delete(s)
		lanes.Delete(s)
		now := &staged{to, s.StagedItem}
		if had, there := items.Get(now); there {
			if !now.Outdates(had.StagedItem) {
				continue
			}
			lanes.Delete(had)
		}
		items.Set(now)
		lanes.Set(now)
	}
	return nil
}
