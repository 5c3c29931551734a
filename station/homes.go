package station

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/storage"
)

// HomeRequest is a request for another home store, as people see it.
type HomeRequest struct {
	ID         atoll.ID `json:"id"`
	Patient    atoll.ID `json:"patient,omitempty"`
	Prescriber atoll.ID `json:"prescriber,omitempty"`
	AllOf      atoll.ID `json:"all_of_store,omitempty"`
	To         atoll.ID `json:"to"`
	Asker      atoll.ID `json:"asked_by_store"`
	State      string   `json:"state"`
	Answer     string   `json:"answer,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	By         string   `json:"by,omitempty"`
	At         string   `json:"at,omitempty"`
	Total      int64    `json:"total,omitempty"`
}

// HomeTransfer is the transfer of one person, as people see it.
type HomeTransfer struct {
	Person  string   `json:"person"` // "type/id"
	Name    string   `json:"name,omitempty"`
	From    atoll.ID `json:"from"`
	To      atoll.ID `json:"to"`
	Step    string   `json:"step"`
	Round   int64    `json:"round"`
	Began   string   `json:"began,omitempty"`
	Arrived string   `json:"arrived,omitempty"`
	Forced  bool     `json:"forced,omitempty"`
	Signed  string   `json:"signed_by,omitempty"`
	Reason  string   `json:"reason,omitempty"`
}

// AskTransfer asks for another home store (R-G-41): here if this is the site of
// the new or the old home store, or the centre. What becomes of it is told by
// HomeRequests.
func (s *Station) AskTransfer(ctx context.Context, actor string, w patients.Wanted) (atoll.ID, error) {
	id := atoll.NewID(s.Now())
	_, err := s.people(ctx, actor, "transfer", func(d patients.Desk) ([]journal.Proposal, error) { return d.Ask(id, w) })
	return id, err
}

// ForceTransfer goes on with a transfer without the site that does not answer
// (R-G-44): at the centre, after the wait; actor signs for it.
func (s *Station) ForceTransfer(ctx context.Context, actor string, who atoll.Key) error {
	_, err := s.people(ctx, actor, "force", func(d patients.Desk) ([]journal.Proposal, error) { return d.Force(who) })
	return err
}

// CancelTransfer stops a transfer that has not switched the home store yet.
func (s *Station) CancelTransfer(ctx context.Context, actor string, who atoll.Key) error {
	_, err := s.people(ctx, actor, "cancel", func(d patients.Desk) ([]journal.Proposal, error) { return d.Cancel(who) })
	return err
}

// HomeRequests returns the requests for other home stores known here, newest first.
func (s *Station) HomeRequests(ctx context.Context) ([]HomeRequest, error) {
	var out []HomeRequest
	err := s.look(ctx, func(d patients.Desk) error {
		out = nil
		rows, err := d.R.Records(storage.Query{Type: "home_request"})
		for _, r := range slices.Backward(rows) {
			f := r.MustFields()
			out = append(out, HomeRequest{
				ID: r.ID, Patient: f.ID("patient_id"), Prescriber: f.ID("prescriber_id"), AllOf: f.ID("all_of_store_id"),
				To: f.ID("to_store_id"), Asker: f.ID("store_id"), State: f.Text("state"), Answer: f.Text("answer"),
				Reason: f.Text("reason"), By: f.Text("asked_by"), At: f.Text("asked_at"), Total: f.Int("total"),
			})
		}
		return err
	})
	return out, err
}

// HomeTransfers returns the transfers of persons of the type known here; only
// those that are not over, or all.
func (s *Station) HomeTransfers(ctx context.Context, person atoll.Type, all bool) ([]HomeTransfer, error) {
	var out []HomeTransfer
	err := s.look(ctx, func(d patients.Desk) error {
		out = nil
		rows, err := d.R.Records(storage.Query{Type: person + "_transfer"})
		for _, r := range rows {
			f := r.MustFields()
			step := f.Text("step")
			if !all && step != patients.Freezing && step != patients.Arriving {
				continue
			}
			who := atoll.Key{Type: person, ID: f.ID(string(person) + "_id")}
			v := HomeTransfer{
				Person: who.String(), From: f.ID("from_store_id"), To: f.ID("to_store_id"), Step: step, Round: f.Int("round"),
				Began: f.Text("began_at"), Arrived: f.Text("arrived_at"), Forced: f.Bool("forced", false), Signed: f.Text("signed_by"),
				Reason: f.Text("reason"),
			}
			if rec, err := d.R.Record(who); err == nil {
				pf := rec.MustFields()
				v.Name = strings.TrimSpace(pf.Text("name") + " " + pf.Text("last_name"))
				if pf.Has("name") {
					v.Name = pf.Text("name")
				}
			} else if !errors.Is(err, atoll.NotFound) {
				return err
			}
			out = append(out, v)
		}
		return err
	})
	return out, err
}

// RequestedChanges returns the changes that sites have asked for and that are not
// settled, of one person, or of all persons of the type with id "" (R-G-10,
// R-G-44).
func (s *Station) RequestedChanges(ctx context.Context, who atoll.Key) ([]patients.Pending, error) {
	var out []patients.Pending
	err := s.look(ctx, func(d patients.Desk) (err error) {
		out, err = patients.PendingOf(d.R, who)
		return err
	})
	return out, err
}

// DecideChange settles a requested change at the home site: the named fields are
// taken over, or all; the others are not (R-G-10).
func (s *Station) DecideChange(ctx context.Context, actor string, change atoll.ID, take []string, all bool, note string) error {
	_, err := s.people(ctx, actor, "decide", func(d patients.Desk) ([]journal.Proposal, error) {
		for _, t := range []atoll.Type{"patient_change", "prescriber_change"} {
			key := atoll.Key{Type: t, ID: change}
			if _, err := d.R.Record(key); err == nil {
				return d.Decide(key, take, all, note)
			} else if !errors.Is(err, atoll.NotFound) {
				return nil, err
			}
		}
		return nil, atoll.Errorf(atoll.NotFound, "there is no requested change %s here", change).Do("list them with: atoll patient requests")
	})
	return err
}

// OverDispensed returns the dispensings of repeats that the home site found to be
// one too many, those not yet reviewed or all (R-G-15).
func (s *Station) OverDispensed(ctx context.Context, all bool) ([]Record, error) {
	out, _, err := s.Records(ctx, storage.Query{Type: "repeat_outcome", Where: map[string]string{"outcome": patients.OverDispensed}})
	if !all {
		out = slices.DeleteFunc(out, func(r Record) bool { return r.Fields.Has("reviewed_at") })
	}
	return out, err
}

// ReviewRepeat notes what was found about an over-dispensed repeat.
func (s *Station) ReviewRepeat(ctx context.Context, actor string, outcome atoll.ID, note string) error {
	_, err := s.people(ctx, actor, "review", func(d patients.Desk) ([]journal.Proposal, error) { return d.Review(outcome, note) })
	return err
}
