package console

import (
	"errors"
	"strconv"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// auditOp is one change of an entry.
type auditOp struct {
	Key      atoll.Key
	Verb     atoll.Verb
	Name     string
	Withheld bool
	Changes  []auditChange
	Further  int // changes that are not shown
	fields   atoll.Fields
	was      atoll.Fields
	whole    bool // was has all that there was
}

// auditChange is what an entry changed in one field.
type auditChange struct {
	Field    string
	Was, Now cell
	Known    bool // what it was before is known here
	Told     bool // people can read what it is and was
}

// auditRow is one entry of a journal: who did what, in one transaction.
type auditRow struct {
	storage.JournalEntry
	Entry      *atoll.Entry
	Unreadable string
	Ops        []auditOp
	More       int
}

type auditData struct {
	Site     atoll.SiteID
	SiteName string
	Sites    []option
	Rows     []auditRow
	Head     atoll.Head
	Pager    pager
	// What a look at the whole chain found.
	Verified bool
	Entries  int
	Broken   string
}

// How much of one entry is shown: changed records, and changed fields of each; and how
// many versions are looked at to say what a field was before.
const (
	auditOps    = 4
	auditFields = 3
	auditBack   = 12
	auditWords  = 60 // letters of a value
)

// audit is a site's journal, the newest entry first: who did what and when, which
// nobody can alter without breaking the chain (R-K-59, R-K-60).
func (c *console) audit(v *Visit) error {
	d := auditData{Site: c.Here}
	if want := v.R.FormValue("site"); want != "" {
		var err error
		if d.Site, err = v.siteMeant(want); err != nil {
			return err
		}
	}
	d.SiteName = v.siteName(d.Site)
	before, _ := strconv.ParseUint(v.R.FormValue("before"), 10, 64) // no number is the end
	var keys []atoll.Key
	err := c.Database.View(v.ctx(), func(r storage.Reader) error {
		d.Rows, keys = nil, nil
		heads, err := r.Journals()
		if err != nil {
			return err
		}
		head, ok := heads[d.Site]
		if !ok && d.Site != c.Here {
			return atoll.Errorf(atoll.NotFound, "there is no journal of site %d here", d.Site)
		}
		d.Head, d.Sites = head, nil
		for site := range heads {
			if len(heads) > mostPick {
				break // typed by name or number
			}
			d.Sites = append(d.Sites, option{site.String(), v.siteName(site), site == d.Site})
		}
		if before == 0 || before > head.Seq+1 {
			before = head.Seq + 1
		}
		page, more, err := newestBefore(r, d.Site, before)
		if err != nil {
			return err
		}
		past := journal.Provenance{R: r}
		for _, je := range page {
			row, err := v.auditRow(r, &past, je)
			if err != nil {
				return err
			}
			if row.Entry != nil && len(row.Ops) == 0 && len(row.Entry.Operations) > 0 {
				continue // of stores that are not the reader's
			}
			for _, op := range row.Ops {
				keys = append(append(keys, op.Key), c.named(op)...)
			}
			d.Rows = append(d.Rows, row)
		}
		if d.Pager = (pager{}); more {
			query := v.R.URL.Query()
			query.Del("verify")
			query.Set("before", strconv.FormatUint(page[len(page)-1].Seq, 10))
			d.Pager.Next = "/audit?" + query.Encode()
		}
		if v.R.FormValue("before") != "" {
			d.Pager.First = "/audit?site=" + d.Site.String()
		}
		if v.R.FormValue("verify") == "" {
			return nil
		}
		return d.verify(r)
	})
	if err != nil {
		return err
	}
	sortOptions(d.Sites)
	names, err := c.names(v, keys)
	if err != nil {
		return err
	}
	for i := range d.Rows {
		for j, op := range d.Rows[i].Ops {
			d.Rows[i].Ops[j].Name = names[op.Key]
			v.changesOf(&d.Rows[i].Ops[j], names)
		}
	}
	return v.page("audit", v.T("audit.title"), d)
}

// auditBytes is how much of a journal one page reads: imports are large entries.
const auditBytes = 1 << 20

// newestBefore are the entries before a seq, the newest first, as many as fit on a
// page; more says that older ones are here.
func newestBefore(r storage.Reader, site atoll.SiteID, before uint64) (out []storage.JournalEntry, more bool, err error) {
	for size := 0; before > 1; {
		e, err := r.Entry(site, before-1)
		if errors.Is(err, atoll.NotFound) {
			return out, false, nil // where this database's part begins
		}
		if err != nil {
			return nil, false, err
		}
		if len(out) == pageRows || len(out) > 0 && size+len(e.Content) > auditBytes {
			return out, true, nil
		}
		out, size, before = append(out, e), size+len(e.Content), before-1
	}
	return out, false, nil
}

// verify recomputes the whole chain of the journal.
func (d *auditData) verify(r storage.Reader) error {
	base, err := r.Base(d.Site)
	if err != nil {
		return err
	}
	d.Verified = true
	d.Entries, err = journal.Verify(r, d.Site, base.Seq, base.Hash)
	switch {
	case errors.Is(err, atoll.WrongChain):
		d.Broken = err.Error()
	case err != nil:
		return err
	case base.Seq+uint64(d.Entries) != d.Head.Seq: //nolint:gosec // a count
		d.Broken = "the journal ends before its head"
	}
	return nil
}

// named are the records that the changed fields of an operation name, now or before.
func (c *console) named(op auditOp) (out []atoll.Key) {
	def, ok := c.Catalogue.Lookup(op.Key.Type)
	if !ok {
		return nil
	}
	for _, fields := range []atoll.Fields{op.fields, op.was} {
		for name := range fields {
			if f, _ := def.Field(name); f.Kind == catalogue.Reference {
				out = append(out, atoll.Key{Type: f.To, ID: fields.ID(name)})
			}
		}
	}
	return out
}

// changesOf says which fields an operation changed, from what to what, in the order of
// the catalogue; what programs write for each other is only named, and comes last.
func (v *Visit) changesOf(op *auditOp, names map[atoll.Key]string) {
	def, ok := v.c.Catalogue.Lookup(op.Key.Type)
	if !ok {
		op.Further = len(op.fields)
		return
	}
	var raw []auditChange
	for _, f := range def.Fields {
		if _, changed := op.fields[f.Name]; !changed {
			continue
		}
		one := auditChange{Field: f.Name, Was: v.brief(f, op.was, names), Now: v.brief(f, op.fields, names)}
		_, one.Known = op.was[f.Name]
		one.Known = one.Known || op.whole
		if one.Told = !one.Was.Raw && !one.Now.Raw && !f.Secret; one.Told {
			op.Changes = append(op.Changes, one)
		} else {
			raw = append(raw, one)
		}
	}
	op.Changes = append(op.Changes, raw...)
	op.Changes = op.Changes[:min(len(op.Changes), auditFields)]
	op.Further = len(op.fields) - len(op.Changes)
}

// brief is the value of a field in few words, without a link.
func (v *Visit) brief(f catalogue.Field, fields atoll.Fields, names map[atoll.Key]string) cell {
	out := v.cell(f, fields, names)
	out.Link = ""
	if letters := []rune(out.Words); len(letters) > auditWords {
		out.Words = string(letters[:auditWords]) + "…"
	}
	if out.Number {
		out.Words = v.decimal(out.Words)
	}
	return out
}

func (v *Visit) auditRow(r storage.Reader, past *journal.Provenance, je storage.JournalEntry) (auditRow, error) {
	row := auditRow{JournalEntry: je}
	e, err := atoll.DecodeEntry(je.Content)
	if err != nil {
		row.Unreadable = err.Error()
		return row, nil //nolint:nilerr // it is shown as it is
	}
	row.Entry = e
	for _, op := range e.Operations {
		withheld := !op.Withheld.IsZero()
		if len(v.User.Stores) > 0 {
			sees, err := v.seesKey(r, op.Key)
			if err != nil {
				return row, err
			}
			if !sees || withheld {
				continue
			}
		}
		if len(row.Ops) == auditOps {
			row.More++
			continue
		}
		one := auditOp{Key: op.Key, Verb: op.Verb, Withheld: withheld}
		if op.Verb == atoll.Update && !withheld {
			one.fields = op.Fields
			if one.was, one.whole, err = past.Before(op, auditBack); err != nil {
				return row, err
			}
		}
		row.Ops = append(row.Ops, one)
	}
	return row, nil
}
