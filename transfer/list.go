package transfer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// OldAfter is the age from which an unanswered transfer is marked (R-D-52).
const OldAfter = 7 * 24 * time.Hour

// Patience is how long a document may be on its way before it is an exception that
// its site has not synchronised: until then the site has had no fair chance.
const Patience = 24 * time.Hour

// Party is one store of a transfer.
type Party struct {
	ID   atoll.ID     `json:"id"`
	Code string       `json:"code,omitempty"`
	Name string       `json:"name,omitempty"`
	Site atoll.SiteID `json:"site,omitempty"` // where it is active
	// SiteName is the name of that site, where it is known here.
	SiteName string `json:"site_name,omitempty"`
}

// place is the site as people call it.
func (p Party) place() string {
	if p.SiteName == "" {
		return "site " + p.Site.String()
	}
	return "site " + p.Site.String() + ", " + p.SiteName
}

// Document names one half.
type Document struct {
	Type   atoll.Type `json:"type"`
	ID     atoll.ID   `json:"id"`
	Kind   string     `json:"kind,omitempty"`
	Number int64      `json:"number,omitempty"` // 0: not numbered
	Status string     `json:"status"`
}

// Transfer is one that is under way, as this database knows it.
type Transfer struct {
	Initiating Document  `json:"initiating"`
	Responding *Document `json:"responding,omitempty"`
	From       Party     `json:"from"`
	To         Party     `json:"to"`
	// Since is when this database learnt of it, Days how long ago that is in full
	// days, and Old marks an unanswered one that is older than OldAfter.
	Since time.Time `json:"since"`
	Days  int       `json:"days"`
	Old   bool      `json:"old"`
	// InTransit says that goods have left and are not in stock at the other end;
	// Value is what they were sold for (R-D-11, R-D-27).
	InTransit bool   `json:"in_transit"`
	Value     string `json:"value,omitempty"`
	// Exception says that there is no responding half, and that it is not merely young
	// (Patience), or that there is one to a document that was refused; Reason and Words
	// tell why.
	// Lines names lines that could not be taken in (R-D-52, R-D-93).
	Exception bool     `json:"exception"`
	Reason    Reason   `json:"reason"`
	Words     string   `json:"words"`
	Lines     []string `json:"lines,omitempty"`
	// Cancelling says that the sender has asked for its cancellation (R-D-39).
	Cancelling bool `json:"cancelling,omitempty"`
}

// Filter chooses transfers; the zero Filter chooses all that are under way.
type Filter struct {
	InTransit, Exceptions bool
	Store                 atoll.ID // either side; "" for every store
	Site                  atoll.SiteID
	Reason                Reason
	Document              atoll.Key // the initiating half; the zero key for all
}

func (f Filter) takes(t Transfer) bool {
	return (!f.InTransit || t.InTransit) && (!f.Exceptions || t.Exception) &&
		(f.Store == "" || f.Store == t.From.ID || f.Store == t.To.ID) && (f.Site == 0 || f.Site == t.To.Site) &&
		(f.Reason == "" || f.Reason == t.Reason)
}

// List returns the transfers under way that the filter takes, the oldest first.
// Contact tells when a site last completed an exchange, the zero time for never;
// nil when nothing is known of that here.
func List(r storage.Reader, t *topology.Topology, now time.Time, f Filter, contact func(atoll.SiteID) time.Time) ([]Transfer, error) {
	items, err := r.Scan(shelfOpen, "", 0, false)
	if err != nil {
		return nil, err
	}
	var out []Transfer
	for _, it := range items {
		var kept open
		if err := storage.Decode(shelfOpen, it, &kept); err != nil {
			return nil, err
		}
		key, _ := keyOf(it.Key)
		if f.Document.ID != "" && f.Document != key {
			continue
		}
		rec, fields, ok, err := find(r, key)
		if err != nil {
			return nil, err
		}
		c := process.Case{R: r, T: t, Now: now, Record: rec, Fields: fields}
		var s standing // none of what is not here
		if ok && !rec.Hidden {
			if s, err = stateOf(c); err != nil {
				return nil, err
			}
		}
		if s.phase == none && kept.Answer != "" {
			row, there, err := unfounded(c, key, kept)
			if err != nil {
				return nil, err
			}
			if there && f.takes(row) {
				out = append(out, row)
			}
			continue
		}
		if s.phase == settled || s.phase == none {
			continue
		}
		row, err := describe(c, s, time.UnixMilli(kept.Since).UTC(), contact)
		if err != nil {
			return nil, err
		}
		if f.takes(row) {
			out = append(out, row)
		}
	}
	slices.SortStableFunc(out, func(a, b Transfer) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Initiating.ID, b.Initiating.ID))
	})
	return out, nil
}

