package patients

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// The steps of a transfer (R-G-42), and what sites confirm.
const (
	Freezing = "freezing" // the old home site is to freeze the details and to push all of them
	Arriving = "arriving" // the home store is switched; the new site is to receive everything
	Done     = "done"
	Stopped  = "cancelled"

	Frozen  = "frozen"
	Arrived = "arrived"
)

// The states of a request.
const (
	Asked   = "asked"
	Waiting = "waiting" // for another transfer of the same person
	Running = "running"
	Refused = "refused"
)

// TransferID is the identity of the one record that tells of the transfers of a
// person.
func TransferID(person atoll.Type, id atoll.ID) atoll.ID {
	return atoll.DeriveID("home transfer", string(person), string(id))
}

// ConfirmationID is the identity of a site's confirmation of a step of a transfer that
// stands as f. It holds when the transfer began: a centre that was restored counts rounds
// a second time.
func ConfirmationID(transfer atoll.Key, f atoll.Fields, step string) atoll.ID {
	return atoll.DeriveID("home confirmation", transfer.String(), atoll.Origin{Site: 1, Seq: uint64(f.Int("round"))}.String(), f.Text("began_at"), step)
}

func transferKey(k kind, person atoll.ID) atoll.Key {
	return atoll.Key{Type: k.transfer, ID: TransferID(k.person, person)}
}

// Underway reports whether a transfer of the person is not over yet, as this
// database knows it, and to which store it goes.
func Underway(r storage.RecordReader, who atoll.Key) (to atoll.ID, is bool, err error) {
	k, ok := ofPerson(who.Type)
	if !ok {
		return "", false, nil
	}
	_, f, err := find(r, transferKey(k, who.ID))
	return f.ID("to_store_id"), open(f), err
}

func open(transfer atoll.Fields) bool {
	step := transfer.Text("step")
	return step == Freezing || step == Arriving
}

// Wanted is a wish for another home store (R-G-41). Exactly one of Person and AllOf
// is set.
type Wanted struct {
	Person atoll.Key
	// AllOf stands for the patients whose home store it is, and not for those who are
	// transferred to it after the centre has taken up the request.
	AllOf atoll.ID
	To    atoll.ID
	// From is the store that asks, active on this site; at the centre it may be "".
	From   atoll.ID
	Reason string
}

// Ask makes the request: at the site of the new home store, at that of the old
// one, or at the centre. It is carried out when it reaches the centre.
func (d Desk) Ask(id atoll.ID, w Wanted) ([]journal.Proposal, error) {
	if w.Reason == "" {
		return nil, atoll.Errorf(atoll.Invalid, "say why the home store shall change").On("reason")
	}
	for _, store := range []atoll.ID{w.To, w.AllOf} {
		if _, ok := d.T.Store(store); store != "" && !ok {
			return nil, atoll.Errorf(atoll.NotFound, "store %s is not known here", store).Do("ask at the new home site, or at the centre")
		}
	}
	if _, ok := dispensary(d.T, w.To); !ok {
		return nil, atoll.Errorf(atoll.Rule, "the new home store must be an open dispensary; %s is not", place(d.T, w.To)).On("to_store_id").Because("home.closed", "place", place(d.T, w.To))
	}
	if w.From == "" && d.centre() {
		w.From = w.To
	}
	if w.From == "" {
		for _, store := range []atoll.ID{w.To, w.AllOf} {
			if st, ok := d.T.Store(store); ok && st.Site == d.Site {
				w.From = store
			}
		}
	}
	f := atoll.Fields{}.Set("to_store_id", w.To).Set("all_of_store_id", w.AllOf).Set("reason", w.Reason).
		Set("asked_by", d.Actor).Set("asked_at", atoll.Stamp(d.Now)).Set("state", Asked)
	if w.AllOf == "" {
		k, ok := ofPerson(w.Person.Type)
		if !ok {
			return nil, atoll.Errorf(atoll.Invalid, "a %s has no home store", w.Person.Type)
		}
		_, person, err := record(d.R, w.Person)
		if err != nil {
			return nil, err
		}
		if home := person.ID("home_store_id"); w.From == "" && homeSite(d.T, person) == d.Site {
			w.From = home
		}
		if err := d.mayGo(k, w.Person, person, w.To); err != nil {
			return nil, err
		}
		f.Set(k.field, w.Person.ID)
	}
	if st, ok := d.T.Store(w.From); !d.centre() && (!ok || st.Site != d.Site) {
		return nil, atoll.Errorf(atoll.Rule, "a transfer is asked for at the new home site, at the old one, or at the centre").
			Do("ask there").Because("home.ask")
	}
	return []journal.Proposal{insert(atoll.Key{Type: "home_request", ID: id}, f.Set("store_id", w.From))}, nil
}

