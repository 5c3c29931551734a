package site

import (
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// A restored centre has lost what it made itself after the backup, while we may
// hold it. Such records are in doubt from the moment we hear that it was restored.
// What it sends of them while we read the feed again settles them; about the rest
// it is asked. It keeps what we tell of them, for a person to take back, and says
// how they are now.

// doubted is a record in doubt.
type doubted struct {
	atoll.Key
	// Own is our last entry about it, if the centre has lost that, too: it comes before
	// what is here. What the centre tells of the record until it has the entry again is
	// older than that.
	Own uint64 `json:"own,omitempty"`
}

// doubt notes every record that the centre made in an entry after since.
func (l *link) doubt(tx storage.Tx, since uint64) error {
	for after := atoll.Position(0); ; {
		page, err := tx.Changed(after, 1000)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, rec := range page {
			after = rec.Position
			if rec.Origin.Site != atoll.CentreID || rec.Origin.Seq <= since || rec.Hidden {
				continue
			}
			if err := l.doubtOne(tx, rec.Key); err != nil {
				return err
			}
		}
	}
}

func (l *link) doubtOne(tx storage.Tx, key atoll.Key) error {
	switch _, err := tx.Get(shelfOdd, key.String()); {
	case err == nil:
		return nil
	case !errors.Is(err, atoll.NotFound):
		return err
	}
	l.Doubts++
	return storage.Save(tx, shelfOdd, key.String(), doubted{Key: key})
}

// doubtOwn notes what the centre has yet to get again that we made of records in doubt.
func (l *link) doubtOwn(tx storage.Tx, site atoll.SiteID) error {
	if l.Doubts == 0 {
		return nil
	}
	return journal.Walk(tx, site, l.Acknowledged.Seq, func(je storage.JournalEntry) error {
		e, err := atoll.DecodeEntry(je.Content)
		if err != nil {
			return nil //nolint:nilerr // it is refused as it comes
		}
		for _, op := range e.Operations {
			var d doubted
			switch err := storage.Load(tx, shelfOdd, op.Key.String(), &d); {
			case errors.Is(err, atoll.NotFound):
				continue
			case err != nil:
				return err
			}
			d.Own = je.Seq
			if err := storage.Save(tx, shelfOdd, op.Key.String(), d); err != nil {
				return err
			}
		}
		return nil
	})
}

// early reports whether the centre tells of a record in doubt before it has again what
// we made of it. That stands for how the record is no more than what is here does: the
// centre is asked when it has it.
func (l *link) early(tx storage.Tx, key atoll.Key) (bool, error) {
	if l.Doubts == 0 {
		return false, nil
	}
	var d doubted
	err := storage.Load(tx, shelfOdd, key.String(), &d)
	if errors.Is(err, atoll.NotFound) {
		return false, nil
	}
	return d.Own > l.Acknowledged.Seq, err
}

// doubtHanded has handed in again what was handed in: the centre began another run, and
// may have been restored to before it was told.
func (l *link) doubtHanded(tx storage.Tx) error {
	if !l.Handed {
		return nil
	}
	told, err := storage.Listed[exchange.Found](tx, shelfHanded, "", 0, false)
	if err != nil {
		return err
	}
	for _, f := range told {
		if err := l.doubtOne(tx, atoll.Key{Type: f.Type, ID: f.ID}); err != nil {
			return err
		}
	}
	return nil
}

// decided forgets what was handed in: a person has decided about all of it, and what
// was taken back is here.
func (l *link) decided(tx storage.Tx) error {
	if !l.Handed {
		return nil
	}
	l.Handed = false
	return storage.Clear(tx, shelfHanded)
}

// confirm settles the doubt about a record: the centre has told of it. It reports
// whether what the centre tells takes the place of what is here: until the next
// checkpoint, for one word of the centre may follow another before that.
func (l *link) confirm(tx storage.Tx, key atoll.Key) (bool, error) {
	if l.Doubts == 0 && !l.Settling {
		return false, nil
	}
	switch _, err := tx.Get(shelfOdd, key.String()); {
	case err == nil:
		l.Doubts--
		l.Settling = true
		if err := errors.Join(tx.Drop(shelfOdd, key.String()), tx.Set(shelfSettled, key.String(), nil)); err != nil {
			return false, err
		}
	case !errors.Is(err, atoll.NotFound):
		return false, err
	}
	_, err := tx.Get(shelfSettled, key.String())
	if errors.Is(err, atoll.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	rec, err := tx.Record(key)
	if errors.Is(err, atoll.NotFound) {
		return true, nil
	}
	return rec.Origin.Site == atoll.CentreID, err // or it was changed here since
}

// settle forgets, with a checkpoint, what was in doubt and is no more.
func (l *link) settle(tx storage.Tx) error {
	if !l.Settling {
		return nil
	}
	l.Settling = false
	return storage.Clear(tx, shelfSettled)
}

// found returns the next of the records in doubt, which are handed in with it. Those
// that are no longer the centre's are in doubt no more.
func (l *link) found(tx storage.Tx) (out []exchange.Found, err error) {
	items, err := tx.Scan(shelfOdd, "", exchange.MaxFound, false)
	if err != nil {
		return nil, err
	}
	bytes := 0
	for _, it := range items {
		var d doubted
		if err := storage.Load(tx, shelfOdd, it.Key, &d); err != nil {
			return nil, err
		}
		f, ok, err := latest(tx, d.Key)
		if err != nil {
			return nil, err
		}
		if !ok {
			if _, err := l.confirm(tx, d.Key); err != nil {
				return nil, err
			}
			continue
		}
		if bytes += len(f.Body); bytes > exchange.MaxFoundBytes && len(out) > 0 {
			break
		}
		if err := storage.Save(tx, shelfHanded, it.Key, f); err != nil {
			return nil, err
		}
		l.Handed = true
		out = append(out, f)
	}
	return out, nil
}

// latest is the record as it is here, also if it was retracted meanwhile, or as it was
// handed in before: whichever the centre made later. It is false for a record that is
// not the centre's.
func latest(r storage.Reader, key atoll.Key) (f exchange.Found, ok bool, err error) {
	rec, err := r.Record(key)
	switch {
	case err == nil && rec.Origin.Site != atoll.CentreID:
		return f, false, nil
	case err == nil:
		f = exchange.Found{
			Type: key.Type, ID: key.ID, Version: rec.Version, Origin: rec.Origin, Deleted: rec.Deleted, Body: string(rec.Body),
		}
	case !errors.Is(err, atoll.NotFound):
		return f, false, err
	}
	var told exchange.Found
	err = storage.Load(r, shelfHanded, key.String(), &told)
	if err != nil && !errors.Is(err, atoll.NotFound) {
		return f, false, err
	}
	if told.Origin.Seq > f.Origin.Seq {
		f = told
	}
	return f, f.Origin.Seq > 0, nil
}

// vouch keeps the centre's voucher, the highest of them. Once the centre was found
// to be restored it is shown, until an answer to it came. What was shown is shown once
// more in another run of the centre, which may have been restored to before that; to one
// that was not it says nothing new.
func (l *link) vouch(w exchange.Welcome, another bool, shown *exchange.Voucher) {
	restored := w.Rewind != nil || len(w.Runs) > 0
	if shown != nil {
		l.Shown = shown
	}
	l.Vouch = restored && l.Voucher != nil || l.Vouch && shown == nil
	l.Remind = !l.Vouch && l.Shown != nil && (another || l.Remind && shown == nil)
	if w.Voucher != nil && (l.Voucher == nil || w.Voucher.Seq >= l.Voucher.Seq) && !l.Vouch {
		l.Voucher = w.Voucher
	}
}
