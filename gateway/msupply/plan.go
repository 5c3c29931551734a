package msupply

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
)

// The outcomes of a source, and of a record of ours.
const (
	inserted  = "inserted"
	changed   = "changed"
	unchanged = "unchanged"
	deleted   = "deleted"
	keptWhole = "kept"
)

// verdict is what becomes of one record of ours.
type verdict struct {
	typ  atoll.Type
	verb string
}

// planned is what the import of one source needs, in a form of which many fit
// into memory.
type planned struct {
	*source
	state    string
	verdicts []verdict
	records  []packed // its records
	notes    []packed // external keys and companions
	needs    []atoll.Key
	document atoll.Key // that its record is a line of, and is written with
	refused  string    // why it is kept whole
	detail   string
	within   bool
	dangles  []string
	unread   []string
	given    bool // up: a refusal made it be kept
}

// packed is a proposal with its fields encoded.
type packed struct {
	verb   atoll.Verb
	key    atoll.Key
	expect uint64
	fields []byte
}

func pack(q journal.Proposal) packed {
	out := packed{verb: q.Verb, key: q.Key, expect: q.Expect}
	if q.Verb == atoll.Insert {
		q.Fields = q.Fields.Compacted()
	}
	if q.Verb != atoll.Delete {
		out.fields = q.Fields.Encode()
	}
	return out
}

func (p packed) proposal() (journal.Proposal, error) {
	q := journal.Proposal{Verb: p.verb, Key: p.key, Expect: p.expect}
	if p.fields == nil {
		return q, nil
	}
	var err error
	q.Fields, err = atoll.ParseFields(p.fields)
	return q, err
}

// unit is what has to be in one entry: a document with its lines, since lines of
// a finalised document cannot be added later; otherwise one source.
type unit struct {
	members []*planned
	order   int  // in which its types are written
	barrier bool // what is written later needs it in force: stores, patients
}

// planner compares translated rows with the database and says what to write.
type planner struct {
	ctx     context.Context //nolint:containedctx // one planner is one import
	writer  Writer
	w       *world
	touched map[atoll.Key]bool // records that an earlier row plans already
	shared  *planned           // patterns of empty keys, which belong to no one row
}

// plan returns what is to be done for the source. It reads; it writes nothing.
func (p *planner) plan(s *source) (*planned, error) {
	r := p.w.translate(s)
	if p.w.err != nil {
		return nil, p.w.err
	}
	out := &planned{source: s, state: unchanged, within: r.within, dangles: r.dangles, unread: r.unread}
	if r.refused == "" {
		same, err := p.seen(r)
		if err != nil {
			return nil, err
		}
		if same {
			for _, m := range r.made {
				out.verdicts = append(out.verdicts, verdict{m.typ, unchanged}, verdict{externalType, unchanged})
			}
			out.verdicts = append(out.verdicts, verdict{keptType, unchanged})
			return out, nil
		}
		for _, m := range r.made {
			if err := p.compare(out, r, m); err != nil {
				return nil, err
			}
		}
	}
	if r.refused != "" { // before, or by the comparison
		return out, p.keep(out, r)
	}
	out.document = document(r, out.records)
	return out, p.companions(out, r)
}

// keep plans to keep the whole record instead of what was planned for it.
func (p *planner) keep(out *planned, r *row) error {
	for _, q := range out.records {
		delete(p.touched, q.key)
	}
	out.state, out.records, out.notes, out.verdicts, out.needs = keptWhole, nil, nil, nil, nil
	out.refused, out.detail = r.refused, r.detail
	return p.companions(out, r)
}

// seen reports whether the last import of the record brought just this.
func (p *planner) seen(r *row) (bool, error) {
	f, _, ok, err := p.read(atoll.Key{Type: keptType, ID: keptID(r.table, r.key)})
	return ok && f.Text("why") == whyRemainder && f.Text("digest") == r.digest(), err
}

// read returns a record that is there and not deleted.
func (p *planner) read(key atoll.Key) (atoll.Fields, uint64, bool, error) {
	r, ok, err := p.writer.Record(p.ctx, key)
	if err != nil || !ok || r.Deleted {
		return atoll.Fields{}, 0, false, err
	}
	f, err := r.Fields()
	return f, r.Version, err == nil, err
}