// mayGo says whether the person's home may become the store.
func (d Desk) mayGo(k kind, who atoll.Key, f atoll.Fields, to atoll.ID) error {
	st, ok := dispensary(d.T, to)
	switch {
	case !ok:
		return atoll.Errorf(atoll.Rule, "the new home store must be an open dispensary; %s is not", place(d.T, to)).On("to_store_id").Because("home.closed", "place", place(d.T, to))
	case f.Text("status") == "merged":
		return atoll.Errorf(atoll.Rule, "the %s was merged into another", k.word).About(who).Do("transfer the one that was kept").Because("person.merged")
	case f.ID("home_store_id") == to:
		return atoll.Errorf(atoll.Rule, "%s is the home store of the %s already", st.Name, k.word).About(who).On("to_store_id").Because("home.already", "store", st.Name)
	}
	return nil
}

// begin starts the next round of a person's transfers.
func begin(r storage.RecordReader, k kind, person atoll.ID, f atoll.Fields, w atoll.Fields, request atoll.ID, now string) (journal.Proposal, error) {
	key := transferKey(k, person)
	_, old, err := find(r, key)
	if err != nil {
		return journal.Proposal{}, err
	}
	next := atoll.Fields{}.Set(k.field, person).Set("round", old.Int("round")+1).Set("step", Freezing).
		Set("from_store_id", f.ID("home_store_id")).Set("to_store_id", w.ID("to_store_id")).Set("request_id", request).
		Set("began_at", now).Set("reason", w.Text("reason"))
	if old == nil {
		return insert(key, next), nil
	}
	for _, name := range []string{"epoch", "switched_at", "arrived_at", "forced", "signed_by"} {
		next.Set(name, nil)
	}
	delete(next, k.field) // it is fixed
	return update(key, next), nil
}

// switched are the changes of step three, in one transaction: the home store with
// its new epoch, visibility at the new store, the step (R-G-42).
func switched(r storage.RecordReader, t *topology.Topology, k kind, transfer atoll.Key, f atoll.Fields, now string, by string) ([]journal.Proposal, error) {
	who, to := f.ID(k.field), f.ID("to_store_id")
	_, person, err := record(r, atoll.Key{Type: k.person, ID: who})
	if err != nil {
		return nil, err
	}
	if _, ok := dispensary(t, to); !ok {
		return nil, atoll.Errorf(atoll.Rule, "%s is no longer an open dispensary", place(t, to)).About(transfer).
			Do("open it again, or cancel the transfer").Because("home.closed_since", "place", place(t, to))
	}
	epoch := epochAfter(t, person, to)
	out := []journal.Proposal{
		update(atoll.Key{Type: k.person, ID: who}, atoll.Fields{}.Set("home_store_id", to).Set("home_epoch", epoch)),
		update(transfer, atoll.Fields{}.Set("step", Arriving).Set("epoch", epoch).Set("switched_at", now).Set("signed_by", by)),
	}
	if by != "" {
		out[1].Fields.Set("forced", true)
	}
	if k.person == Patient {
		turn, err := lastTurn(r, to)
		if err != nil {
			return nil, err
		}
		out[1].Fields.Set("turn", turn)
	}
	rows, err := joins(r, k, who, to)
	if err != nil || len(rows) > 0 {
		return out, err
	}
	id, err := joinID(r, k, who, to)
	return append(out, insert(atoll.Key{Type: k.join, ID: id}, atoll.Fields{}.Set(k.field, who).Set("store_id", to))), err
}

