package console

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
)

// A reference of which there are too many records to offer them all is chosen by
// words: with a script they are offered while one types, without one by a button.
// Whoever types words and sends the form gets the one record that they fit, or is
// asked which.

// mostOffered is how many records one is asked to choose from.
const mostOffered = 12

// asking is a field of a form in which somebody typed words, and what they fit.
type asking struct {
	Q     string
	Found []option
	exact []option // of those, what has just this code or name
	More  bool     // than are offered
	Open  bool     // it is not clear which one is meant
}

// lookup is what a form shows of it: nothing until something was asked.
type lookup struct {
	Asked bool
	asking
}

// choices answers what somebody types into a form with what it may mean.
func (c *console) choices(v *Visit) error {
	def, err := c.def(v)
	if err != nil {
		return err
	}
	f, ok := def.Field(v.R.PathValue("field"))
	if !ok || f.Kind != catalogue.Reference {
		return atoll.Errorf(atoll.NotFound, "such a record has no such reference")
	}
	var d struct {
		Field string
		lookup
	}
	d.Field, d.Asked = f.Name, true
	d.Q = strings.TrimSpace(v.R.FormValue("q." + f.Name))
	if len([]rune(d.Q)) < 2 {
		d.Asked = false // hardly typed: nothing is offered, and nothing is missing
	} else if d.asking, err = c.asked(v, f, d.Q, atoll.ID(v.R.FormValue("store"))); err != nil {
		return err
	}
	return v.fragment("edit", "found", d)
}

// choosePath is where what is typed into a field is answered. The store is that of
// the document, if it is one.
func choosePath(def *catalogue.Def, f catalogue.Field, store atoll.ID) string {
	u := url.URL{Path: "/choose/" + string(def.Type) + "/" + f.Name}
	if store != "" {
		u.RawQuery = url.Values{"store": {string(store)}}.Encode()
	}
	return u.String()
}

// asked finds what the words typed into a reference may mean. Names of stores are
// offered to a store that sees them.
func (c *console) asked(v *Visit, f catalogue.Field, text string, store atoll.ID) (asking, error) {
	a := asking{Q: text, Open: true}
	def, ok := c.Catalogue.Lookup(f.To)
	if !ok {
		return a, nil
	}
	recs, _, _, err := c.search(v, def, storage.Query{Type: f.To}, text)
	if err != nil {
		return a, err
	}
	hidden, err := c.unseenNames(v, f, store)
	if err != nil {
		return a, err
	}
	for _, rec := range recs {
		if hidden(rec.ID) {
			continue
		}
		if len(a.Found) == mostOffered {
			a.More = true
			break
		}
		one := option{Value: string(rec.ID), Words: v.introduced(def, rec.Fields)}
		if a.Found = append(a.Found, one); strings.EqualFold(rec.Fields.Text("code"), text) || strings.EqualFold(called(def, rec.Fields), text) {
			a.exact = append(a.exact, one)
		}
	}
	return a, nil
}

// unseenNames tells the names of stores that the store does not see, which its
// documents cannot be for.
func (c *console) unseenNames(v *Visit, f catalogue.Field, store atoll.ID) (func(atoll.ID) bool, error) {
	if f.To != "name" || store == "" {
		return func(atoll.ID) bool { return false }, nil
	}
	t, err := c.Station.Topology(v.ctx())
	if err != nil {
		return nil, err
	}
	return func(name atoll.ID) bool {
		other, is := t.StoreOfName(name)
		return is && (other.Disabled || !slices.Contains(t.VisibleTo(store), other.ID))
	}, nil
}

// introduced is a record by its name, and by what tells it from others of the name.
func (v *Visit) introduced(def *catalogue.Def, f atoll.Fields) string {
	words := called(def, f)
	if first := f.Text("first_name"); first != "" && !strings.Contains(words, first) {
		words = first + " " + words
	}
	if code := f.Text("code"); code != "" && code != words {
		words += " (" + code + ")"
	}
	if born, err := time.Parse(time.DateOnly, f.Text("date_of_birth")); err == nil {
		words += " · " + v.day(born)
	}
	return words
}

// asks reads the references that were named by words. What fits one record is put
// into the form as if it had been chosen; open tells that the form must ask.
func (c *console) asks(v *Visit, def *catalogue.Def, before atoll.Fields, store atoll.ID) (all map[string]asking, open bool, err error) {
	for _, f := range def.Fields {
		text := strings.TrimSpace(v.R.PostFormValue("q." + f.Name))
		if f.Kind != catalogue.Reference || text == "" {
			continue
		}
		chosen := v.R.PostFormValue("f." + f.Name)
		if chosen != "" && atoll.ID(chosen) != before.ID(f.Name) {
			continue // out of what was offered
		}
		a, err := c.asked(v, f, text, store)
		if err != nil {
			return nil, false, err
		}
		if len(a.exact) == 1 {
			a.Found, a.More = a.exact, false
		}
		switch {
		case slices.ContainsFunc(a.Found, func(o option) bool { return o.Value == chosen }):
			continue
		case len(a.Found) == 1:
			v.R.PostForm.Set("f."+f.Name, a.Found[0].Value)
			a.Found[0].Chosen, a.Open = true, false
		}
		if all == nil {
			all = map[string]asking{}
		}
		all[f.Name] = a
		open = open || a.Open
	}
	return all, open, nil
}
