package patients

import (
	"errors"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
)

// atOnce is how many transfers of one request are under way at a time.
const atOnce = 200

// Kinds are the edits that follow from what others did about patients and
// prescribers.
var Kinds = slices.Concat([]process.Kind{
	{Name: "home request", Type: "home_request", Answer: carryOut, Batches: true},
	{Name: "home confirmation", Type: "home_confirmation", Answer: stepOn},
	{Name: "transfers of a store", Type: "store", Wakes: stepsOf},
}, perKind(func(k kind) []process.Kind {
	return []process.Kind{
		{Name: k.word + " transfer", Type: k.transfer, Answer: confirm, Wakes: waiting},
		{Name: k.word + " change", Type: k.change, Answer: decideAlone, Failed: cannotDecide},
	}
}), []process.Kind{
	{Name: "repeat dispensed", Type: "repeat_dispensing", Answer: accept},
	{Name: "prescriber visible", Type: "prescription", Needs: "prescriber_id", Answer: hasPrescribed},
	{Name: "patient duplicates", Type: Patient, Answer: duplicates},
})

func perKind(fn func(kind) []process.Kind) (out []process.Kind) {
	for _, k := range kinds {
		out = append(out, fn(k)...)
	}
	return out
}

func moment(s string) (time.Time, error) { return time.Parse(time.RFC3339, s) }

func atCentre(c process.Case) bool { return c.Site == c.T.Centre() }

// carryOut works on a request at the centre: it begins the transfers it can, waits
// for those of others, and says what became of it (R-G-41, R-G-48).
func carryOut(c process.Case) ([]journal.Proposal, error) {
	switch state := c.Fields.Text("state"); {
	case !atCentre(c), state != Asked && state != Waiting && state != Running:
		return nil, nil
	}
	if c.Fields.Has("all_of_store_id") {
		return carryOutAll(c)
	}
	say := func(state, answer string) []journal.Proposal {
		if c.Fields.Text("state") == state && c.Fields.Text("answer") == answer {
			return nil
		}
		return []journal.Proposal{update(c.Record.Key, atoll.Fields{}.Set("state", state).Set("answer", answer))}
	}
	k, ok := kindOf(func(k kind) bool { return c.Fields.Has(k.field) })
	if !ok {
		return say(Refused, "it names nobody"), nil
	}
	who := c.Fields.ID(k.field)
	rec, person, err := find(c.R, atoll.Key{Type: k.person, ID: who})
	if err != nil {
		return nil, err
	}
	if person == nil || rec.Deleted {
		return say(Refused, "the "+k.word+" is not known at the centre"), nil
	}
	_, transfer, err := find(c.R, transferKey(k, who))
	if err != nil {
		return nil, err
	}
	mine := transfer.ID("request_id") == c.Record.ID
	switch {
	case mine && open(transfer):
		return nil, nil
	case mine && transfer.Text("step") == Done:
		return say(Done, ""), nil
	case mine && transfer.Text("step") == Stopped:
		return say(Stopped, "cancelled by "+transfer.Text("signed_by")), nil
	case open(transfer):
		return say(Waiting, "it is being transferred to "+place(c.T, transfer.ID("to_store_id"))+"; this request waits"), nil
	}
	d := Desk{R: c.R, T: c.T, Site: c.Site, Now: c.Now}
	if err := d.mayGo(k, rec.Key, person, c.Fields.ID("to_store_id")); err != nil {
		return say(Refused, why(err)), nil
	}
	if !partOf(c, person.ID("home_store_id")) {
		return say(Refused, "neither the old nor the new home site asked for it"), nil
	}
	first, err := begin(c.R, k, who, person, c.Fields, c.Record.ID, atoll.Stamp(c.Now))
	if err != nil {
		return nil, err
	}
	return append(say(Running, ""), first), nil
}

// partOf reports whether the site that made the request has a part in the
// transfer: it is the new home site, the old one, or the centre.
func partOf(c process.Case, home atoll.ID) bool {
	asked, ok := c.T.Store(c.Fields.ID("store_id"))
	to, _ := c.T.Store(c.Fields.ID("to_store_id"))
	from, _ := c.T.Store(home)
	return ok && (asked.Site == to.Site || asked.Site == from.Site)
}

