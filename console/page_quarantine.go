package console

import (
	"cmp"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/storage"
)

// How much of quarantine is shown at once.
const (
	mostRefused = 2000 // refusals that are grouped
	mostChanges = 50   // operations of one entry
)

// cause is all that was refused for the same reason: what people see first, as one
// mistake often refuses hundreds of changes.
type cause struct {
	Code   atoll.Code
	Type   atoll.Type
	Field  string
	Count  int
	Sites  int
	Oldest time.Time
	Sample string // of the oldest, in English
	Reason reason // … and the rule that it names
	Alike  bool   // it speaks of the same in all of them
	Path   string
	sites  map[atoll.SiteID]bool
}

// refusalRow is one refused entry in a list.
type refusalRow struct {
	storage.Refusal
	SiteName string
	Name     string
}

type quarantineData struct {
	Causes []cause
	Open   int
	More   bool // than are grouped
	// Of one cause: its refusals.
	Cause *cause
	Rows  []refusalRow
	Pager pager
	All   bool // settled ones, too
}

// quarantine lists what was refused: first by cause, then one by one (R-I-25).
func (c *console) quarantine(v *Visit) error {
	form := v.R.URL.Query()
	d := quarantineData{}
	list, err := c.openRefusals(v, mostRefused+1)
	if err != nil {
		return err
	}
	if d.More = len(list) > mostRefused; d.More {
		list = list[:mostRefused]
	}
	d.Open, d.Causes = len(list), causes(list)
	if code := form.Get("code"); code != "" {
		return c.oneCause(v, d, list, form)
	}
	return v.page("quarantine", v.T("quarantine.title"), d)
}

// openRefusals are those that wait for a decision and are the reader's to see.
func (c *console) openRefusals(v *Visit, most int) (list []storage.Refusal, err error) {
	err = c.Database.View(v.ctx(), func(r storage.Reader) error {
		all, err := r.Refusals(0, true, 0, most)
		if err != nil {
			return err
		}
		list = nil
		for _, no := range all {
			err := v.seesRefusal(r, no)
			if err == nil {
				list = append(list, no)
			} else if atoll.CodeOf(err) != atoll.Denied {
				return err
			}
		}
		return nil
	})
	return list, err
}

// causes groups refusals by why and which rule, of what type and in which field; the
// most first.
func causes(list []storage.Refusal) []cause {
	var out []cause
	for _, r := range list {
		i := slices.IndexFunc(out, func(c cause) bool { return c.is(r) })
		if i < 0 {
			out = append(out, cause{
				Code: r.Code, Type: r.Subject.Type, Field: r.Field, Oldest: r.At, Sample: r.Message, Reason: r.Reason, Alike: true, Path: causePath(r),
				sites: map[atoll.SiteID]bool{},
			})
			i = len(out) - 1
		}
		out[i].Count++
		out[i].sites[r.Site] = true
		out[i].Sites = len(out[i].sites)
		out[i].Alike = out[i].Alike && reflect.DeepEqual(out[i].Reason, r.Reason)
		if r.At.Before(out[i].Oldest) {
			out[i].Oldest = r.At
		}
	}
	slices.SortStableFunc(out, func(a, b cause) int { return cmp.Compare(b.Count, a.Count) })
	return out
}

func (c cause) is(r storage.Refusal) bool {
	return c.Code == r.Code && c.Type == r.Subject.Type && c.Field == r.Field && c.Reason.Name == r.Reason.Name
}

// causePath is the address of all that was refused for the same cause.
func causePath(r storage.Refusal) string {
	return "/quarantine?" + url.Values{"code": {string(r.Code)}, "type": {string(r.Subject.Type)}, "field": {r.Field}, "rule": {r.Reason.Name}}.Encode()
}

// causeIn is the cause that a form or an address names.
func causeIn(form url.Values) cause {
	return cause{
		Code: atoll.Code(form.Get("code")), Type: atoll.Type(form.Get("type")), Field: form.Get("field"), Reason: reason{Name: form.Get("rule")},
	}
}