// compare plans the change of one record.
func (p *planner) compare(out *planned, r *row, m *made) error {
	if r.refused != "" || p.touched[m.record()] {
		return nil
	}
	before, there, err := p.writer.Record(p.ctx, m.record())
	if err != nil {
		return err
	}
	old := atoll.Fields{}
	if there {
		if old, err = before.Fields(); err != nil {
			return err
		}
	}
	if m.delete {
		if there && !before.Deleted {
			p.propose(out, r, m, journal.Proposal{Verb: atoll.Delete, Key: m.record(), Expect: before.Version}, deleted)
		}
		return nil
	}
	note, _, noted, err := p.read(atoll.Key{Type: externalType, ID: externalID(r.table, m.key)})
	if err != nil {
		return err
	}
	switch {
	case noted && (note.Text("record_type") != string(m.typ) || note.ID("record_id") != m.id):
		r.refuse(whyIdentity, "it was imported as "+note.Text("record_type")+" before, and is a "+string(m.typ)+" now")
		return nil
	case there && before.Deleted:
		r.refuse(whyHere, "the record was deleted here")
		return nil
	case !there:
		p.propose(out, r, m, journal.Proposal{Verb: atoll.Insert, Key: m.record(), Fields: m.whole()}, inserted)
	default:
		p.update(out, r, m, old, before.Version)
	}
	if !noted && r.refused == "" {
		out.notes = append(out.notes, pack(journal.Proposal{
			Verb: atoll.Insert, Key: atoll.Key{Type: externalType, ID: externalID(r.table, m.key)}, Fields: r.external(m),
		}))
		out.verdicts = append(out.verdicts, verdict{externalType, inserted})
	} else {
		out.verdicts = append(out.verdicts, verdict{externalType, unchanged})
	}
	return nil
}

// update plans the fields that differ, among those the source speaks of.
func (p *planner) update(out *planned, r *row, m *made, old atoll.Fields, version uint64) {
	change := differences(old, m.fields)
	if m.typ == "number_sequence" && change.Has("last") && old.Int("last") > change.Int("last") {
		delete(change, "last") // numbers were given here since: a sequence never falls back
	}
	if len(change) == 0 {
		out.verdicts = append(out.verdicts, verdict{m.typ, unchanged})
		return
	}
	if err := p.w.catalogue.CheckChange(m.typ, old, change); err != nil {
		r.refuse(whySchema, err.Error())
		return
	}
	p.propose(out, r, m, journal.Proposal{Verb: atoll.Update, Key: m.record(), Fields: change, Expect: version}, changed)
}

func (p *planner) propose(out *planned, r *row, m *made, q journal.Proposal, verb string) {
	p.touched[m.record()] = true
	out.records = append(out.records, pack(q))
	out.verdicts = append(out.verdicts, verdict{m.typ, verb})
	for _, ref := range p.w.catalogue.References(m.typ, q.Fields) {
		if ref.Required || ref.Parent {
			out.needs = append(out.needs, atoll.Key{Type: ref.To, ID: ref.ID})
		}
	}
	if m == r.main() {
		out.state = verb
	} else if out.state == unchanged {
		out.state = changed
	}
}

// differences are the fields of to that are otherwise in from; null for those to
// be cleared. Fields that to does not name are no business of the import.
func differences(from, to atoll.Fields) atoll.Fields {
	out := atoll.Fields{}
	for name, v := range to {
		if to.Has(name) && !bytes.Equal(from[name], v) || !to.Has(name) && from.Has(name) {
			out[name] = v
		}
	}
	return out
}

// companions plans the foreign_records of the row, and removes parts of an
// earlier, longer one.
func (p *planner) companions(out *planned, r *row) error {
	now := r.companions()
	first := atoll.Key{Type: keptType, ID: keptID(r.table, r.key)}
	before, _, _, err := p.read(first)
	if err != nil {
		return err
	}
	parts := int64(1)
	for _, k := range now {
		if n := k.fields.Int("parts"); n > 0 {
			parts = n
		}
		if err := p.companion(out, k); err != nil {
			return err
		}
	}
	for i := parts; i < before.Int("parts"); i++ {
		key := atoll.Key{Type: keptType, ID: keptID(r.table, r.key, string(rune('0'+i/10))+string(rune('0'+i%10)))}
		if _, version, there, err := p.read(key); err != nil {
			return err
		} else if there {
			out.notes = append(out.notes, pack(journal.Proposal{Verb: atoll.Delete, Key: key, Expect: version}))
			out.verdicts = append(out.verdicts, verdict{keptType, deleted})
		}
	}
	return nil
}