// carryOutAll is carryOut for all patients of a store: some at a time. Those who came
// there by a transfer since the request was taken up are not among them. A request
// that was under way before there were turns takes its own here.
func carryOutAll(c process.Case) ([]journal.Proposal, error) {
	from, to := c.Fields.ID("all_of_store_id"), c.Fields.ID("to_store_id")
	refuse := func(answer string) []journal.Proposal {
		return []journal.Proposal{update(c.Record.Key, atoll.Fields{}.Set("state", Refused).Set("answer", answer))}
	}
	if _, ok := dispensary(c.T, to); !ok || from == to {
		return refuse("the new home store must be another open dispensary"), nil
	}
	if !partOf(c, from) {
		return refuse("neither the old nor the new home site asked for it"), nil
	}
	turn := c.Fields.Int("turn")
	if turn == 0 {
		last, err := lastTurn(c.R, from)
		if err != nil {
			return nil, err
		}
		turn = last + 1
	}
	k, _ := ofPerson(Patient)
	mine, err := c.R.Records(storage.Query{Type: k.transfer, Where: map[string]string{"request_id": string(c.Record.ID)}})
	if err != nil {
		return nil, err
	}
	running := 0
	for _, r := range mine {
		if open(r.MustFields()) {
			running++
		}
	}
	left, err := c.R.Records(storage.Query{Type: Patient, Where: map[string]string{"home_store_id": string(from)}})
	if err != nil {
		return nil, err
	}
	var out []journal.Proposal
	waits := 0
	for _, r := range left {
		f := r.MustFields()
		if f.Text("status") == "merged" {
			continue
		}
		_, transfer, err := find(c.R, transferKey(k, r.ID))
		if err != nil {
			return nil, err
		}
		switch {
		case transfer.Int("turn") >= turn: // came later
		case open(transfer) && transfer.ID("request_id") == c.Record.ID:
		case transfer.ID("request_id") == c.Record.ID && transfer.Text("step") == Stopped: // somebody stopped this one
		case open(transfer) || running+len(out) >= atOnce:
			waits++
		default:
			next, err := begin(c.R, k, r.ID, f, c.Fields, c.Record.ID, atoll.Stamp(c.Now))
			if err != nil {
				return nil, err
			}
			out = append(out, next)
		}
	}
	state := Running
	moved := len(mine) - running
	if running+len(out)+waits == 0 {
		state = Done
	}
	say := atoll.Fields{}
	if c.Fields.Int("turn") != turn {
		say.Set("turn", turn)
	}
	if c.Fields.Text("state") != state {
		say.Set("state", state)
	}
	if c.Fields.Int("total") == 0 {
		say.Set("total", running+len(out)+waits)
	}
	if state == Done && c.Fields.Int("moved") != int64(moved) {
		say.Set("moved", moved)
	}
	if len(say) > 0 {
		out = append(out, update(c.Record.Key, say))
	}
	return out, nil
}

// confirm is what a home site says to a step of a transfer: that the details are
// frozen here, so that everything about them stands in the journal before this; or
// that everything has arrived (R-G-42). What arrived with the same checkpoint is
// all that the centre had.
func confirm(c process.Case) ([]journal.Proposal, error) {
	k, _ := ofTransfer(c.Record.Type)
	store, step := c.Fields.ID("from_store_id"), Frozen
	switch c.Fields.Text("step") {
	case Freezing:
	case Arriving:
		store, step = c.Fields.ID("to_store_id"), Arrived
		_, person, err := find(c.R, atoll.Key{Type: k.person, ID: c.Fields.ID(k.field)})
		if home, epoch := homeOf(person); err != nil || home != store || epoch != uint64(c.Fields.Int("epoch")) {
			return nil, err
		}
	default:
		return nil, nil
	}
	if !c.Here(store) {
		return nil, nil
	}
	key := atoll.Key{Type: "home_confirmation", ID: ConfirmationID(c.Record.Key, c.Fields, step)}
	if there, err := c.Exists(key); err != nil || there {
		return nil, err
	}
	return []journal.Proposal{insert(key, atoll.Fields{}.Set("store_id", store).Set(k.transferField, c.Record.ID).
		Set("round", c.Fields.Int("round")).Set("step", step).Set("confirmed_at", atoll.Stamp(c.Now)))}, nil
}