func (c *console) oneCause(v *Visit, d quarantineData, list []storage.Refusal, form url.Values) error {
	wanted := causeIn(form)
	i := slices.IndexFunc(list, wanted.is)
	if i >= 0 {
		i = slices.IndexFunc(d.Causes, func(o cause) bool { return o.is(list[i]) })
	}
	if i < 0 {
		v.redirect("/quarantine") // all of it is settled
		return nil
	}
	d.Cause = &d.Causes[i]
	after, _ := strconv.ParseInt(form.Get("after"), 10, 64) // no number is the beginning
	var keys []atoll.Key
	next := ""
	for _, r := range list {
		if r.ID <= after || !d.Cause.is(r) {
			continue
		}
		if len(d.Rows) == pageRows {
			next = strconv.FormatInt(d.Rows[pageRows-1].ID, 10)
			break
		}
		d.Rows = append(d.Rows, refusalRow{Refusal: r, SiteName: v.siteName(r.Site)})
		keys = append(keys, r.Subject)
	}
	names, err := c.names(v, keys)
	if err != nil {
		return err
	}
	for i, r := range d.Rows {
		if d.Rows[i].Name = names[r.Subject]; d.Rows[i].Name == shortID(r.Subject.ID) {
			d.Rows[i].Name = cmp.Or(c.calledIn(r.Refusal), d.Rows[i].Name)
		}
	}
	d.Pager = v.pager(next)
	return v.page("quarantine", v.T("quarantine.title"), d)
}

// calledIn is what a refused entry itself calls the record that it is about, which may
// not be here; "" if it does not.
func (c *console) calledIn(no storage.Refusal) string {
	e, err := atoll.DecodeEntry(no.Content)
	def, known := c.Catalogue.Lookup(no.Subject.Type)
	if err != nil || !known {
		return ""
	}
	for _, op := range e.Operations {
		if op.Key == no.Subject && op.Withheld.IsZero() {
			return called(def, op.Fields)
		}
	}
	return ""
}

// wanted is one change of a refused entry, beside what stands now.
type wanted struct {
	atoll.Operation
	Name       string
	Withheld   bool
	Difference []changed
}

type refusalData struct {
	refusalRow
	Entry      *atoll.Entry
	Unreadable string
	Changes    []wanted
	More       int
	Cause      string // the address of all with the same cause
	Behind     []int64
}

