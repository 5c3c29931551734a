package transfer

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
)

// numbering: a document with number -1 gets the next number of its own kind and
// store, at the site that owns it (R-D-14). -1 comes from partners that make
// responding halves elsewhere, and from the centre where it makes them for a site;
// it is never shown as a number. A responding half goes to the other store with its
// number, and so does the news of it (R-D-15).
func numbering(p papers) process.Kind {
	return process.Kind{Name: "numbering " + string(p.doc), Type: p.doc, Lines: p.line, Parent: p.parent, Answer: func(c process.Case) ([]journal.Proposal, error) {
		h, initiating, partner, err := answering(c, p)
		if err != nil || !c.Owns(c.Record) {
			return nil, err
		}
		change := atoll.Fields{}
		var out []journal.Proposal
		if c.Fields.Number("number") == "-1" {
			key := c.Fields.Text("kind")
			if key == "" {
				key = string(p.doc)
			}
			n, sequence, err := desk(c).Number(c.Fields.ID("store_id"), key)
			if err != nil {
				return nil, err
			}
			out = append(out, sequence)
			change.Set("number", n)
			if h != nil {
				news, err := once(c, notice(c, h, initiating, n, c.Store(c.Fields.ID("store_id")), partner))
				if err != nil {
					return nil, err
				}
				out = append(out, news...)
			}
		} else if h == nil || c.Fields.Has("partner_store_id") {
			return nil, nil
		}
		if h != nil && !h.quiet && !c.Fields.Has("partner_store_id") {
			change.Set("partner_store_id", partner)
			lines, err := linesOf(c.R, p, c.Record.ID)
			if err != nil {
				return nil, err
			}
			for _, l := range lines {
				out = append(out, journal.Proposal{Verb: atoll.Update, Key: l.Key, Fields: atoll.Fields{}.Set("partner_store_id", partner)})
			}
		}
		if len(change) == 0 {
			return nil, nil
		}
		return append([]journal.Proposal{{Verb: atoll.Update, Key: c.Record.Key, Fields: change}}, out...), nil
	}}
}

// answering is which kind of transfer made the document, the document it answers,
// and the store of that: nil for a document that answers none, or one that is not
// here.
func answering(c process.Case, p papers) (h *half, initiating atoll.Key, partner atoll.ID, err error) {
	for _, x := range halves {
		if x.to != p || x.as != c.Fields.Text("kind") || !c.Fields.Has(x.link) {
			continue
		}
		if x.ID(c.Fields.ID(x.link)) != c.Record.ID {
			continue
		}
		key := atoll.Key{Type: x.from.doc, ID: c.Fields.ID(x.link)}
		_, f, ok, err := find(c.R, key)
		if err != nil || !ok {
			return nil, key, "", err
		}
		return x, key, f.ID("store_id"), nil
	}
	return nil, atoll.Key{}, "", nil
}
