package site

import (
	"context"
	"errors"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/verify"
)

// Scrub reads every record of this database, and makes its digests those of the
// rows: what is missing, or too much, then shows in the next comparison.
// A row that is not as it was stored is put back, with repair, if the journal here
// tells what it was: it returns how many.
func (s *Site) Scrub(ctx context.Context, repair bool) (found verify.Scrubbed, remade int, err error) {
	s.progress("verify", 0, 0)
	err = s.Store.View(ctx, func(r storage.Reader) (err error) {
		found, err = verify.Scrub(r, func(rows int) { s.progress("verify", int64(rows), 0) })
		return err
	})
	if err != nil {
		return found, 0, err
	}
	err = s.Store.Update(ctx, func(tx storage.Tx) error {
		remade = 0
		l, err := loadLink(tx)
		if err != nil {
			return err
		}
		l.Scrubbed = s.Now()
		if !found.Well() {
			s.Log.WarnContext(ctx, "records of this database are not as they were stored", "spoiled", len(found.Spoiled), "audiences", len(found.Off))
			l.Agreement.Looked = ""
		}
		if err := s.Door.Amend(tx, found.Off, found.Uncounted); err != nil {
			return err
		}
		for _, spoiled := range found.Spoiled {
			if !repair {
				break
			}
			done, err := s.remake(tx, spoiled.Record.Key)
			if err != nil {
				return err
			}
			if done {
				remade++
			}
		}
		return l.save(tx)
	})
	return found, remade, err
}

// remake puts a spoiled row back as it was, if the journal here tells what that
// is. Others are taken from the centre.
func (s *Site) remake(tx storage.Tx, key atoll.Key) (bool, error) {
	was, err := s.Door.Mend(tx, key, atoll.Origin{})
	if errors.Is(err, atoll.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, verify.Log(tx, verify.Repair{
		At: s.Now(), Record: key.String(), Verdict: string(verify.Mend), Origin: was.Origin, Why: "the row was not as it was stored; made again from the journal here",
	})
}

func (s *Site) scrubEvery() time.Duration {
	if s.ScrubEvery > 0 {
		return s.ScrubEvery
	}
	return 24 * time.Hour
}
