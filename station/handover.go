package station

import (
	"context"
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// before is what is done before the processors run, so that their edits build on
// what went up.
func (s *Station) before(ctx context.Context) error {
	_, err := s.ForgetDetails(ctx)
	return errors.Join(s.markDay(ctx), s.release(ctx), s.resend(ctx), s.tellOfUsers(ctx), err)
}

// resend does what jobs of the centre ask of this site: it states the selected
// records anew, so that they are pushed again, and says so (R-H-28, R-H-42).
// Stopped anywhere, it begins again: the centre leaves out what it knows.
func (s *Station) resend(ctx context.Context) error {
	if s.Identity.Role == Central {
		return nil
	}
	var todo []atoll.Record
	err := s.Store.View(ctx, func(r storage.Reader) (err error) {
		todo, err = r.Records(storage.Query{Type: "job", Where: map[string]string{
			"kind": handover.Resend, "step": handover.Sending, "site_id": s.Door.Site.String(),
		}})
		return err
	})
	if err != nil || len(todo) == 0 {
		return err
	}
	for _, job := range todo {
		if err := s.resendOne(ctx, job); err != nil {
			return err
		}
	}
	return nil
}

func (s *Station) resendOne(ctx context.Context, job atoll.Record) error {
	sel, err := handover.SelectionOf(job.MustFields())
	if err != nil {
		return err
	}
	said := true
	selected := map[atoll.Key]bool{}
	err = s.Store.View(ctx, func(r storage.Reader) error {
		clear(selected)
		say, err := s.sayDone(r, job.ID, 0)
		if said = len(say) == 0; err != nil || said {
			return err
		}
		return sel.Each(r, s.Catalogue, func(_ *catalogue.Def, rec atoll.Record) error {
			selected[rec.Key] = true
			return nil
		})
	})
	if err != nil || said {
		return err
	}
	n, err := s.Restate(ctx, "atoll", func(rec atoll.Record) bool { return selected[rec.Key] })
	if err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx storage.Tx) error {
		say, err := s.sayDone(tx, job.ID, n)
		if err != nil || len(say) == 0 {
			return err
		}
		_, err = s.Door.Write(tx, journal.Edit{Actor: "atoll", Cause: atoll.Cause{Kind: "process/resend", Ref: string(job.ID)}, Do: say})
		return err
	})
}

func (s *Station) sayDone(r storage.Reader, job atoll.ID, records int) ([]journal.Proposal, error) {
	t, err := s.Door.Topology(r)
	if err != nil {
		return nil, err
	}
	return handover.SayDone(r, s.Door.Site, job, records, handover.Desk{R: r, T: t, Catalogue: s.Catalogue, Now: s.Now()})
}
