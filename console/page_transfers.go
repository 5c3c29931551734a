package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/transfer"
)

// transferRow is one transfer under way, in the reader's words.
type transferRow struct {
	transfer.Transfer
	Document string // what people call it: Customer invoice #12
	Path     string // of the half that begins it
	Other    string // of its other half, "" if there is none
	Light    string
	State    saying
	Do       saying
}

type transfersData struct {
	Query     transferQuery
	Rows      []transferRow
	Found     int
	Moving    int // documents with goods on their way
	Value     string
	Troubled  int
	Old       int  // longer than a week on their way
	Silent    bool // one of them has no answer at all
	Stores    []option
	StoreText string // what was asked for, where there are too many to choose from
	Reasons   []option
	Pages     int
	Pager     pager
}

// transferQuery is how the list was asked for.
type transferQuery struct {
	Show, Store, Reason string
	Site                int
	Page                int
}

// Any reports whether the list is narrowed.
func (q transferQuery) Any() bool {
	return q.Show != "" || q.Store != "" || q.Reason != "" || q.Site != 0
}

// oldDays is from how many days on goods on their way are worth a look, also when
// nothing keeps them.
const oldDays = int(transfer.OldAfter / (24 * time.Hour))

// aged reports whether a transfer has been on its way for longer than a week: nobody has
// answered it, or nobody has received what arrived.
func aged(t transfer.Transfer) bool { return t.Old || t.InTransit && t.Days >= oldDays }

// reasons are those that the list can be narrowed to.
var reasons = []transfer.Reason{
	transfer.NotConnected, transfer.Failed, transfer.NotVisible, transfer.Disabled, transfer.TooOld, transfer.Refused, transfer.Waiting,
}

// transfers lists what is on its way between stores, and why what has not arrived
// has not (R-D-11, R-D-52, R-I-26).
func (c *console) transfers(v *Visit) error {
	form := v.R.URL.Query()
	q := transferQuery{Show: form.Get("show"), Store: form.Get("store"), Reason: form.Get("reason")}
	q.Site, _ = strconv.Atoi(form.Get("site")) // no number is no filter
	q.Page, _ = strconv.Atoi(form.Get("page"))
	d := transfersData{StoreText: q.Store, Value: "0"}
	if q.Store != "" {
		s, err := v.storeMeant(q.Store)
		if err != nil {
			return err
		}
		q.Store, d.StoreText = string(s.ID), s.Name
	}
	d.Query = q
	all, err := c.underWay(v, transfer.Filter{})
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.InTransit {
			d.Moving++
			d.Value = documents.Add(d.Value, or0(t.Value))
		}
		if t.Exception {
			d.Troubled++
		}
		if aged(t) {
			d.Old++
			d.Silent = d.Silent || t.Old
		}
	}
	found := slices.DeleteFunc(all, func(t transfer.Transfer) bool {
		return q.Show == "transit" && !t.InTransit || q.Show == "exceptions" && !t.Exception || q.Show == "old" && !aged(t) ||
			q.Store != "" && string(t.From.ID) != q.Store && string(t.To.ID) != q.Store ||
			q.Site != 0 && t.To.Site != atoll.SiteID(q.Site) || q.Reason != "" && string(t.Reason) != q.Reason
	})
	d.Found, d.Pages = len(found), max(1, (len(found)+pageRows-1)/pageRows)
	d.Query.Page = min(max(q.Page, 1), d.Pages)
	first := (d.Query.Page - 1) * pageRows
	for _, t := range found[first:min(first+pageRows, len(found))] {
		d.Rows = append(d.Rows, v.transferRow(t))
	}
	d.Pager = numberPager(v, d.Query.Page, d.Pages)
	if d.Stores, err = v.storeOptions(q.Store); err != nil {
		return err
	}
	for _, r := range reasons {
		d.Reasons = append(d.Reasons, option{string(r), v.T("reason." + string(r)), string(r) == q.Reason})
	}
	return v.page("transfers", v.T("transfers.title"), d)
}

