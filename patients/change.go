package patients

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// The states of a decision.
const (
	Open    = "open"    // some fields wait for a person
	Applied = "applied" // with it, the refused fields if there are any
)

// kept are the fields of a person that no request changes.
var kept = []string{"home_store_id", "home_epoch", "status", "merged_into"}

// DecisionID is the identity of the decision about a requested change.
func DecisionID(change atoll.ID) atoll.ID { return atoll.DeriveID("change decision", string(change)) }

// Edit changes details of a patient, prescriber or what hangs on one, as somebody
// who works in the store: at the home site at once (R-G-02); elsewhere, if the
// preference is on and the patient is visible in the store, as a request to the
// home site (R-G-10), and pending is true.
func (d Desk) Edit(store atoll.ID, who, key atoll.Key, changed atoll.Fields, reason string, id atoll.ID) (do []journal.Proposal, pending bool, err error) {
	k, ok := ofPerson(who.Type)
	if !ok {
		return nil, false, atoll.Errorf(atoll.Invalid, "a %s has no home store", who.Type)
	}
	st, ok := dispensary(d.T, store)
	if !ok || st.Site != d.Site {
		return nil, false, atoll.Errorf(atoll.Rule, "%s is not an open dispensary of this site", place(d.T, store)).On("store_id").
			Do("work in a dispensary store that is active here").Because("dispensary.here", "place", place(d.T, store))
	}
	rec, person, err := record(d.R, who)
	if err != nil {
		return nil, false, err
	}
	if rec.Hidden {
		return nil, false, atoll.Errorf(atoll.NotVisible, "the %s is no longer visible here", k.word).About(who).Because("person.hidden")
	}
	_, target, err := record(d.R, key)
	if err != nil {
		return nil, false, err
	}
	if def, known := d.Catalogue.Lookup(key.Type); !known || !atHome(def) {
		return nil, false, noDetail(k, key)
	}
	if ok, err := k.about(d.R, who, key, target); err != nil || !ok {
		return nil, false, errors.Join(err, noDetail(k, key))
	}
	if homeSite(d.T, person) == d.Site {
		return []journal.Proposal{update(key, changed)}, false, nil
	}
	home := person.ID("home_store_id")
	if k.person != Patient || !d.T.Prefers(SharedDetails) {
		return nil, false, atoll.Errorf(atoll.Ownership, "not editable here: the home of the %s is %s", k.word, place(d.T, home)).
			About(who).Do("make the change there; it arrives here with the next synchronisation").Because("person.home", "place", place(d.T, home))
	}
	if seen, err := Visible(d.R, who, store); err != nil || !seen {
		return nil, false, errors.Join(err, notVisible(d, k, who, store))
	}
	// What is pending counts as seen: the next request goes on from it.
	seen, err := d.withPending(who, key, target)
	if err != nil {
		return nil, false, err
	}
	wanted := seen.Changes(seen.Apply(changed))
	for _, name := range kept {
		if _, asks := wanted[name]; asks && key == who {
			return nil, false, atoll.Errorf(atoll.Rule, "%s is not changed by a request", name).On(name).Because("person.kept", "field", name)
		}
	}
	if len(wanted) == 0 {
		return nil, true, nil
	}
	was := atoll.Fields{}
	for name := range wanted {
		was[name] = seen[name]
	}
	return []journal.Proposal{insert(atoll.Key{Type: k.change, ID: id}, atoll.Fields{}.Set(k.field, who.ID).Set("store_id", store).
		Set("record_type", string(key.Type)).Set("record_id", key.ID).Set("verb", string(atoll.Update)).
		Set("wanted", json.RawMessage(wanted.Encode())).Set("was", json.RawMessage(was.Encode())).
		Set("reason", reason).Set("asked_by", d.Actor).Set("asked_at", atoll.Stamp(d.Now)))}, true, nil
}

