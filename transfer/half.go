package transfer

import (
	"fmt"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
)

// half is how one kind of document becomes another in the other store: what is
// common to all transfers.
type half struct {
	name       string     // of the kind
	doc, line  atoll.Type // types of header and lines, the same on both sides
	parent     string     // the line's field with its document
	from, to   string     // kinds of document
	words      string     // what the responding half is called
	header     []string   // header fields that are copied
	lineFields []string   // line fields that are copied
	finish     func(c process.Case, header atoll.Fields)
	finishLine func(c process.Case, from, to atoll.Fields)
}

// kind is the half as a kind of answer.
func (h half) kind() process.Kind {
	return process.Kind{Name: h.name, Type: h.doc, Lines: h.line, Parent: h.parent, Needs: "partner_store_id", Answer: h.respond}
}

// respond makes the responding half of the document, once it is whole (R-D-22).
func (h half) respond(c process.Case) ([]journal.Proposal, error) {
	partner := c.Fields.ID("partner_store_id")
	if c.Record.Deleted || c.Record.Hidden || c.Fields.Text("kind") != h.from || c.Fields.Text("status") != documents.Finalised ||
		partner == "" || !c.Here(partner) || c.Fields.Has("originating_id") {
		return nil, nil
	}
	id := h.ID(c.Record.ID)
	if done, err := c.Exists(atoll.Key{Type: h.doc, ID: id}); done || err != nil {
		return nil, err
	}
	lines, err := c.R.Records(storage.Query{Type: h.line, Where: map[string]string{h.parent: string(c.Record.ID)}})
	if err != nil {
		return nil, err
	}
	if want := int(c.Fields.Int("line_count")); len(lines) < want {
		return nil, nil // some lines have not arrived yet (R-D-51)
	}
	return h.make(c, id, partner, lines)
}

// ID is the identity of the responding half (R-D-12).
func (h half) ID(initiating atoll.ID) atoll.ID { return atoll.DeriveID(h.name, string(initiating)) }

func (h half) make(c process.Case, id, store atoll.ID, lines []atoll.Record) ([]journal.Proposal, error) {
	n, sequence, err := desk(c).Number(store, h.to)
	if err != nil {
		return nil, err
	}
	from := c.Fields.ID("store_id")
	header := atoll.Fields{}.Set("store_id", store).Set("kind", h.to).Set("number", n).Set("status", documents.New).
		Set("name_id", c.Store(from).NameID).Set("partner_store_id", from).Set("originating_id", c.Record.ID).
		Set("their_reference", reference(c.Fields)).Set("created_at", c.Now.UTC().Format("2006-01-02T15:04:05Z07:00")).
		Set("line_count", len(lines))
	copyFields(header, c.Fields, h.header)
	if h.finish != nil {
		h.finish(c, header)
	}
	out := []journal.Proposal{
		{Verb: atoll.Insert, Key: atoll.Key{Type: h.doc, ID: id}, Fields: header.Compacted()},
		sequence,
	}
	for _, r := range lines {
		f, err := r.Fields()
		if err != nil {
			return nil, err
		}
		line := atoll.Fields{}.Set(h.parent, id).Set("store_id", store).Set("partner_store_id", from).Set("originating_id", r.ID)
		copyFields(line, f, h.lineFields)
		if h.finishLine != nil {
			h.finishLine(c, f, line)
		}
		out = append(out, journal.Proposal{
			Verb: atoll.Insert, Key: atoll.Key{Type: h.line, ID: h.ID(r.ID)}, Fields: line.Compacted(),
		})
	}
	notice := notice(c, h, n, store, from)
	// A half that was lost with its site is made again; the news of it was told.
	if told, err := c.Exists(notice.Key); told || err != nil {
		return out, err
	}
	return append(out, notice), nil
}

// notice is the log message for the initiating half (R-D-15): it reaches the
// initiating store's site as a message.
func notice(c process.Case, h half, number int64, store, from atoll.ID) journal.Proposal {
	body := fmt.Sprintf("Transferred: %s %d was made in %s on %s", h.words, number, c.Store(store).Name, c.Now.UTC().Format("2 January 2006"))
	return journal.Proposal{
		Verb: atoll.Insert,
		Key:  atoll.Key{Type: "message", ID: atoll.DeriveID("message", h.name, string(c.Record.ID))},
		Fields: atoll.Fields{}.Set("from_store_id", store).Set("to_store_id", from).Set("kind", "transfer").Set("status", "new").
			Set("subject_type", string(h.doc)).Set("subject_id", string(c.Record.ID)).Set("body", body).
			Set("created_at", c.Now.UTC().Format("2006-01-02T15:04:05Z07:00")),
	}
}

// reference is how the responding half names the initiating one (R-D-23).
func reference(f atoll.Fields) string {
	s := "From number: " + f.Number("number")
	if own := f.Text("their_reference"); own != "" {
		s += " (" + own + ")"
	}
	return s
}

func copyFields(to, from atoll.Fields, names []string) {
	for _, name := range names {
		if from.Has(name) {
			to[name] = from[name]
		}
	}
}