// unfounded describes an answer to a document that was refused, or that is a draft as
// the change that sent it was.
func unfounded(c process.Case, initiating atoll.Key, kept open) (row Transfer, there bool, err error) {
	key, _ := keyOf(kept.Answer)
	rec, f, there, err := find(c.R, key)
	if err != nil || !there || rec.Hidden {
		return row, false, err
	}
	answer := document(rec, f)
	since := time.UnixMilli(kept.Since).UTC()
	row = Transfer{
		Initiating: Document{Type: initiating.Type, ID: initiating.ID}, Responding: &answer,
		From: party(c, f.ID("partner_store_id")), To: party(c, f.ID("store_id")), Since: since,
		Days: int(c.Now.Sub(since) / (24 * time.Hour)), Old: c.Now.Sub(since) > OldAfter, Exception: true, Reason: Refused,
	}
	refused := "refused"
	switch {
	case kept.Refusal != 0:
		refused = fmt.Sprintf("refused (refusal %d)", kept.Refusal)
	case kept.Lost:
		refused = "lost when the database was restored"
	}
	row.Words = fmt.Sprintf("the document of %s was %s, and answered in %s", row.From.Name, refused, row.To.Name)
	if c.Record.ID != "" && !c.Record.Deleted {
		row.Initiating = document(c.Record, c.Fields)
		row.Words = fmt.Sprintf("the document of %s is %s: what its site did with it was %s, and it is answered in %s",
			row.From.Name, row.Initiating.Status, refused, row.To.Name)
	}
	return row, true, nil
}

func document(r atoll.Record, f atoll.Fields) Document {
	d := Document{Type: r.Type, ID: r.ID, Kind: f.Text("kind"), Status: f.Text("status")}
	if !documents.Unnumbered(f) {
		d.Number = f.Int("number")
	}
	return d
}

func party(c process.Case, id atoll.ID) Party {
	s := storeOf(c, id)
	site, _ := c.T.Site(s.Site)
	return Party{ID: id, Code: s.Code, Name: s.Name, Site: s.Site, SiteName: site.Name}
}

func describe(c process.Case, s standing, since time.Time, contact func(atoll.SiteID) time.Time) (Transfer, error) {
	partner := c.Fields.ID("partner_store_id")
	heir, open := c.T.Heir(partner)
	row := Transfer{
		Initiating: document(c.Record, c.Fields), From: party(c, c.Fields.ID("store_id")), To: party(c, partner), Since: since,
		Days: int(c.Now.Sub(since) / (24 * time.Hour)), Cancelling: c.Fields.Has("cancel_requested_at"),
	}
	if open {
		row.To = party(c, heir.ID)
	}
	if s.answer.ID != "" {
		f, err := s.answer.Fields()
		if err != nil {
			return row, err
		}
		d := document(s.answer, f)
		row.Responding = &d
	}
	if s.half.from == invoices {
		row.InTransit = true
		value, err := worth(c)
		if err != nil {
			return row, err
		}
		row.Value = value
	}
	row.Reason, row.Words = Waiting, "in transit to "+row.To.place()
	if !row.InTransit {
		row.Words = "on its way to " + row.To.place()
	}
	if row.Responding != nil {
		row.Words = fmt.Sprintf("arrived at %s, not in stock yet", row.To.place())
		return row, nil
	}
	row.Old = c.Now.Sub(since) > OldAfter
	err := why(c, &row, open, contact)
	row.Exception = s.phase == unanswered && (row.Reason != Waiting || c.Now.Sub(since) >= Patience)
	return row, err
}

// why finds the reason for which there is no responding half.
func why(c process.Case, row *Transfer, open bool, contact func(atoll.SiteID) time.Time) error {
	told, err := c.R.Records(storage.Query{Type: "message", Where: map[string]string{"subject_id": string(c.Record.ID), "kind": messageKind}})
	if err != nil {
		return err
	}
	slices.SortStableFunc(told, func(a, b atoll.Record) int {
		return cmp.Compare(a.MustFields().Text("created_at"), b.MustFields().Text("created_at"))
	})
	switch {
	case !open:
		row.Reason, row.Words = Disabled, fmt.Sprintf("%s is disabled, and no store took its place", row.To.Name)
		return nil
	case len(told) > 0:
		body := object(told[len(told)-1].MustFields(), "body")
		if reason := Reason(body.Text("reason")); reason != Disabled { // that was before the store was opened again
			row.Reason, row.Words = reason, body.Text("words")
			_ = json.Unmarshal(body["lines"], &row.Lines)
			return nil
		}
	}
	if contact == nil || row.To.Site == c.T.Centre() {
		return nil
	}
	if last := contact(row.To.Site); last.Before(row.Since) {
		if c.Now.Sub(row.Since) < Patience {
			return nil
		}
		row.Reason = NotConnected
		switch days := int(c.Now.Sub(last) / (24 * time.Hour)); {
		case last.IsZero():
			row.Words += ", which has never synchronised"
		case days == 1:
			row.Words += ", which has not synchronised for a day"
		default:
			row.Words += fmt.Sprintf(", which has not synchronised for %d days", days)
		}
		return nil
	}
	if !c.T.Visible(row.From.ID, row.To.ID) {
		row.Reason, row.Words = NotVisible, fmt.Sprintf("%s and %s do not see each other any more", row.From.Name, row.To.Name)
	}
	return nil
}

// worth is what the goods of a shipment were sold for, or cost where no price is known.
func worth(c process.Case) (string, error) {
	lines, err := linesOf(c.R, invoices, c.Record.ID)
	if err != nil {
		return "", err
	}
	sum := "0"
	for _, l := range lines {
		f := l.MustFields()
		price := "sell_price_per_pack"
		if !f.Has(price) {
			price = "cost_price_per_pack"
		}
		sum = documents.Add(sum, documents.Mul(f.Number("number_of_packs"), f.Number(price)))
	}
	return sum, nil
}