// about reports whether the record is the person's own or hangs on her, those merged
// into her included.
func (k kind) about(r storage.RecordReader, who, key atoll.Key, f atoll.Fields) (bool, error) {
	if key.Type != k.person {
		key = atoll.Key{Type: k.person, ID: f.ID(k.field)}
	}
	if key == who || key.ID == "" {
		return key == who, nil
	}
	is, err := survivor.Of(r, key)
	if err != nil {
		return false, err
	}
	want, err := survivor.Of(r, who)
	return is == want, err
}

func noDetail(k kind, key atoll.Key) error {
	return atoll.Errorf(atoll.Rule, "this is no detail of the %s", k.word).About(key).Do("change it as a record, where it may be").Because("person.detail")
}

func notVisible(d Desk, k kind, who atoll.Key, store atoll.ID) error {
	return atoll.Errorf(atoll.NotVisible, "the %s is not visible in %s", k.word, place(d.T, store)).About(who).
		Do("fetch it with: atoll %s fetch", k.word).Because("person.unseen", "place", place(d.T, store))
}

// Pending is a requested change that is not settled yet.
type Pending struct {
	ID      atoll.ID        `json:"id"`
	Type    atoll.Type      `json:"type"`
	Record  atoll.Key       `json:"-"`
	About   string          `json:"record"` // "type/id"
	Person  atoll.Key       `json:"-"`
	Who     string          `json:"about"` // "type/id" of the patient or prescriber
	Store   atoll.ID        `json:"store"`
	Verb    atoll.Verb      `json:"verb"`
	Wanted  atoll.Fields    `json:"wanted"`
	Was     atoll.Fields    `json:"was,omitempty"`
	Open    []string        `json:"open,omitempty"` // the fields a person must decide about; nil: not looked at yet
	Offered bool            `json:"offered,omitempty"`
	By      string          `json:"by,omitempty"`
	At      string          `json:"at,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	Now     json.RawMessage `json:"now,omitempty"` // the record as it stands here
}

// PendingOf returns the requested changes of a person, or of all if id is "",
// that are not settled as far as this database knows, oldest first (R-G-10).
func PendingOf(r storage.RecordReader, who atoll.Key) ([]Pending, error) {
	k, ok := ofPerson(who.Type)
	if !ok {
		return nil, nil
	}
	q := storage.Query{Type: k.change}
	if who.ID != "" {
		q.Where = map[string]string{k.field: string(who.ID)}
	}
	rows, err := r.Records(q)
	if err != nil {
		return nil, err
	}
	var out []Pending
	for _, row := range rows {
		p, err := pendingFrom(k, row)
		if err != nil {
			return nil, err
		}
		_, decision, err := find(r, atoll.Key{Type: k.decision, ID: DecisionID(row.ID)})
		if err != nil {
			return nil, err
		}
		if decision != nil {
			if decision.Text("state") != Open {
				continue
			}
			p.Open = names(decision, "open")
		}
		_, now, err := find(r, p.Record)
		if err != nil {
			return nil, err
		}
		if now != nil {
			p.Now = now.Encode()
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b Pending) int {
		if a.At < b.At {
			return -1
		}
		if a.At > b.At {
			return 1
		}
		return 0
	})
	return out, nil
}

func pendingFrom(k kind, row atoll.Record) (Pending, error) {
	f, err := row.Fields()
	if err != nil {
		return Pending{}, err
	}
	p := Pending{
		ID: row.ID, Type: row.Type, Record: atoll.Key{Type: atoll.Type(f.Text("record_type")), ID: f.ID("record_id")},
		Person: atoll.Key{Type: k.person, ID: f.ID(k.field)}, Store: f.ID("store_id"), Verb: atoll.Verb(f.Text("verb")),
		Offered: f.Bool("offered", false), By: f.Text("asked_by"), At: f.Text("asked_at"), Reason: f.Text("reason"),
	}
	p.About, p.Who = p.Record.String(), p.Person.String()
	p.Wanted, p.Was = object(f, "wanted"), object(f, "was")
	return p, nil
}

func object(f atoll.Fields, name string) atoll.Fields {
	out := atoll.Fields{}
	if !f.Has(name) {
		return out
	}
	if err := json.Unmarshal(f[name], &out); err != nil {
		return atoll.Fields{}
	}
	return out
}

func names(f atoll.Fields, name string) []string {
	var out []string
	_ = json.Unmarshal(f[name], &out) // what cannot be read names nothing
	return out
}

// withPending returns the fields as they would be with what is asked for here.
func (d Desk) withPending(who, key atoll.Key, f atoll.Fields) (atoll.Fields, error) {
	list, err := PendingOf(d.R, who)
	for _, p := range list {
		if st, ok := d.T.Store(p.Store); p.Record == key && p.Verb == atoll.Update && ok && st.Site == d.Site {
			f = f.Apply(p.Wanted)
		}
	}
	return f, err
}

// choice is what becomes of one field.
type choice func(name string, conflict bool) string

// settle works out what a requested change does: the changes of the record, and
// the names of the fields by what became of them.
func settle(r storage.RecordReader, p Pending, choose choice) (do []journal.Proposal, by map[string][]string, err error) {
	by = map[string][]string{}
	rec, now, err := find(r, p.Record)
	if err != nil {
		return nil, nil, err
	}
	if k, is := ofPerson(p.Person.Type); is { // it is the home's word for nothing else
		f := now
		if f == nil {
			f = p.Wanted
		}
		if about, err := k.about(r, p.Person, p.Record, f); err != nil || !about {
			by[Refused] = p.Wanted.Names()
			return nil, by, err
		}
	}
	there := now != nil && !rec.Deleted
	put := func(name string, conflict bool) bool {
		what := choose(name, conflict)
		if slices.Contains(kept, name) && p.Record == p.Person {
			what = Refused
		}
		by[what] = append(by[what], name)
		return what == Applied
	}
	switch p.Verb {
	case atoll.Insert:
		if now != nil {
			by[Refused] = p.Wanted.Names()
			return nil, by, nil
		}
		if put("*", false) {
			do = append(do, insert(p.Record, p.Wanted))
		}
	case atoll.Restate: // nobody asks for one
	case atoll.Delete:
		if there && put("*", len(now.Changes(p.Was)) > 0) {
			do = append(do, journal.Proposal{Verb: atoll.Delete, Key: p.Record})
		}
	case atoll.Update:
		if !there {
			by[Refused] = p.Wanted.Names()
			return nil, by, nil
		}
		changed := atoll.Fields{}
		for _, name := range p.Wanted.Names() {
			if same(now[name], p.Wanted[name]) {
				by[Applied] = append(by[Applied], name)
			} else if put(name, !same(now[name], p.Was[name])) {
				changed[name] = p.Wanted[name]
			}
		}
		if len(changed) > 0 {
			do = append(do, update(p.Record, changed))
		}
	}
	return do, by, nil
}

func same(a, b json.RawMessage) bool {
	null := func(v json.RawMessage) bool { return len(v) == 0 || string(v) == "null" }
	return null(a) && null(b) || bytes.Equal(a, b)
}

// decision is the record of what became of a request.
func decision(r storage.RecordReader, k kind, p Pending, by map[string][]string, note, actor, now string) (journal.Proposal, error) {
	state := Applied
	switch {
	case len(by[Open]) > 0:
		state = Open
	case len(by[Applied]) == 0 && len(by[Refused]) > 0:
		state = Refused
	}
	key := atoll.Key{Type: k.decision, ID: DecisionID(p.ID)}
	f := atoll.Fields{}.Set("state", state).Set("note", note).Set("decided_by", actor).Set("decided_at", now)
	for _, name := range []string{Applied, Refused, Open} {
		if len(by[name]) > 0 {
			f.Set(name, by[name])
		} else {
			f.Set(name, nil)
		}
	}
	_, old, err := find(r, key)
	if err != nil {
		return journal.Proposal{}, err
	}
	if old != nil {
		for _, name := range []string{Applied, Refused} { // what was settled before
			both := slices.Concat(names(old, name), by[name])
			slices.Sort(both)
			if both = slices.Compact(both); len(both) > 0 {
				f.Set(name, both)
			}
		}
		return update(key, f), nil
	}
	return insert(key, f.Set(k.field, p.Person.ID).Set(k.changeField, p.ID)), nil
}

// decideAlone is what the home site makes of a requested change by itself: fields
// that are still as the asker saw them are taken over, others are left for a person
// (R-G-10). What a former home site did too late is left for a person whole.
func decideAlone(c process.Case) ([]journal.Proposal, error) {
	k, _ := ofChange(c.Record.Type)
	p, err := pendingFrom(k, c.Record)
	if err != nil || p.Offered {
		return nil, err
	}
	rec, person, err := find(c.R, p.Person)
	if err != nil || person == nil || !c.Owns(rec) {
		return nil, err
	}
	if there, err := c.Exists(atoll.Key{Type: k.decision, ID: DecisionID(p.ID)}); err != nil || there {
		return nil, err
	}
	if _, is, err := lock(journal.View{RecordReader: c.R}, k, p.Person.ID, nil); err != nil || is {
		return nil, err
	}
	do, by, err := settle(c.R, p, func(_ string, conflict bool) string {
		if conflict {
			return Open
		}
		return Applied
	})
	if err != nil {
		return nil, err
	}
	said, err := decision(c.R, k, p, by, "", "", atoll.Stamp(c.Now))
	return append(do, said), err
}

// cannotDecide refuses a request that the laws of its record do not allow.
func cannotDecide(c process.Case, e process.Exception) []journal.Proposal {
	k, _ := ofChange(c.Record.Type)
	p, err := pendingFrom(k, c.Record)
	if err != nil {
		return nil
	}
	said, err := decision(c.R, k, p, map[string][]string{Refused: p.Wanted.Names()}, e.Message, "", atoll.Stamp(c.Now))
	if err != nil {
		return nil
	}
	return []journal.Proposal{said}
}

// Decide settles a requested change at the home site, field by field: those named
// are taken over, the others are not. No names and all takes over everything; no
// names and not all nothing.
func (d Desk) Decide(change atoll.Key, take []string, all bool, note string) ([]journal.Proposal, error) {
	k, ok := ofChange(change.Type)
	if !ok {
		return nil, atoll.Errorf(atoll.Invalid, "a %s is not a requested change", change.Type)
	}
	rec, _, err := record(d.R, change)
	if err != nil {
		return nil, err
	}
	p, err := pendingFrom(k, rec)
	if err != nil {
		return nil, err
	}
	_, person, err := record(d.R, p.Person)
	if err != nil {
		return nil, err
	}
	if homeSite(d.T, person) != d.Site {
		return nil, atoll.Errorf(atoll.Ownership, "requests are decided at the home site: %s", place(d.T, person.ID("home_store_id"))).About(p.Person).Because("request.home", "place", place(d.T, person.ID("home_store_id")))
	}
	_, old, err := find(d.R, atoll.Key{Type: k.decision, ID: DecisionID(p.ID)})
	if err != nil {
		return nil, err
	}
	if old != nil && old.Text("state") != Open {
		return nil, atoll.Errorf(atoll.Conflict, "the request is settled already: %s", old.Text("state")).About(change)
	}
	for _, name := range take {
		if _, asked := p.Wanted[name]; !asked {
			return nil, atoll.Errorf(atoll.Invalid, "the request does not ask for %s", name).On(name)
		}
	}
	do, by, err := settle(d.R, p, func(name string, _ bool) string {
		if all || slices.Contains(take, name) {
			return Applied
		}
		if old != nil && !slices.Contains(names(old, "open"), name) {
			return "settled" // before
		}
		return Refused
	})
	if err != nil {
		return nil, err
	}
	delete(by, "settled")
	said, err := decision(d.R, k, p, by, note, d.Actor, atoll.Stamp(d.Now))
	return append(do, said), err
}