// underWay are the transfers from or to stores that are the reader's.
func (c *console) underWay(v *Visit, f transfer.Filter) ([]transfer.Transfer, error) {
	var list Transfers = c.Station
	if c.Centre != nil {
		list = c.Centre // it knows when sites were heard
	}
	all, err := list.Transfers(v.ctx(), f)
	return slices.DeleteFunc(all, func(t transfer.Transfer) bool { return !v.User.Sees(t.From.ID) && !v.User.Sees(t.To.ID) }), err
}

// transferRow says where the document is and, if something keeps it, what and what
// to do.
func (v *Visit) transferRow(t transfer.Transfer) transferRow {
	key := atoll.Key{Type: t.Initiating.Type, ID: t.Initiating.ID}
	row := transferRow{Transfer: t, Document: v.documentName(t.Initiating.Type, t.Initiating.Kind, t.Initiating.Number), Path: recordPath(key), Light: "grey"}
	site := v.siteName(t.To.Site)
	args := []any{"from", t.From.Name, "to", t.To.Name, "site", site}
	waiting := saying{"transfer.waiting.do", args}
	if v.atCentre(t.To.Site) { // which waits for nobody but the sender
		waiting = saying{"transfer.waiting.do", []any{"site", v.siteName(t.From.Site)}}
	}
	if t.Responding != nil {
		row.Other = recordPath(atoll.Key{Type: t.Responding.Type, ID: t.Responding.ID})
	}
	switch {
	case t.Cancelling:
		row.Light, row.State, row.Do = "amber", saying{"transfer.cancelling", args}, saying{"transfer.cancelling.do", args}
	case t.Responding != nil && t.Reason == transfer.Refused: // so that it stands alone
		row.State, row.Do = saying{"transfer.refused", args}, saying{"transfer.refused.do", args}
	case t.Responding != nil:
		row.State, row.Do = saying{"transfer.arrived", args}, saying{"transfer.arrived.do", args}
	case t.Reason == transfer.Waiting && t.InTransit:
		row.State, row.Do = saying{"transfer.transit", args}, waiting
	case t.Reason == transfer.Waiting:
		row.State, row.Do = saying{"transfer.waiting", args}, waiting
	default:
		key := "transfer." + string(t.Reason)
		row.State, row.Do = saying{key, args}, saying{key + ".do", args}
	}
	switch {
	case t.Exception && t.Old:
		row.Light = "red"
	case t.Exception, aged(t):
		row.Light = "amber"
	}
	return row
}

// documentName is what people call a document: its kind and its number.
func (v *Visit) documentName(t atoll.Type, kind string, number int64) string {
	name := v.typeWords(t)
	if kind != "" {
		name = v.valueWords(kind)
	}
	if number > 0 {
		name += " #" + strconv.FormatInt(number, 10)
	}
	return name
}

// storeOptions are the stores to choose from; none when there are too many.
func (v *Visit) storeOptions(chosen string) ([]option, error) {
	stores, err := v.ownStores()
	if len(stores) > mostPick {
		return nil, err
	}
	var out []option
	for _, s := range stores {
		out = append(out, option{string(s.ID), storeWords(s), string(s.ID) == chosen})
	}
	return out, err
}

// storeMeant is the one of the reader's stores that has the id, the code or the name.
func (v *Visit) storeMeant(want string) (station.StoreView, error) {
	stores, err := v.ownStores()
	if err != nil {
		return station.StoreView{}, err
	}
	if want = strings.TrimSpace(want); want == "" {
		return station.StoreView{}, atoll.Errorf(atoll.Invalid, "no store was chosen").On("store").Do("choose one")
	}
	for _, is := range []func(station.StoreView) string{
		func(s station.StoreView) string { return string(s.ID) }, func(s station.StoreView) string { return s.Code }, func(s station.StoreView) string { return s.Name },
	} {
		for _, s := range stores {
			if strings.EqualFold(is(s), want) {
				return s, nil
			}
		}
	}
	return station.StoreView{}, atoll.Errorf(atoll.NotFound, "there is no store %.60q here that you may see", want).On("store").Do("look for it on the page Stores")
}

