package console

import (
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

type newWorkData struct {
	Work    work
	Def     *catalogue.Def
	Store   station.StoreView
	Inputs  []input
	Trouble *problem
}

// newWork asks for what a new document needs.
func (c *console) newWork(v *Visit) error { return c.newWorkForm(v, formData{}, nil) }

func (c *console) newWorkForm(v *Visit, form formData, wrong *problem) error {
	w, def, err := c.workAt(v)
	if err != nil {
		return err
	}
	s, _, err := c.workStore(v)
	if err != nil {
		return err
	}
	if len(w.New) == 0 {
		return atoll.Errorf(atoll.NotFound, "such records are not made here")
	}
	d := newWorkData{Work: w, Def: def, Store: s, Trouble: wrong}
	for _, name := range w.New {
		f, ok := def.Field(name)
		if !ok {
			continue
		}
		in := input{Field: name, lookup: form.lookup(name), Kind: f.Kind, Value: v.R.PostFormValue("f." + name), To: f.To, Limit: f.Limit(), Long: name == "comment", Required: f.Required}
		if f.Kind == catalogue.Reference {
			if in.Options, err = c.fitting(v, f, s, in.Value); err != nil {
				return err
			}
			in.Choose = choosePath(def, f, s.ID)
			names, err := c.names(v, []atoll.Key{{Type: f.To, ID: atoll.ID(in.Value)}})
			if err != nil {
				return err
			}
			in.Picked = names[atoll.Key{Type: f.To, ID: atoll.ID(in.Value)}]
		}
		if f.Kind == catalogue.Enum {
			if in.Options, err = c.options(v, f, in.Value); err != nil {
				return err
			}
		}
		if wrong != nil && wrong.Field == name {
			in.Wrong, in.English = v.wrong(wrong)
		}
		d.Inputs = append(d.Inputs, in)
	}
	status := 200
	if wrong != nil {
		status = wrong.Status
	}
	return v.pageAs(status, "worknew", v.T("work.new."+w.Path), d)
}

// fitting are the values of a reference that fit the store: the names that it sees,
// its own orders; none when there are too many, which are chosen by words.
func (c *console) fitting(v *Visit, f catalogue.Field, s station.StoreView, chosen string) ([]option, error) {
	if f.To != "name" {
		return c.options(v, f, chosen)
	}
	t, err := c.Station.Topology(v.ctx())
	if err != nil {
		return nil, err
	}
	var out []option
	for _, id := range t.VisibleTo(s.ID) {
		if other, ok := t.Store(id); ok && !other.Disabled {
			name := string(other.NameID)
			if name == "" {
				name = string(topology.StoreNameID(id))
			}
			out = append(out, option{name, storeWords(station.StoreView{Store: other}), name == chosen})
		}
	}
	if len(out) > mostPick {
		return nil, nil
	}
	more, err := c.options(v, f, chosen)
	for _, o := range more {
		known := slices.ContainsFunc(out, func(have option) bool { return have.Value == o.Value })
		if _, store := t.StoreOfName(atoll.ID(o.Value)); !known && !store {
			out = append(out, o)
		}
	}
	return out, err
}

// makeWork makes a document, or registers a patient.
func (c *console) makeWork(v *Visit) error {
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	w, def, err := c.workAt(v)
	if err != nil {
		return err
	}
	s, _, err := c.workStore(v)
	if err != nil {
		return err
	}
	var form formData
	var open bool
	if form.asks, open, err = c.asks(v, def, atoll.Fields{}, s.ID); err != nil {
		return err
	}
	if open || v.R.PostFormValue("find") != "" {
		return c.newWorkForm(v, form, nil)
	}
	fields, err := v.entered(def, w.New)
	if err != nil {
		wrong := problemOf(err)
		return c.newWorkForm(v, form, &wrong)
	}
	fields.Set("store_id", s.ID)
	if w.Kind != "" {
		fields.Set("kind", w.Kind)
	}
	key := atoll.Key{Type: w.Type, ID: atoll.NewID(c.Now())}
	if w.Type == patients.Patient {
		delete(fields, "store_id") // her home says it
		key.ID, err = c.Station.Register(v.ctx(), v.User.Name, w.Type, s.ID, fields)
	} else {
		err = c.actOn(v, key.Type, func(d documents.Desk) ([]journal.Proposal, error) {
			return d.Make(key.Type, key.ID, documents.Draft{Fields: fields})
		})
	}
	if err != nil {
		wrong := problemOf(err)
		if wrong.Code == atoll.Internal || wrong.Code == atoll.Denied {
			return err
		}
		return c.newWorkForm(v, form, &wrong)
	}
	if done := "work.made"; len(w.Lines) > 0 {
		v.tell("done", done)
	} else {
		v.tell("done", done+".alone")
	}
	v.redirect(recordPath(key))
	return nil
}

// entered reads fields that a form sent; empty ones are left out.
func (v *Visit) entered(def *catalogue.Def, names []string) (atoll.Fields, error) {
	out := atoll.Fields{}
	for _, name := range names {
		f, ok := def.Field(name)
		value := strings.TrimSpace(v.R.PostFormValue("f." + name))
		if !ok || value == "" {
			continue
		}
		parsed, err := v.parse(f, value)
		if err != nil {
			return nil, err
		}
		out[name] = parsed
	}
	return out, nil
}

// actOn does an act on a document that the reader may do: what it changes of the
// document and its lines is theirs to say, the stock that follows is not (as the
// REST API has it).
func (c *console) actOn(v *Visit, t atoll.Type, act func(documents.Desk) ([]journal.Proposal, error)) error {
	line, _, _ := documents.LineOf(t)
	_, err := c.Station.Act(v.ctx(), v.User.Name, byUser, func(d documents.Desk) ([]journal.Proposal, error) {
		do, err := act(d)
		if err != nil {
			return nil, err
		}
		var asked []journal.Proposal
		for _, p := range do {
			if p.Key.Type == t || p.Key.Type == line {
				asked = append(asked, p)
			}
		}
		return do, c.Station.MayChange(v.User, d, asked...)
	})
	return err
}
