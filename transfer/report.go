package transfer

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/integrate"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Reason is why a document has no responding half.
type Reason string

// The reasons (R-D-52).
const (
	Waiting      Reason = "waiting"           // nothing is wrong: it is on its way
	NotConnected Reason = "not_connected"     // the other store's site has not synchronised since
	Failed       Reason = "integration_error" // it could not be taken in, or not be answered
	TooOld       Reason = "too_old"           // R-D-45
	NotVisible   Reason = "not_visible"       // the stores do not see each other any more
	Disabled     Reason = "disabled"          // the other store is closed, and nobody took over
	Refused      Reason = "refused"           // it was answered on its own site, and then refused at the centre
)

// messageKind marks messages that tell why a document is not answered.
const messageKind = "transfer_exception"

// report is a message to the initiating store, and to the centre, that says why
// the document is not answered. The same news is told once.
func (h *half) report(c process.Case, by atoll.ID, reason Reason, words string, lines []string) journal.Proposal {
	return reportOf(c, by, c.Record.Key, c.Fields.ID("store_id"), reason, words, lines)
}

func reportOf(c process.Case, by atoll.ID, about atoll.Key, to atoll.ID, reason Reason, words string, lines []string) journal.Proposal {
	body := atoll.Fields{}.Set("reason", string(reason)).Set("words", words)
	if len(lines) > 0 {
		body.Set("lines", lines)
	}
	f := atoll.Fields{}.Set("to_store_id", to).Set("kind", messageKind).Set("status", "new").Set("subject_type", string(about.Type)).
		Set("subject_id", string(about.ID)).Set("body", body).Set("created_at", atoll.Stamp(c.Now))
	if by != "" {
		f.Set("from_store_id", by)
	}
	return journal.Proposal{
		Verb: atoll.Insert, Fields: f,
		Key: newsKey(c, messageKind, c.Site.String(), string(about.ID), string(by), string(reason), words),
	}
}

// newsKey is the key of a message with news about a document. The centre's is the same
// whenever it is told, so that a restored centre says what it had said (R-B-78). A
// remote site's is of the site and the moment: one that was initialised again, and does
// not get back what it kept to itself, answers and tells anew, and what it told before
// stands at the centre (R-C-94); so does what the site told that a store moved from.
func newsKey(c process.Case, about ...string) atoll.Key {
	if c.Site != c.T.Centre() {
		about = append(about, c.Site.String(), atoll.Stamp(c.Now))
	}
	return atoll.Key{Type: "message", ID: atoll.DeriveID(append([]string{"message"}, about...)...)}
}

// once returns the proposal of a message unless the same is here already, whoever's
// database it was told in: from the same store to the same, about the same document,
// in the same words. A notice that a document was made has words with its number, and
// is told once whatever they are.
func once(c process.Case, p journal.Proposal) ([]journal.Proposal, error) {
	if done, err := c.Exists(p.Key); err != nil || done {
		return nil, err
	}
	told, err := c.R.Records(storage.Query{Type: "message", Where: map[string]string{"subject_id": p.Fields.Text("subject_id")}})
	if err != nil {
		return nil, err
	}
	for _, m := range told {
		f, err := m.Fields()
		if err != nil {
			return nil, err
		}
		same := true
		for _, name := range []string{"kind", "from_store_id", "to_store_id", "subject_type"} {
			same = same && f.Text(name) == p.Fields.Text(name)
		}
		if same && (p.Fields.Text("kind") != messageKind || bytes.Equal(f["body"], p.Fields["body"])) {
			return nil, nil
		}
	}
	return []journal.Proposal{p}, nil
}

// incomplete tells of lines that arrived and could not be taken in (R-D-93). Lines
// that have not arrived yet are no news: they will.
func (h *half) incomplete(c process.Case, by atoll.ID, have, want int) ([]journal.Proposal, error) {
	var lines []string
	why := ""
	for page, err := range storage.StagedPages(c.R, integrate.LaneWaiting, h.from.line) {
		if err != nil {
			return nil, err
		}
		for _, item := range page {
			a, err := integrate.Decode(item)
			if err != nil || a.Record.MustFields().ID(h.from.parent) != c.Record.ID {
				continue
			}
			lines = append(lines, string(item.Key.ID))
			if why == "" {
				why = item.Error
			}
		}
	}
	if len(lines) == 0 {
		return nil, nil
	}
	slices.Sort(lines)
	words := fmt.Sprintf("%d of %d lines could not be taken in: %s (%s)", want-have, want, strings.Join(lines, ", "), why)
	return once(c, h.report(c, by, Failed, words, lines))
}

