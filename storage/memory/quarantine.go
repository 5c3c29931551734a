package memory

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

func (r *reader) refusal(id int64) (*storage.Refusal, bool) {
	r.ask.refusal.ID = id
	return r.state.refusals.tree.Get(&r.ask.refusal)
}

func refusalOut(f *storage.Refusal) storage.Refusal {
	out := *f
	out.Keys, out.Content = slices.Clone(f.Keys), clone(f.Content)
	return out
}

func noRefusal(id int64) error {
	return atoll.Errorf(atoll.NotFound, "quarantine has no refusal %d", id)
}

// Refusal implements [storage.QuarantineReader].
func (r *reader) Refusal(id int64) (storage.Refusal, error) {
	if err := r.call(); err != nil {
		return storage.Refusal{}, err
	}
	f, ok := r.refusal(id)
	if !ok {
		return storage.Refusal{}, noRefusal(id)
	}
	return refusalOut(f), nil
}

// Refusals implements [storage.QuarantineReader].
func (r *reader) Refusals(site atoll.SiteID, open bool, after int64, limit int) ([]storage.Refusal, error) {
	err := r.call()
	if err != nil || after+1 < after {
		return nil, err
	}
	var out []storage.Refusal
	most := bound(limit)
	add := func(f *storage.Refusal) bool {
		out = append(out, refusalOut(f))
		err = r.tired(len(out))
		return err == nil && len(out) < most
	}
	if site == 0 {
		r.ask.refusal.ID = after + 1
		r.state.refusals.tree.Ascend(&r.ask.refusal, func(f *storage.Refusal) bool {
			return open && f.State != storage.Open || add(f)
		})
	} else {
		of := r.state.bySite
		if open {
			of = r.state.open
		}
		of.tree.Ascend(refused{site: site, id: after + 1}, func(at refused) bool {
			if at.site != site {
				return false
			}
			f, ok := r.refusal(at.id)
			return !ok || add(f)
		})
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// OpenRefusals implements [storage.QuarantineReader].
func (r *reader) OpenRefusals(site atoll.SiteID, keys []atoll.Key) (map[atoll.Key]int64, error) {
	if err := r.call(); err != nil {
		return nil, err
	}
	out := map[atoll.Key]int64{}
	if r.state.open.tree.Len() == 0 {
		return out, nil
	}
	for _, key := range keys {
		r.state.byKey.tree.Ascend(refused{key: key}, func(at refused) bool {
			if at.key != key {
				return false
			}
			f, ok := r.refusal(at.id)
			if !ok || f.Site != site || f.State != storage.Open {
				return true
			}
			out[key] = at.id
			return false
		})
	}
	return out, nil
}

// CountRefusals implements [storage.QuarantineReader].
func (r *reader) CountRefusals() (map[atoll.SiteID]int, error) {
	if err := r.call(); err != nil {
		return nil, err
	}
	out := map[atoll.SiteID]int{}
	r.state.open.tree.Scan(func(at refused) bool { out[at.site]++; return true })
	return out, nil
}

// Refuse implements [storage.QuarantineWriter]. A refusal without a time gets one.
func (t *tx) Refuse(f storage.Refusal) (int64, error) {
	if err := t.call(); err != nil {
		return 0, err
	}
	f.ID, f.State = 1, storage.Open
	if last, ok := t.state.refusals.tree.Max(); ok {
		f.ID = last.ID + 1
	}
	if f.At.IsZero() {
		f.At = t.store.now()
	}
	f.At, f.Settled = moment(f.At), moment(f.Settled)
	f.Keys, f.Content = slices.Clone(f.Keys), clone(f.Content)
	if len(f.Keys) == 0 {
		f.Keys = nil
	}
	write(t, &t.state.refusals).Set(&f)
	write(t, &t.state.bySite).Set(refused{site: f.Site, id: f.ID})
	write(t, &t.state.open).Set(refused{site: f.Site, id: f.ID})
	for _, key := range f.Keys {
		write(t, &t.state.byKey).Set(refused{key: key, id: f.ID})
	}
	return f.ID, nil
}

// Settle implements [storage.QuarantineWriter]. It fails with atoll.NotFound when
// there is no such refusal, and with atoll.Invalid for a state that is none.
func (t *tx) Settle(f storage.Refusal) error {
	if err := t.call(); err != nil {
		return err
	}
	had, ok := t.refusal(f.ID)
	if !ok {
		return noRefusal(f.ID)
	}
	now := *had
	now.State, now.Settled, now.By, now.Note, now.Attempts = f.State, moment(f.Settled), f.By, f.Note, f.Attempts
	now.Code, now.Layer, now.Message, now.Reason = f.Code, f.Layer, f.Message, f.Reason
	now.Subject, now.Field, now.Behind = f.Subject, f.Field, f.Behind
	switch f.State {
	case storage.Open:
		write(t, &t.state.open).Set(refused{site: now.Site, id: now.ID})
	case storage.Applied, storage.Skipped, storage.Returned:
		write(t, &t.state.open).Delete(refused{site: now.Site, id: now.ID})
	default:
		return atoll.Errorf(atoll.Invalid, "a refusal cannot be %.40q", f.State)
	}
	write(t, &t.state.refusals).Set(&now)
	return nil
}