// lastTurn returns how many requests about all patients of the store the centre has
// taken up. A request is about those who were at home there before its own turn, so
// that two against each other do not take each other's patients for ever (R-G-48).
// It is counted, not timed: clocks are set back.
func lastTurn(r storage.RecordReader, store atoll.ID) (last int64, err error) {
	rows, err := r.Records(storage.Query{Type: "home_request", Where: map[string]string{"all_of_store_id": string(store)}})
	for _, row := range rows {
		last = max(last, row.MustFields().Int("turn"))
	}
	return last, err
}

// transfer reads the transfer of a person that is under way, at the centre.
func (d Desk) transfer(who atoll.Key) (kind, atoll.Key, atoll.Fields, error) {
	k, ok := ofPerson(who.Type)
	if !ok {
		return k, who, nil, atoll.Errorf(atoll.Invalid, "a %s has no home store", who.Type)
	}
	if !d.centre() {
		return k, who, nil, atoll.Errorf(atoll.NotHere, "transfers are carried out by the centre").Do("ask the centre")
	}
	key := transferKey(k, who.ID)
	_, f, err := find(d.R, key)
	if err == nil && !open(f) {
		err = atoll.Errorf(atoll.NotFound, "no transfer of the %s is under way", k.word).About(who).Do("list them with: atoll %s transfers", k.word)
	}
	return k, key, f, err
}

// Force goes on without the site that does not answer, after the wait (R-G-44):
// without the old home site's confirmation the home store is switched, and what
// that site did meanwhile is quarantined when it comes, and offered to the new
// home. Without the new one's, the transfer is taken as done. Actor signs for it.
func (d Desk) Force(who atoll.Key) ([]journal.Proposal, error) {
	k, key, f, err := d.transfer(who)
	if err != nil {
		return nil, err
	}
	since := "began_at"
	if f.Text("step") == Arriving {
		since = "switched_at"
	}
	if at, err := moment(f.Text(since)); err == nil && d.Now.Before(at.Add(Wait(d.T))) {
		return nil, atoll.Errorf(atoll.Rule, "the site has until %s to answer", atoll.Stamp(at.Add(Wait(d.T)))).About(who).
			Do("wait until then, or set preference %s to fewer days", TransferWait).Because("home.wait", "time", atoll.Stamp(at.Add(Wait(d.T))))
	}
	if f.Text("step") == Arriving {
		return []journal.Proposal{update(key, atoll.Fields{}.Set("step", Done).Set("forced", true).Set("signed_by", d.Actor).Set("arrived_at", atoll.Stamp(d.Now)))}, nil
	}
	return switched(d.R, d.T, k, key, f, atoll.Stamp(d.Now), d.Actor)
}

// Cancel stops a transfer that has not switched the home store yet, or a request
// that waits.
func (d Desk) Cancel(who atoll.Key) ([]journal.Proposal, error) {
	k, key, f, err := d.transfer(who)
	if err != nil {
		return nil, err
	}
	if f.Text("step") != Freezing {
		return nil, atoll.Errorf(atoll.Rule, "the home store is switched already").About(who).Do("transfer it back").Because("home.switched")
	}
	out := []journal.Proposal{update(key, atoll.Fields{}.Set("step", Stopped).Set("signed_by", d.Actor))}
	request := atoll.Key{Type: "home_request", ID: f.ID("request_id")}
	_, asked, err := find(d.R, request)
	if err != nil || asked.ID(k.field) != who.ID {
		return out, err // it is about all of a store, or by a merge about another since
	}
	return append(out, update(request, atoll.Fields{}.Set("state", Stopped).Set("answer", "cancelled by "+d.Actor))), nil
}