// refusal shows one refused entry: why, what it wanted, what stands now, and what
// can be done about it.
func (c *console) refusal(v *Visit) error {
	no, err := c.refusalAt(v)
	if err != nil {
		return err
	}
	names, err := c.names(v, append(slices.Clone(no.Keys), no.Subject))
	if err != nil {
		return err
	}
	d := refusalData{refusalRow: refusalRow{Refusal: no, SiteName: v.siteName(no.Site), Name: names[no.Subject]}}
	d.Cause = causePath(no)
	e, err := atoll.DecodeEntry(no.Content)
	if err != nil {
		d.Unreadable = err.Error()
		return v.page("refusal", v.T("quarantine.title"), d)
	}
	d.Entry, d.More = e, max(0, len(e.Operations)-mostChanges)
	err = c.Database.View(v.ctx(), func(r storage.Reader) error {
		d.Changes = nil
		for _, op := range e.Operations[:min(len(e.Operations), mostChanges)] {
			w, err := c.wantedBy(v, r, op)
			if err != nil {
				return err
			}
			d.Changes = append(d.Changes, w)
			if op.Key == no.Subject && w.Name != "" {
				d.Name = w.Name // the record itself may not be here
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.page("refusal", v.T("quarantine.title"), d)
}

func (c *console) refusalAt(v *Visit) (no storage.Refusal, err error) {
	id, err := strconv.ParseInt(v.R.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return no, atoll.Errorf(atoll.NotFound, "%.30q is no number of a refusal", v.R.PathValue("id"))
	}
	err = c.Database.View(v.ctx(), func(r storage.Reader) (err error) {
		if no, err = r.Refusal(id); err != nil {
			return err
		}
		return v.seesRefusal(r, no)
	})
	if errors.Is(err, atoll.NotFound) {
		err = atoll.Errorf(atoll.NotFound, "there is no refusal %d", id)
	}
	return no, err
}

// seesRefusal is an error when the entry is about data of stores that are not the
// reader's.
func (v *Visit) seesRefusal(r storage.RecordReader, no storage.Refusal) error {
	sees, err := v.c.Station.SeesRefusal(v.User, r, no)
	if err == nil && !sees {
		err = v.notTheirs(no.Subject)
	}
	return err
}

// wantedBy puts one refused operation beside the record as it stands.
func (c *console) wantedBy(v *Visit, r storage.Reader, op atoll.Operation) (wanted, error) {
	if op.Gone() {
		op.Verb = atoll.Delete // whether it is told at once or later
	}
	w := wanted{Operation: op, Withheld: !op.Withheld.IsZero()}
	if w.Withheld {
		return w, nil
	}
	def, known := c.Catalogue.Lookup(op.Type)
	if !known {
		return w, nil
	}
	now := atoll.Fields{}
	rec, err := r.Record(op.Key)
	switch {
	case errors.Is(err, atoll.NotFound):
	case err != nil:
		return w, err
	default:
		if now, err = rec.Fields(); err != nil {
			return w, err
		}
	}
	goal := op.Fields
	switch op.Verb {
	case atoll.Update:
		goal = now.Apply(op.Fields)
	case atoll.Delete:
		goal = now
	case atoll.Insert, atoll.Restate:
	}
	if w.Name = called(def, goal); w.Name == "" {
		w.Name = shortID(op.ID)
	}
	difference := now.Changes(goal)
	names := map[atoll.Key]string{}
	for _, name := range difference.Names() {
		f, known := def.Field(name)
		if !known {
			f = catalogue.Field{Name: name, Kind: catalogue.Object}
		}
		for _, fields := range []atoll.Fields{now, goal} {
			if key := (atoll.Key{Type: f.To, ID: fields.ID(name)}); f.Kind == catalogue.Reference && fields.Has(name) {
				if names[key], err = c.name(v, r, key, 1); err != nil {
					return w, err
				}
			}
		}
		w.Difference = append(w.Difference, changed{name, v.cell(f, now, names), v.cell(f, goal, names)})
	}
	return w, nil
}

// decide settles a refusal, or all of one cause that can be tried again (R-I-25,
// R-K-42).
func (c *console) decide(v *Visit) error {
	no, err := c.refusalAt(v)
	if err != nil {
		return err
	}
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	do := central.Decision(v.R.PostFormValue("do"))
	if !slices.Contains([]central.Decision{central.Retry, central.Accept, central.Return, central.Skip}, do) {
		return atoll.Errorf(atoll.Invalid, "there is no such decision").On("do")
	}
	applied, err := c.Centre.Decide(v.ctx(), no.ID, do, v.User.Name, strings.TrimSpace(v.R.PostFormValue("note")))
	if err != nil {
		return err
	}
	kind, words := "done", "decided."+string(do)
	if (do == central.Retry || do == central.Accept) && !applied {
		kind, words = "warn", "decided.stays"
	}
	v.tell(kind, words)
	v.redirect("/quarantine/" + strconv.FormatInt(no.ID, 10))
	return nil
}

// retryCause tries everything again that was refused for one reason.
func (c *console) retryCause(v *Visit) error {
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	wanted := causeIn(v.R.PostForm)
	tried, stand, err := c.retryAll(v, wanted)
	if err != nil {
		return err
	}
	v.tell("done", "decided.all", "n", tried, "stand", stand)
	v.redirect("/quarantine")
	return nil
}

func (c *console) retryAll(v *Visit, wanted cause) (tried, stand int, err error) {
	list, err := c.openRefusals(v, mostRefused)
	for _, r := range list {
		if !wanted.is(r) {
			continue
		}
		applied, derr := c.Centre.Decide(v.ctx(), r.ID, central.Retry, v.User.Name, "")
		if atoll.CodeOf(derr) == atoll.LifeCycle {
			continue // settled meanwhile, along with one before it
		}
		if derr != nil {
			return tried, stand, derr
		}
		if tried++; applied {
			stand++
		}
	}
	return tried, stand, err
}