// failed tells of a document that could not be answered.
func (h *half) failed(c process.Case, e process.Exception) []journal.Proposal {
	store, ok := c.T.Heir(c.Fields.ID("partner_store_id"))
	if !ok || !answersFor(c, store) {
		return nil
	}
	if _, moving := c.T.Moving(store.ID); moving {
		return nil // nobody can work in it; whoever gets it answers
	}
	by := store.ID
	if standsIn(c, store) {
		by = ""
	}
	words, lines := e.Message, []string(nil)
	if sent, err := linesOf(c.R, h.from, c.Record.ID); err == nil {
		for _, l := range sent { // what failed is told by the line that was sent
			if strings.Contains(words, string(h.ID(l.ID))) {
				lines = append(lines, string(l.ID))
				words = strings.ReplaceAll(words, string(h.ID(l.ID)), string(l.ID))
			}
		}
	}
	p, err := once(c, h.report(c, by, Failed, words, lines))
	if err != nil {
		return nil
	}
	return p
}

// graceOfStores is how long before a store was made a document may have been made
// for it (R-D-45).
const graceOfStores = 30 * 24 * time.Hour

// tooOld says why a document is too old to be answered, "" if it is not (R-D-45).
// What decides are dates written in records, not clocks.
func tooOld(c process.Case, store topology.Store) string {
	made, ok := dateOf(c.Fields, "created_at", "confirmed_at", "finalised_at")
	if !ok {
		return ""
	}
	_, f, there, err := find(c.R, atoll.Key{Type: "store", ID: store.ID})
	if err == nil && there {
		if began, ok := dateOf(f, "created_date"); ok && made.Before(began.Add(-graceOfStores)) {
			return fmt.Sprintf("not transferred (too old): made on %s, and %s is there only since %s",
				made.Format(time.DateOnly), store.Name, began.Format(time.DateOnly))
		}
	}
	months, err := strconv.Atoi(preference(c, store.ID, "transfer_cut_off"))
	site, known := c.T.Site(store.Site)
	if err != nil || months <= 0 || !known {
		return ""
	}
	_, f, there, err = find(c.R, atoll.Key{Type: "site", ID: site.Record})
	if err != nil || !there {
		return ""
	}
	if began, ok := dateOf(f, "created_at"); ok && made.Before(began.AddDate(0, -months, 0)) {
		return fmt.Sprintf("not transferred (too old): made on %s, more than %d months before site %s began",
			made.Format(time.DateOnly), months, store.Site)
	}
	return ""
}

// dateOf reads the first of the fields that holds a time or a date.
func dateOf(f atoll.Fields, names ...string) (time.Time, bool) {
	for _, name := range names {
		for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
			if t, err := time.Parse(layout, f.Text(name)); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// park tells the initiating store of a document that nobody will answer because
// the other store is closed and has no successor (R-D-48). The centre does it, once;
// when the store is opened again the document is answered.
func (h *half) park() process.Kind {
	return process.Kind{Name: "park " + h.name, Type: h.from.doc, Needs: "partner_store_id", Answer: func(c process.Case) ([]journal.Proposal, error) {
		if c.Site != c.T.Centre() {
			return nil, nil
		}
		if ok, err := h.begun(c); err != nil || !ok {
			return nil, err
		}
		if done, err := h.answered(c); err != nil || done.ID != "" {
			return nil, err
		}
		if _, ok := c.T.Heir(c.Fields.ID("partner_store_id")); ok {
			return nil, nil
		}
		other := storeOf(c, c.Fields.ID("partner_store_id"))
		words := fmt.Sprintf("not transferred: %s is disabled", other.Name)
		return once(c, h.report(c, "", Disabled, words, nil))
	}}
}