// stepOn goes on with a transfer at the centre when a site has confirmed.
func stepOn(c process.Case) ([]journal.Proposal, error) {
	k, ok := kindOf(func(k kind) bool { return c.Fields.Has(k.transferField) })
	if !ok || !atCentre(c) {
		return nil, nil
	}
	key := atoll.Key{Type: k.transfer, ID: c.Fields.ID(k.transferField)}
	_, f, err := find(c.R, key)
	if err != nil || c.Record.ID != ConfirmationID(key, f, c.Fields.Text("step")) { // of an earlier round
		return nil, err
	}
	switch step := f.Text("step"); {
	case step == Freezing && c.Fields.Text("step") == Frozen && c.Fields.ID("store_id") == f.ID("from_store_id"):
		why, err := c.Undrained(c.Record.Origin.Site, concerns(c.R, c.Catalogue, atoll.Key{Type: k.person, ID: f.ID(k.field)}))
		if err != nil {
			return nil, err
		}
		if why != nil {
			return nil, why.About(key)
		}
		return switched(c.R, c.T, k, key, f, atoll.Stamp(c.Now), "")
	case step == Arriving && c.Fields.Text("step") == Arrived && c.Fields.ID("store_id") == f.ID("to_store_id"):
		return []journal.Proposal{update(key, atoll.Fields{}.Set("step", Done).Set("arrived_at", atoll.Stamp(c.Now)))}, nil
	}
	return nil, nil
}

// waiting returns what waited for a transfer: at the centre the requests, at home
// the changes and dispensings that could not be decided while it was under way.
func waiting(c process.Case) ([]atoll.Key, error) {
	k, _ := ofTransfer(c.Record.Type)
	who := c.Fields.ID(k.field)
	var out []atoll.Key
	add := func(t atoll.Type, field string, id atoll.ID) error {
		rows, err := c.R.Records(storage.Query{Type: t, Where: map[string]string{field: string(id)}})
		for _, r := range rows {
			out = append(out, r.Key)
		}
		return err
	}
	if atCentre(c) && !open(c.Fields) {
		if err := add("home_request", k.field, who); err != nil {
			return nil, err
		}
		many, err := resting(c)
		if err != nil {
			return nil, err
		}
		out = append(out, many...)
	}
	if open(c.Fields) && c.Fields.Text("step") != Arriving {
		return out, nil
	}
	if err := add(k.change, k.field, who); err != nil || k.person != Patient {
		return out, err
	}
	return out, add("repeat_dispensing", k.field, who)
}

// stepsOf returns the transfers from and to the store that are under way: it may have
// come to this site, which has had them for long, and is now the one to confirm (R-G-47).
func stepsOf(c process.Case) (out []atoll.Key, err error) {
	if !c.Here(c.Record.ID) {
		return nil, nil
	}
	for _, k := range kinds {
		for _, side := range [][2]string{{Freezing, "from_store_id"}, {Arriving, "to_store_id"}} {
			rows, err := c.R.Records(storage.Query{Type: k.transfer, Where: map[string]string{"step": side[0], side[1]: string(c.Record.ID)}})
			if err != nil {
				return nil, err
			}
			for _, r := range rows {
				out = append(out, r.Key)
			}
		}
	}
	return out, nil
}

// resting returns the requests about many patients of which nothing is under way:
// the next can begin. They are asked once for each lot, not for each patient.
func resting(c process.Case) (out []atoll.Key, err error) {
	rows, err := c.R.Records(storage.Query{Type: "home_request", Where: map[string]string{"state": Running}})
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if !r.MustFields().Has("all_of_store_id") {
			continue
		}
		n := 0
		for _, step := range []string{Freezing, Arriving} {
			some, err := c.R.Records(storage.Query{
				Type: "patient_transfer", Where: map[string]string{"request_id": string(r.ID), "step": step}, Limit: 1,
			})
			if err != nil {
				return nil, err
			}
			n += len(some)
		}
		if n == 0 {
			out = append(out, r.Key)
		}
	}
	return out, nil
}

// hasPrescribed makes a prescriber visible, at the centre, in a dispensary where
// she has prescribed (R-G-07).
func hasPrescribed(c process.Case) ([]journal.Proposal, error) {
	k, _ := ofPerson(Prescriber)
	who, store := c.Fields.ID("prescriber_id"), c.Fields.ID("store_id")
	if _, ok := dispensary(c.T, store); !ok || !atCentre(c) {
		return nil, nil
	}
	rec, f, err := find(c.R, atoll.Key{Type: Prescriber, ID: who})
	if err != nil || f == nil || rec.Deleted || f.Text("status") == "merged" {
		return nil, err
	}
	// One that an administrator has withdrawn stays withdrawn.
	rows, err := c.R.Records(storage.Query{Type: k.join, Where: map[string]string{k.field: string(who), "store_id": string(store)}, All: true})
	if err != nil || len(rows) > 0 {
		return nil, err
	}
	id, err := joinID(c.R, k, who, store)
	return []journal.Proposal{insert(atoll.Key{Type: k.join, ID: id}, atoll.Fields{}.Set(k.field, who).Set("store_id", store))}, err
}

// why is the message of an error, without the record it is about.
func why(err error) string {
	var e *atoll.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