// storeWords is a store as a list to choose from names it.
func storeWords(s station.StoreView) string {
	if s.Code != "" && s.Code != s.Name {
		return s.Name + " (" + s.Code + ")"
	}
	return s.Name
}

// numberPager leads through a list whose pages have numbers.
func numberPager(v *Visit, page, pages int) pager {
	at := func(n int) string {
		query := v.R.URL.Query()
		query.Set("page", strconv.Itoa(n))
		u := url.URL{Path: v.R.URL.Path, RawQuery: query.Encode()}
		return u.String()
	}
	var p pager
	if page > 1 {
		p.First = at(1)
	}
	if page < pages {
		p.Next = at(page + 1)
	}
	return p
}

func or0(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// otherHalf is the way of a document between two stores: what has happened, what
// comes next, and what keeps it.
type way struct {
	Steps   []wayStep
	Began   string // the address of the half that began it, "" for this page
	Other   string // the address of the other half, "" if it is not known here
	Name    string // what people call that
	Trouble *transferRow
	Here    bool // this is the half that began it
}

// wayStep is one step of it: "done", "now" or "next".
type wayStep struct {
	Step step
	What saying
	At   time.Time
}

// wayOf tells the way of a document that goes, or came, from store to store; nil for
// any other record (R-D-11, R-D-13, R-D-52).
func (c *console) wayOf(v *Visit, rec station.Record) (*way, error) {
	f := rec.Record.MustFields()
	own, other := rec.Key, half(rec.Type, f)
	begins := f.Has("partner_store_id") && !f.Has("originating_id") && other.began.ID == ""
	if !begins && other.began.ID == "" {
		return nil, nil //nolint:nilnil // most records have none
	}
	w := &way{Here: begins}
	first, firstF, answer, answerF := own, f, other.answer, atoll.Fields(nil)
	if !begins {
		first, firstF, answer, answerF = other.began, nil, own, f
	}
	for _, side := range []struct {
		key atoll.Key
		f   *atoll.Fields
	}{{first, &firstF}, {answer, &answerF}} {
		if *side.f != nil || side.key.ID == "" {
			continue
		}
		r, err := c.Station.Record(v.ctx(), side.key)
		switch {
		case atoll.CodeOf(err) == atoll.NotFound:
		case err != nil:
			return nil, err
		case v.sees(r.Type, r.Fields):
			*side.f = r.Record.MustFields()
		}
	}
	there := answer
	if !begins {
		there = first
	}
	if otherF := map[bool]atoll.Fields{true: answerF, false: firstF}[begins]; otherF != nil {
		w.Other, w.Name = recordPath(there), v.documentName(there.Type, otherF.Text("kind"), otherF.Int("number"))
	}
	open, err := c.underWay(v, transfer.Filter{Document: first})
	if err != nil {
		return nil, err
	}
	if len(open) > 0 {
		row := v.transferRow(open[0])
		w.Trouble = &row
	}
	at, err := c.arrivedAtCentre(v, first)
	if err != nil {
		return nil, err
	}
	w.Steps = c.waySteps(v, first, firstF, answerF, at)
	return w, nil
}

// arrivedAtCentre reports whether head office has the document, and since when where
// that is known.
type atCentreSince struct {
	has bool
	at  time.Time
}

func (c *console) arrivedAtCentre(v *Visit, key atoll.Key) (atCentreSince, error) {
	if c.Centre != nil {
		history, err := c.Station.History(v.ctx(), key, 1)
		if err != nil || len(history) == 0 {
			return atCentreSince{}, ignoreMissing(err)
		}
		return atCentreSince{true, history[0].Received}, nil
	}
	rec, err := c.Station.Record(v.ctx(), key)
	if err != nil {
		return atCentreSince{has: true}, ignoreMissing(err) // what is elsewhere came through head office
	}
	upto, err := c.Sync.Acknowledged(v.ctx())
	return atCentreSince{has: rec.Origin.Site != c.Here || rec.Origin.Seq <= upto}, err
}

func ignoreMissing(err error) error {
	if atoll.CodeOf(err) == atoll.NotFound {
		return nil
	}
	return err
}

// waySteps are what happens to a document on its way. First are the fields of the
// half that begins it, answer those of the other one; nil where they are not here.
func (c *console) waySteps(v *Visit, key atoll.Key, first, answer atoll.Fields, centre atCentreSince) []wayStep {
	goods := key.Type == "invoice"
	status := first.Text("linked_status")
	if answer != nil {
		status = answer.Text("status")
	}
	arrived := answer != nil || first.Has("linked_number") || status != ""
	taken := documents.Rank(status) >= documents.Rank(documents.Finalised) && status != documents.Cancelled
	sentAt := moment(first, "finalised_at", "confirmed_at")
	last := "way.answered"
	if goods {
		last = "way.stocked"
	}
	name := func(store atoll.ID) string {
		t, err := c.Station.Topology(v.ctx())
		if s, ok := t.Store(store); err == nil && ok {
			return s.Name
		}
		return v.T("way.store")
	}
	from, to := name(first.ID("store_id")), name(first.ID("partner_store_id"))
	if first == nil && answer != nil {
		to = name(answer.ID("store_id"))
	}
	sent := first == nil || !sentAt.IsZero() || first.Has("partner_store_id")
	steps := []struct {
		key  string
		done bool
		at   time.Time
		args []any
	}{
		{"way.sent", sent, sentAt, []any{"store", from}},
		{"way.centre", sent && (centre.has || arrived), centre.at, nil},
		{"way.arrived", arrived, moment(answer, "created_at", "received_at"), []any{"store", to}},
		{last, taken, moment(answer, "finalised_at"), []any{"store", to}},
	}
	var out []wayStep
	now := true
	for _, s := range steps {
		state := "next"
		switch {
		case s.done:
			state = "done"
		case now:
			state, now = "now", false
		}
		if !s.done {
			s.at = time.Time{}
		}
		out = append(out, wayStep{Step: step{Key: s.key, State: state}, What: saying{s.key, s.args}, At: s.at})
	}
	return out
}

// moment is the first of the fields that has a time.
func moment(f atoll.Fields, names ...string) time.Time {
	for _, name := range names {
		if t, err := time.Parse(time.RFC3339, f.Text(name)); err == nil {
			return t
		}
	}
	return time.Time{}
}

// halves are the documents that one answers, and that answer it.
type halves struct{ began, answer atoll.Key }

// half finds the other half of a document in what it says itself.
func half(t atoll.Type, f atoll.Fields) halves {
	at := func(t atoll.Type, field string) atoll.Key { return atoll.Key{Type: t, ID: f.ID(field)} }
	switch {
	case t == "goods_received" && f.Has("originating_id"):
		return halves{began: at("invoice", "originating_id")}
	case (t == "invoice" || t == "requisition") && f.Has("originating_id"):
		return halves{began: at(t, "originating_id")}
	case t == "requisition" && f.Text("kind") == documents.Response && f.Has("purchase_order_id"):
		return halves{began: at("purchase_order", "purchase_order_id")}
	case t == "invoice" && f.Has("linked_goods_received_id"):
		return halves{answer: at("goods_received", "linked_goods_received_id")}
	case t != "requisition" && f.Has("linked_invoice_id"):
		return halves{answer: at("invoice", "linked_invoice_id")}
	case f.Has("linked_requisition_id"):
		return halves{answer: at("requisition", "linked_requisition_id")}
	}
	return halves{}
}
