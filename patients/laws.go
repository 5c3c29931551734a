package patients

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/topology"
)

// homeMoves lets a home store change only as the step of a transfer that the
// centre has under way, with its epoch (R-G-01, R-G-40).
func homeMoves(_ *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	k, ok := ofPerson(c.Op.Type)
	if !ok || c.Op.Verb != atoll.Update {
		return nil
	}
	was, wasEpoch := homeOf(c.Old)
	is, isEpoch := homeOf(c.New)
	if was == is && wasEpoch == isEpoch {
		return nil
	}
	_, transfer, err := transferIn(w, k, c.Op.ID)
	if err != nil {
		return err
	}
	if transfer.Text("step") == Arriving && transfer.ID("to_store_id") == is && uint64(transfer.Int("epoch")) == isEpoch && isEpoch > wasEpoch {
		return nil
	}
	return atoll.Errorf(atoll.Rule, "a home store changes only by a transfer, which the centre carries out").On("home_store_id").
		Do("ask for it with: atoll %s transfer", k.word).Because("home.fixed")
}

// transferIn returns the transfer record of a person, nil fields if there is none. One
// that was retracted is none: a restored centre has never heard of it.
func transferIn(w admit.World, k kind, person atoll.ID) (atoll.Key, atoll.Fields, error) {
	key := atoll.Key{Type: k.transfer, ID: TransferID(k.person, person)}
	r, there, err := w.Record(key)
	if err != nil || !there || r.Hidden {
		return key, nil, err
	}
	f, err := r.Fields()
	return key, f, err
}

// lock tells whether details of the person are locked by a transfer, as the site
// knows it: from the freeze until the new home has everything (R-G-43). To is the
// store the person moves to. From is the entry of the change that arrived, nil for an
// edit being made here.
func lock(w admit.World, k kind, person atoll.ID, from *atoll.Origin) (to atoll.ID, is bool, err error) {
	key, f, err := transferIn(w, k, person)
	if err != nil || f == nil {
		return "", false, err
	}
	confirmation := func(step string) (atoll.Record, bool, error) {
		return w.Record(atoll.Key{Type: "home_confirmation", ID: ConfirmationID(key, f, step)})
	}
	switch f.Text("step") {
	case Freezing:
		if from == nil {
			return f.ID("to_store_id"), true, nil
		}
		// What the old home did before it knew is still its own, also when it waited in
		// quarantine until now: the home store waits for it.
		said, there, err := confirmation(Frozen)
		return f.ID("to_store_id"), there && (said.Origin.Site != from.Site || said.Origin.Seq < from.Seq), err
	case Arriving:
		_, is, err = confirmation(Arrived)
		is = !is
	}
	return f.ID("to_store_id"), is, err
}

// locked keeps a person's details as they are while the home store is being
// transferred. Dispensing goes on.
func locked(t *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	f := c.New
	if f == nil {
		f = c.Old
	}
	who, ok := personOf(c.Def, c.Op.Key, f)
	if !ok || c.Op.Verb == atoll.Restate || c.Imported || movesHome(c) {
		return nil
	}
	k, _ := ofPerson(who.Type)
	var from *atoll.Origin
	if !c.Here {
		from = &atoll.Origin{Site: c.By, Seq: c.Seq}
	}
	to, is, err := lock(w, k, who.ID, from)
	if err != nil || !is {
		return err
	}
	return atoll.Errorf(atoll.Rule, "the %s is being transferred to %s; details and repeats are locked until that is done", k.word, place(t, to)).
		About(who).Do("dispensing goes on; change it when the transfer is done").Because("home.moving", "place", place(t, to))
}

// movesHome reports whether the change is the centre's step of a transfer.
func movesHome(c admit.Change) bool {
	_, home := c.Op.Fields[c.Def.Home]
	return c.Def.Home != "" && c.Op.Verb == atoll.Update && home && len(c.Op.Fields) == 2
}

// followsMerge reports whether the change only follows a merge: nobody decided it here.
func followsMerge(c admit.Change) bool { return c.Op.Verb == atoll.Update && len(c.Edited()) == 0 }

// inDispensary lets people and what hangs on them be made and edited only where a
// dispensary of the home site is open; every one of its dispensaries counts
// (R-G-01, R-G-02, R-G-08).
func inDispensary(t *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	if !c.Here || c.New == nil || c.Op.Verb == atoll.Restate || movesHome(c) || followsMerge(c) {
		return nil
	}
	who, ok := personOf(c.Def, c.Op.Key, c.New)
	if !ok {
		return nil
	}
	r, there, err := w.Record(who)
	if err != nil || !there {
		return err
	}
	home := r.MustFields().ID("home_store_id")
	st, known := t.Store(home)
	if c.Op.Verb == atoll.Insert && c.Def.Home != "" {
		if known && !st.Dispensary {
			return atoll.Errorf(atoll.Rule, "store %s is not a dispensary; patients and prescribers are registered in dispensaries", st.Name).
				On("home_store_id").Do("register in a dispensary store of this site").Because("home.no_dispensary", "store", st.Name)
		}
		return nil
	}
	if known && len(dispensaries(t, st.Site)) == 0 {
		return atoll.Errorf(atoll.Rule, "no dispensary store is open on the home site (%s)", place(t, home)).About(who).
			Do("open one, or transfer the home store").Because("home.none_open", "place", place(t, home))
	}
	return nil
}

