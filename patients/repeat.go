package patients

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
)

// The outcomes of a dispensed repeat.
const (
	Accepted      = "accepted"
	OverDispensed = "over_dispensed" // another place dispensed the same number first, or there is no such number
	Withdrawn     = "withdrawn"      // the prescription was cancelled
)

// DispensingID is the identity of the dispensing that a prescription makes of its
// repeat.
func DispensingID(prescription atoll.ID) atoll.ID {
	return atoll.DeriveID("repeat dispensing", string(prescription))
}

// handedOut returns the dispensing that a change of a prescription makes or takes
// back, and the change with the number it was given.
func handedOut(r storage.Reader, p journal.Proposal) ([]journal.Proposal, journal.Proposal, error) {
	_, old, err := find(r, p.Key)
	if err != nil || p.Verb == atoll.Delete {
		return nil, p, err
	}
	now := old.Apply(p.Fields)
	if !now.Has("repeat_id") {
		return nil, p, nil
	}
	key := atoll.Key{Type: "repeat_dispensing", ID: DispensingID(p.Key.ID)}
	_, made, err := find(r, key)
	if err != nil {
		return nil, p, err
	}
	switch {
	case made != nil && now.Text("status") == "cancelled" && !made.Bool("cancelled", false):
		return []journal.Proposal{update(key, atoll.Fields{}.Set("cancelled", true))}, p, nil
	case made != nil || !dispensed(now):
		return nil, p, nil
	}
	number := now.Int("repeat_number")
	if number <= 0 {
		if number, err = nextNumber(r, now.ID("repeat_id")); err != nil {
			return nil, p, err
		}
		p.Fields = p.Fields.Clone().Set("repeat_number", number)
	}
	at := now.Text("finalised_at")
	if at == "" {
		at = now.Text("confirmed_at")
	}
	return []journal.Proposal{insert(key, atoll.Fields{}.Set("patient_id", now.ID("patient_id")).Set("store_id", now.ID("store_id")).
		Set("repeat_id", now.ID("repeat_id")).Set("repeat_number", number).Set("prescription_id", p.Key.ID).Set("dispensed_at", at))}, p, nil
}

// nextNumber is the number after the last that is known here to be dispensed.
func nextNumber(r storage.RecordReader, repeat atoll.ID) (int64, error) {
	_, f, err := find(r, atoll.Key{Type: "repeat", ID: repeat})
	if err != nil {
		return 0, err
	}
	last := f.Int("last_number")
	rows, err := r.Records(storage.Query{Type: "repeat_dispensing", Where: map[string]string{"repeat_id": string(repeat)}})
	for _, row := range rows {
		if f := row.MustFields(); !f.Bool("cancelled", false) {
			last = max(last, f.Int("repeat_number"))
		}
	}
	return last + 1, err
}

// accept is what the home site finds of a dispensing: the first of a number counts,
// a second is over-dispensed and is left for review (R-G-15). Nothing is undone:
// the medicine was handed out.
func accept(c process.Case) ([]journal.Proposal, error) {
	key := atoll.Key{Type: "repeat", ID: c.Fields.ID("repeat_id")}
	rec, repeat, err := find(c.R, key)
	if err != nil || repeat == nil || rec.Deleted || !c.Owns(rec) {
		return nil, err
	}
	k, _ := ofPerson(Patient)
	if _, is, err := lock(journal.View{RecordReader: c.R}, k, c.Fields.ID("patient_id"), nil); err != nil || is {
		return nil, err // it is asked again when the transfer is over
	}
	outcomes, err := c.R.Records(storage.Query{Type: "repeat_outcome", Where: map[string]string{"repeat_id": string(key.ID)}})
	if err != nil {
		return nil, err
	}
	number, used, taken := c.Fields.Int("repeat_number"), int64(0), false
	var mine atoll.Record
	for _, o := range outcomes {
		f := o.MustFields()
		if f.ID("repeat_dispensing_id") == c.Record.ID {
			mine = o
		}
		if f.Text("outcome") == Accepted {
			used++
			taken = taken || f.Int("repeat_number") == number
		}
	}
	cancelled := c.Fields.Bool("cancelled", false)
	if mine.ID != "" {
		was := mine.MustFields().Text("outcome")
		if !cancelled || was == Withdrawn {
			return nil, nil
		}
		out := []journal.Proposal{update(mine.Key, atoll.Fields{}.Set("outcome", Withdrawn))}
		if was == Accepted {
			out = append(out, update(key, counted(repeat, used-1, repeat.Int("last_number"))))
		}
		return out, nil
	}
	outcome := Accepted
	switch {
	case cancelled:
		outcome = Withdrawn
	case taken || number > repeat.Int("total_repeats"):
		outcome = OverDispensed
	}
	out := []journal.Proposal{insert(atoll.Key{Type: "repeat_outcome", ID: atoll.DeriveID("repeat outcome", string(c.Record.ID))}, atoll.Fields{}.
		Set("patient_id", c.Fields.ID("patient_id")).Set("repeat_id", key.ID).Set("repeat_dispensing_id", c.Record.ID).
		Set("repeat_number", number).Set("outcome", outcome))}
	if outcome == Accepted {
		out = append(out, update(key, counted(repeat, used+1, max(number, repeat.Int("last_number")))))
	}
	return out, nil
}

// counted are the fields of a repeat of which so many are used.
func counted(repeat atoll.Fields, used, last int64) atoll.Fields {
	f := atoll.Fields{}.Set("used_repeats", used).Set("last_number", last)
	switch {
	case repeat.Text("status") == "active" && used >= repeat.Int("total_repeats"):
		f.Set("status", "finished")
	case repeat.Text("status") == "finished" && used < repeat.Int("total_repeats"):
		f.Set("status", "active")
	}
	return f
}

// Review notes that somebody has looked at an over-dispensed repeat.
func (d Desk) Review(outcome atoll.ID, note string) ([]journal.Proposal, error) {
	key := atoll.Key{Type: "repeat_outcome", ID: outcome}
	_, f, err := record(d.R, key)
	if err != nil {
		return nil, err
	}
	if f.Text("outcome") != OverDispensed {
		return nil, atoll.Errorf(atoll.Rule, "only what was dispensed twice is reviewed").About(key).Because("review.once")
	}
	if note == "" {
		return nil, atoll.Errorf(atoll.Invalid, "say what was found").On("note")
	}
	return []journal.Proposal{update(key, atoll.Fields{}.Set("note", note).Set("reviewed_by", d.Actor).Set("reviewed_at", atoll.Stamp(d.Now)))}, nil
}
