package console

import (
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// byUser is the cause of what people do.
var byUser = atoll.Cause{Kind: "user"}

// ownPage reports whether records of the type are changed by acts of their own and
// not field by field: what shapes the system.
func ownPage(t atoll.Type) bool { return topology.Shapes(t) }

// input is one field of a form.
type input struct {
	Field    string
	Kind     catalogue.Kind
	Value    string
	Shown    cell // of a fixed field
	Options  []option
	Required bool
	Fixed    bool
	Secret   bool
	Long     bool // several lines
	Limit    int
	To       atoll.Type // of a reference
	Picked   string     // the name of the record that a reference names
	Wrong    string     // what is wrong with it
	English  bool       // as the engine says it
	Note     string
	Choose   string // where what is typed into a reference is answered
	lookup
}

type formData struct {
	Def     *catalogue.Def
	Name    string
	Action  string
	Back    string
	Version uint64 // that was read; 0 for a new record
	Inputs  []input
	More    []input // that have no value and need none
	Trouble *problem
	Delete  bool
	asks    map[string]asking // what was typed where one may choose
}

// newRecord asks for the fields of a new record.
func (c *console) newRecord(v *Visit) error {
	def, err := c.def(v)
	if err != nil {
		return err
	}
	f := atoll.Fields{}
	for _, field := range def.Fields { // a list that was narrowed says what the new record is part of
		if value := v.R.FormValue("f." + field.Name); value != "" && field.Index {
			if parsed, err := v.parse(field, value); err == nil {
				f[field.Name] = parsed
			}
		}
	}
	return c.form(v, def, formData{Back: "/records/" + string(def.Type), Action: "/records/" + string(def.Type)}, f, nil)
}

// editRecord asks for the fields of a record that is there.
func (c *console) editRecord(v *Visit) error {
	rec, def, err := c.record(v)
	if err != nil {
		return err
	}
	if !rec.Editable {
		return atoll.Errorf(atoll.Ownership, "the record is owned elsewhere: %s", rec.Owner.Why).About(rec.Key)
	}
	path := recordPath(rec.Key)
	return c.form(v, def, formData{
		Back: path, Action: path, Version: rec.Version, Delete: def.Deletion == catalogue.Tombstone,
	}, rec.Record.MustFields(), nil)
}

// form shows a form made from the catalogue, with what was wrong with it when it
// was sent before.
func (c *console) form(v *Visit, def *catalogue.Def, d formData, fields atoll.Fields, wrong *problem) error {
	d.Def, d.Trouble = def, wrong
	var keys []atoll.Key
	for _, f := range def.Fields {
		if f.Kind == catalogue.Reference {
			keys = append(keys, atoll.Key{Type: f.To, ID: fields.ID(f.Name)})
		}
	}
	names, err := c.names(v, keys)
	if err != nil {
		return err
	}
	for _, f := range def.Fields {
		if def.Merge != catalogue.NoMerge && survivor.Own(f.Name) {
			continue // written by merging, and by nothing else
		}
		in := input{
			Field: f.Name, Kind: f.Kind, Value: v.written(f, fields), Required: f.Required, Secret: f.Secret, Limit: f.Limit(), To: f.To, Note: f.Note,
			Fixed: f.Fixed && d.Version != 0, Long: f.Kind == catalogue.Text && (f.Max > 1000 || strings.Contains(f.Name, "comment") || strings.Contains(f.Name, "note")),
		}
		in.lookup = d.lookup(f.Name)
		in.Shown = v.cell(f, fields, names)
		if f.Kind == catalogue.Reference {
			in.Picked = names[atoll.Key{Type: f.To, ID: fields.ID(f.Name)}]
			in.Choose = choosePath(def, f, "")
		}
		if !in.Fixed {
			if in.Options, err = c.options(v, f, in.Value); err != nil {
				return err
			}
		}
		if wrong != nil && wrong.Field == f.Name {
			in.Wrong, in.English = v.wrong(wrong)
		}
		if in.Required || in.Wrong != "" || in.Asked || fields.Has(f.Name) || f.Name == def.Label {
			d.Inputs = append(d.Inputs, in)
		} else {
			d.More = append(d.More, in)
		}
	}
	title := v.T("edit.new", "type", v.typeWords(def.Type))
	if d.Version != 0 {
		d.Name = called(def, fields)
		title = v.T("edit.title", "type", v.typeWords(def.Type))
	}
	status := 200
	if wrong != nil {
		status = wrong.Status
	}
	return v.pageAs(status, "edit", title, d)
}

// wrong says what is wrong with a field; english when there are no words for it but the
// engine's.
func (v *Visit) wrong(p *problem) (words string, english bool) {
	if words = v.words(p.Why); words != "" {
		return words, false
	}
	return p.Detail, true
}

// lookup is what was typed into a field, and what that may mean.
func (d formData) lookup(field string) lookup {
	a, ok := d.asks[field]
	return lookup{Asked: ok, asking: a}
}

// written is a field's value as a form holds it.
func (v *Visit) written(f catalogue.Field, fields atoll.Fields) string {
	if !fields.Has(f.Name) || f.Secret {
		return ""
	}
	switch f.Kind {
	case catalogue.Integer, catalogue.Decimal:
		return fields.Number(f.Name)
	case catalogue.Boolean, catalogue.Object:
		return string(fields[f.Name])
	case catalogue.Time:
		if t, err := time.Parse(time.RFC3339, fields.Text(f.Name)); err == nil {
			return t.In(v.Zone).Format("2006-01-02T15:04:05")
		}
	case catalogue.Text, catalogue.Date, catalogue.Enum, catalogue.Reference:
	}
	return fields.Text(f.Name)
}

// parse reads what a form holds into a field's value. Whether the record may have
// it the judge says.
func (v *Visit) parse(f catalogue.Field, value string) (json.RawMessage, error) {
	bad := func(want string) error {
		return atoll.Errorf(atoll.Schema, "%.60q is not %s", value, want).On(f.Name)
	}
	var out any = value
	switch f.Kind {
	case catalogue.Integer:
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return nil, bad("a whole number")
		}
		out = json.Number(value)
	case catalogue.Decimal:
		number := strings.ReplaceAll(strings.ReplaceAll(value, ",", "."), " ", "")
		if !json.Valid([]byte(number)) || strings.ContainsAny(number, `"[{tfn`) {
			return nil, bad("a number")
		}
		out = json.Number(number) // its text is kept exactly (R-A-19)
	case catalogue.Boolean:
		if value != "true" && value != "false" {
			return nil, bad("true or false")
		}
		out = value == "true"
	case catalogue.Object:
		if !json.Valid([]byte(value)) {
			return nil, bad("JSON")
		}
		out = json.RawMessage(value)
	case catalogue.Time:
		for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
			if t, err := time.ParseInLocation(form, value, v.Zone); err == nil {
				return atoll.Fields{}.Set("t", t.UTC().Format(time.RFC3339))["t"], nil
			}
		}
		return nil, bad("a date with a time")
	case catalogue.Text, catalogue.Date, catalogue.Enum, catalogue.Reference:
	}
	return atoll.Fields{}.Set("v", out)["v"], nil
}