// mayDispense lets a prescription be made only for a patient who is visible in the
// store and kept up to date here (R-G-04, R-G-11, R-G-12). Repeats wait while the
// home store is being transferred (R-G-43).
func mayDispense(t *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	if !c.Here || c.Op.Type != "prescription" || c.New == nil || c.Op.Verb == atoll.Restate {
		return nil
	}
	who := atoll.Key{Type: Patient, ID: c.New.ID("patient_id")}
	if c.Old.ID("patient_id") != who.ID {
		r, there, err := w.Record(who)
		if err != nil || !there {
			return err // the checks of references say so
		}
		if r.Hidden {
			return atoll.Errorf(atoll.NotVisible, "the patient is no longer visible here, and what is known of her is no longer updated").
				About(who).On("patient_id").Do("look her up at the centre and fetch her").Because("patient.gone")
		}
		if store := c.New.ID("store_id"); !r.Deleted {
			rows, err := w.Lines("patient_store_join", "patient_id", who.ID)
			if err != nil {
				return err
			}
			seen := false
			for _, row := range rows {
				seen = seen || row.MustFields().ID("store_id") == store
			}
			if !seen {
				return atoll.Errorf(atoll.NotVisible, "the patient is not visible in %s", place(t, store)).About(who).On("patient_id").
					Do("fetch her for this store, or ask the centre to make her visible").Because("patient.unseen", "place", place(t, store))
			}
		}
	}
	if repeat := c.New.ID("repeat_id"); repeat != "" && c.Old.ID("repeat_id") != repeat {
		k, _ := ofPerson(Patient)
		to, is, err := lock(w, k, who.ID, nil)
		if err != nil || !is {
			return err
		}
		return atoll.Errorf(atoll.Rule, "the patient is being transferred to %s; repeats are locked until that is done", place(t, to)).
			On("repeat_id").Do("dispense without the repeat").Because("home.repeats", "place", place(t, to))
	}
	return nil
}

// dispensedOnce refuses, where it is known, the second dispensing of one number of
// a repeat. What another site did meanwhile is found out at home (R-B-97, R-G-15).
func dispensedOnce(t *topology.Topology, w admit.World, _ []admit.Change, c admit.Change) error {
	if !c.Here || c.Op.Type != "repeat_dispensing" || c.Op.Verb != atoll.Insert {
		return nil
	}
	others, err := w.Lines("repeat_dispensing", "repeat_id", c.New.ID("repeat_id"))
	if err != nil {
		return err
	}
	for _, r := range others {
		f := r.MustFields()
		if r.ID != c.Op.ID && f.Int("repeat_number") == c.New.Int("repeat_number") && !f.Bool("cancelled", false) {
			return atoll.Errorf(atoll.Rule, "number %d of this repeat has been dispensed already, in %s", f.Int("repeat_number"), place(t, f.ID("store_id"))).
				About(c.Op.Key).On("repeat_number").Do("dispense the next number, or make a new prescription").
				Because("repeat.given", "number", f.Int("repeat_number"), "place", place(t, f.ID("store_id")))
		}
	}
	return nil
}

// properRequest lets a request for another home store be about one thing.
func properRequest(t *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
	if c.Op.Type != "home_request" || c.Op.Verb != atoll.Insert {
		return nil
	}
	n := 0
	for _, field := range []string{"patient_id", "prescriber_id", "all_of_store_id"} {
		if c.New.Has(field) {
			n++
		}
	}
	if n != 1 {
		return atoll.Errorf(atoll.Invalid, "a transfer is of one patient, of one prescriber, or of all patients of one store")
	}
	if st, ok := dispensary(t, c.New.ID("to_store_id")); c.Here && !ok {
		return atoll.Errorf(atoll.Rule, "the new home store must be an open dispensary; %s is not", place(t, st.ID)).On("to_store_id").
			Because("home.not_open", "place", place(t, st.ID))
	}
	return nil
}

// properChange lets nobody ask the home of a person for a change of what is not hers:
// the home would make it in its own name (R-G-10).
func properChange(cat *catalogue.Catalogue) admit.Rule {
	return func(_ *topology.Topology, _ admit.World, _ []admit.Change, c admit.Change) error {
		k, is := ofChange(c.Op.Type)
		if !is || c.Op.Verb != atoll.Insert {
			return nil
		}
		t := atoll.Type(c.New.Text("record_type"))
		if def, known := cat.Lookup(t); !known || !atHome(def) {
			return atoll.Errorf(atoll.Rule, "a %.40s is no detail of a %s", string(t), k.word).On("record_type").Because("detail.none")
		}
		return nil
	}
}

// dispensed says whether a status of a prescription means that it was handed out.
func dispensed(f atoll.Fields) bool {
	rank := documents.Rank(f.Text("status"))
	return rank >= documents.Rank(documents.Confirmed) && f.Text("status") != documents.Cancelled
}
