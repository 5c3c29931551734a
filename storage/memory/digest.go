package memory

import (
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

// Digest implements [storage.DigestReader].
func (r *reader) Digest(a atoll.Audience) (digest.Sum, error) {
	if err := r.call(); err != nil {
		return digest.Sum{}, err
	}
	k, _ := r.state.digests.tree.Get(kept{Audience: a})
	return k.Sum, nil
}

// Digests implements [storage.DigestReader].
func (r *reader) Digests(after atoll.Audience, limit int) ([]storage.AudienceDigest, error) {
	if err := r.call(); err != nil {
		return nil, err
	}
	var out []storage.AudienceDigest
	most := bound(limit)
	r.state.digests.tree.Ascend(kept{Audience: after}, func(k kept) bool {
		if k.Audience > after {
			out = append(out, k)
		}
		return len(out) < most
	})
	return out, nil
}

// Sealed implements [storage.DigestReader].
func (r *reader) Sealed(after atoll.Position, limit int) ([]storage.Sealed, error) {
	changed, err := r.Changed(after, limit)
	var out []storage.Sealed
	for _, rec := range changed {
		found, _ := r.row(rec.Key)
		out = append(out, storage.Sealed{Record: rec, Seal: found.seal})
	}
	return out, err
}

// Seal implements [storage.DigestReader].
func (r *reader) Seal(key atoll.Key) (digest.Row, error) {
	if err := r.call(); err != nil {
		return digest.Row{}, err
	}
	found, ok := r.row(key)
	if !ok {
		return digest.Row{}, atoll.Errorf(atoll.NotFound, "there is no such record here").About(key)
	}
	return found.seal, nil
}

// Amend implements [storage.DigestWriter].
func (t *tx) Amend(a atoll.Audience, by digest.Sum) error {
	if err := t.call(); err != nil {
		return err
	}
	t.amend(a, func(s *digest.Sum) { s.Join(by) })
	return nil
}

// Recount implements [storage.DigestWriter]. Nothing gets past Put here.
func (t *tx) Recount() error { return t.call() }

// Place implements [storage.DigestWriter].
func (t *tx) Place(key atoll.Key, audiences []atoll.Audience) error {
	for _, a := range audiences {
		if a == "" || strings.Contains(string(a), "\n") {
			return atoll.Errorf(atoll.Invalid, "audience %q cannot be stored", a)
		}
	}
	if err := t.call(); err != nil {
		return err
	}
	had, ok := t.row(key)
	if !ok {
		return nil
	}
	now := *had
	now.record.Audiences = slices.Clone(audiences)
	if len(audiences) == 0 {
		now.record.Audiences = nil
	}
	write(t, &t.state.records).Set(&now)
	t.replace(had, &now)
	return nil
}

// count puts a row's seal into the digests of its audiences, or takes it out.
func (t *tx) count(r *row, how func(*digest.Sum, digest.Row)) {
	if r.record.Hidden {
		return
	}
	for _, a := range digest.Counted(r.record.Audiences) {
		t.amend(a, func(s *digest.Sum) { how(s, r.seal) })
	}
}

func (t *tx) amend(a atoll.Audience, how func(*digest.Sum)) {
	digests := write(t, &t.state.digests)
	k, _ := digests.Get(kept{Audience: a})
	k.Audience = a
	if how(&k.Sum); k.Sum == (digest.Sum{}) {
		digests.Delete(k)
		return
	}
	digests.Set(k)
}