// sent reads the fields that a form sent: those that differ from before. An empty
// input clears its field; a secret one stays as it was.
func (v *Visit) sent(def *catalogue.Def, before atoll.Fields) (changed atoll.Fields, err error) {
	changed = atoll.Fields{}
	for _, f := range def.Fields {
		values, there := v.R.PostForm["f."+f.Name]
		if !there || len(values) == 0 {
			continue
		}
		value := strings.ReplaceAll(values[len(values)-1], "\r\n", "\n")
		if f.Kind != catalogue.Text {
			value = strings.TrimSpace(value)
		}
		if value == v.written(f, before) {
			continue // also a time to the second, of which the record has more
		}
		if value == "" {
			changed[f.Name] = json.RawMessage("null")
			continue
		}
		parsed, perr := v.parse(f, value)
		if perr != nil {
			err = errors.Join(err, perr)
			parsed, _ = json.Marshal(value) // shown again as it was typed
		}
		changed[f.Name] = parsed
	}
	return changed, err
}

// saveNew makes the record of a form.
func (c *console) saveNew(v *Visit) error {
	def, err := c.def(v)
	if err != nil {
		return err
	}
	key := atoll.Key{Type: def.Type, ID: atoll.NewID(c.Now())}
	form := formData{Back: "/records/" + string(def.Type), Action: "/records/" + string(def.Type)}
	return c.save(v, def, form, atoll.Fields{}, journal.Proposal{Verb: atoll.Insert, Key: key})
}

// saveRecord changes the record of a form, or deletes it. The version that was read
// must still stand.
func (c *console) saveRecord(v *Visit) error {
	rec, def, err := c.record(v)
	if err != nil {
		return err
	}
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	version, err := strconv.ParseUint(v.R.PostFormValue("version"), 10, 62)
	if err != nil || version == 0 {
		return atoll.Errorf(atoll.Invalid, "the form does not say which version was read").Do("open the record again")
	}
	p := journal.Proposal{Verb: atoll.Update, Key: rec.Key, Expect: version}
	path := recordPath(rec.Key)
	if v.R.PostFormValue("do") == "delete" {
		p.Verb = atoll.Delete
		if err := c.act(v, p); err != nil {
			return err
		}
		v.tell("done", "edit.deleted")
		v.redirect("/records/" + url.PathEscape(string(def.Type)))
		return nil
	}
	form := formData{Back: path, Action: path, Version: version, Delete: def.Deletion == catalogue.Tombstone}
	return c.save(v, def, form, rec.Record.MustFields(), p)
}

// save makes the change that a form asks for. What is wrong with it is said in the
// form, with what was entered.
func (c *console) save(v *Visit, def *catalogue.Def, form formData, before atoll.Fields, p journal.Proposal) error {
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	var open bool
	var err error
	if form.asks, open, err = c.asks(v, def, before, ""); err != nil {
		return err
	}
	changed, err := v.sent(def, before)
	if v.R.PostFormValue("find") != "" || open && err == nil {
		return c.form(v, def, form, before.Apply(changed), nil)
	}
	if err == nil {
		p.Fields = changed
		if p.Verb == atoll.Insert {
			p.Fields = atoll.Fields{}.Apply(changed)
		}
		err = c.act(v, p)
	}
	if err != nil {
		wrong := problemOf(err)
		switch wrong.Code {
		case atoll.Internal, atoll.Denied, atoll.SignIn:
			return err
		default:
			return c.form(v, def, form, before.Apply(changed), &wrong)
		}
	}
	v.tell("done", "edit.saved")
	v.redirect(recordPath(p.Key))
	return nil
}

// act makes a change that the reader may make.
func (c *console) act(v *Visit, do ...journal.Proposal) error {
	_, err := c.Station.Act(v.ctx(), v.User.Name, byUser, func(d documents.Desk) ([]journal.Proposal, error) {
		return do, c.Station.MayChange(v.User, d, do...)
	})
	return err
}