func (p *planner) companion(out *planned, k kept) error {
	key := atoll.Key{Type: keptType, ID: k.id}
	if k.fields.Text("why") == whyEmpty {
		if p.touched[key] {
			return nil // another row has the same empty keys
		}
		p.touched[key] = true
		out = p.shared
	}
	old, version, there, err := p.read(key)
	if err != nil {
		return err
	}
	verb := inserted
	q := journal.Proposal{Verb: atoll.Insert, Key: key, Fields: k.fields}
	if there {
		q = journal.Proposal{Verb: atoll.Update, Key: key, Fields: differences(old, k.fields), Expect: version}
		verb = changed
	}
	if there && len(q.Fields) == 0 {
		verb = unchanged
	} else {
		out.notes = append(out.notes, pack(q))
	}
	out.verdicts = append(out.verdicts, verdict{keptType, verb})
	switch {
	case out == p.shared || out.state == keptWhole:
	case out.within:
		out.state = verb
	case verb == changed && out.state == unchanged:
		out.state = changed // what is not translated has changed
	}
	return nil
}

// whole are the lines that are written with their document.
var whole = []atoll.Type{
	"invoice_line", "prescription_line", "requisition_line", "stocktake_line", "purchase_order_line", "goods_received_line",
}

// units puts what was planned into an order in which each record comes after what
// it needs: that of the catalogue, and where a source becomes records of several
// types, that of their required references.
func (p *planner) units(all []*planned) []*unit {
	var out []*unit
	for _, q := range p.shared.notes {
		out = append(out, &unit{members: []*planned{{notes: []packed{q}}}, order: -2})
	}
	of := map[atoll.Key]*unit{}
	for _, m := range all {
		if len(m.records) == 0 && len(m.notes) == 0 {
			continue
		}
		u := &unit{members: []*planned{m}, order: -1}
		for i, q := range m.records {
			if i == 0 {
				u.order = p.w.catalogue.Order(q.key.Type)
			}
			u.barrier = u.barrier || q.key.Type == "store" || q.key.Type == "patient" || q.key.Type == "prescriber"
			of[q.key] = u
		}
		out = append(out, u)
	}
	for _, u := range out {
		head := of[u.members[0].document]
		if head == nil || head == u {
			continue
		}
		head.members = append(head.members, u.members...)
		for _, q := range u.members[0].records {
			of[q.key] = head
		}
		u.members = nil
	}
	out = slices.DeleteFunc(out, func(u *unit) bool { return len(u.members) == 0 })
	slices.SortStableFunc(out, func(a, b *unit) int { return cmp.Compare(a.order, b.order) })
	return afterWhatTheyNeed(out, of)
}

// afterWhatTheyNeed moves a unit behind those that make what its records cannot
// be without. The order stays as it is where nothing asks for another.
func afterWhatTheyNeed(all []*unit, of map[atoll.Key]*unit) []*unit {
	out := make([]*unit, 0, len(all))
	placed := map[*unit]bool{}
	var place func(*unit)
	place = func(u *unit) {
		if placed[u] {
			return
		}
		placed[u] = true // also on the way: a circle of needs has no order
		for _, m := range u.members {
			for _, key := range m.needs {
				if needed := of[key]; needed != nil {
					place(needed)
				}
			}
		}
		out = append(out, u)
	}
	for _, u := range all {
		place(u)
	}
	return out
}

// document is the document that the record of a row is a line of, if it is one.
func document(r *row, records []packed) atoll.Key {
	if len(records) != 1 || !slices.Contains(whole, records[0].key.Type) {
		return atoll.Key{}
	}
	for _, f := range r.def.Fields {
		if f.Parent {
			return atoll.Key{Type: f.To, ID: r.main().fields.ID(f.Name)}
		}
	}
	return atoll.Key{}
}
