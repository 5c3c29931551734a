package central

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/storage"
)

// docket is what is open in quarantine, while one transaction judges it again. What
// hangs together is looked at many times over: it is read once, and what was found to
// be in vain is not tried again before something else has come to stand.
type docket struct {
	*Centre
	tx      storage.Tx
	open    map[atoll.SiteID]*pending
	entries map[int64]*atoll.Entry
	bytes   int            // of the entries
	vain    map[int64]vain // runs that end with this entry
}

// pending are the refusals of a site from one on, in their order, that were open.
type pending struct {
	from int64
	rows []*storage.Refusal
}

// mostDecoded is how much of entries is kept decoded, as they came.
const mostDecoded = 16 << 20

func (c *Centre) docketOf(tx storage.Tx) *docket {
	return &docket{Centre: c, tx: tx, open: map[atoll.SiteID]*pending{}, entries: map[int64]*atoll.Entry{}, vain: map[int64]vain{}}
}

// from returns the refusals of a site that were open, from one on.
func (d *docket) from(site atoll.SiteID, id int64) ([]*storage.Refusal, error) {
	if p := d.open[site]; p != nil && p.from <= id {
		i, _ := slices.BinarySearchFunc(p.rows, id, func(r *storage.Refusal, id int64) int { return int(r.ID - id) })
		return p.rows[i:], nil
	}
	rows, err := d.tx.Refusals(site, true, id-1, 0)
	if err != nil {
		return nil, err
	}
	p := &pending{from: id}
	for i := range rows {
		p.rows = append(p.rows, &rows[i])
	}
	d.open[site] = p
	return p.rows, nil
}

// now returns the refusal as it is; it is not open any more if this transaction, or an
// earlier one, has settled it.
func (d *docket) now(r storage.Refusal) (storage.Refusal, error) {
	if p := d.open[r.Site]; p != nil && p.from <= r.ID {
		if rows, err := d.from(r.Site, r.ID); err != nil || len(rows) > 0 && rows[0].ID == r.ID {
			return *rows[0], err
		}
	}
	return d.tx.Refusal(r.ID)
}

// write writes what was found about a refusal.
func (d *docket) write(r storage.Refusal) error {
	if p := d.open[r.Site]; p != nil && p.from <= r.ID {
		if rows, err := d.from(r.Site, r.ID); err == nil && len(rows) > 0 && rows[0].ID == r.ID {
			*rows[0] = r
		}
	}
	return d.tx.Settle(r)
}

// settle ends a refusal, after another attempt.
func (d *docket) settle(r storage.Refusal, state, by, note string) error {
	r.State, r.Settled, r.By, r.Note = state, d.Now(), by, note
	r.Attempts++
	clear(d.vain)
	return d.write(r)
}

// entry is the refused one.
func (d *docket) entry(r *storage.Refusal) (*atoll.Entry, error) {
	if e := d.entries[r.ID]; e != nil {
		return e, nil
	}
	e, err := atoll.DecodeEntry(r.Content)
	if err != nil {
		return nil, err
	}
	if d.bytes += len(r.Content); d.bytes > mostDecoded {
		d.bytes = len(r.Content)
		clear(d.entries)
	}
	d.entries[r.ID] = e
	return e, nil
}

// chainOf returns the refusal and the open ones of its site that touch the same
// records, directly or through each other, in their order.
func (d *docket) chainOf(r storage.Refusal) ([]*storage.Refusal, error) {
	after, err := d.from(r.Site, r.ID)
	if err != nil {
		return nil, err
	}
	touched := map[atoll.Key]bool{}
	in := make([]bool, len(after))
	for grew := true; grew; { // one may touch what only a later one has in common with the first
		grew = false
		for i, o := range after {
			if in[i] || o.State != storage.Open {
				continue
			}
			if o.ID != r.ID && !slices.ContainsFunc(o.Keys, func(k atoll.Key) bool { return touched[k] }) {
				continue
			}
			in[i], grew = true, true
			for _, k := range o.Keys {
				touched[k] = true
			}
		}
	}
	var chain []*storage.Refusal
	for i, o := range after {
		if in[i] {
			chain = append(chain, o)
		}
	}
	return chain, nil
}

// vain is why a run of entries cannot stand, whatever else comes to it that is not about
// one of these records. The zero vain knows of no such reason.
type vain struct {
	first int64 // the run began there, or before
	need  []atoll.Key
}

// learn returns why a run was refused. What its schema says of an operation depends on the
// record alone, and whether what it names is there on that as well; all else may depend on
// the whole run.
func (d *docket) learn(run []*storage.Refusal, ops []atoll.Operation, ends map[atoll.Key]end, refusal *admit.Refusal) (why vain) {
	i := slices.IndexFunc(ops, func(op atoll.Operation) bool { return op.Key == refusal.Key })
	if i < 0 || refusal.Layer != admit.LayerSchema && refusal.Layer != admit.LayerReference {
		return why
	}
	op, last := ops[i], run[len(run)-1]
	why = vain{first: run[0].ID, need: []atoll.Key{op.Key}}
	if refusal.Layer == admit.LayerReference {
		fields := op.Fields
		if now, err := d.tx.Record(op.Key); err == nil && op.Verb == atoll.Update {
			fields = now.MustFields().Apply(fields)
		}
		for _, ref := range d.Door.Judge.Catalogue.References(op.Type, fields) {
			why.need = append(why.need, atoll.Key{Type: ref.To, ID: ref.ID})
		}
		why.need = append(why.need, atoll.Key{Type: atoll.Type(fields.Text("subject_type")), ID: fields.ID("subject_id")})
	}
	// What the last entry states whole is the same in a run that begins later, and has
	// less to lean on there.
	if op.Verb == atoll.Restate && ends[op.Key].seq == last.Seq {
		d.vain[last.ID] = why
	}
	return why
}

// inVain reports whether it is known that the run cannot stand either, as the one before
// it, or one that began earlier. Alone an entry is always judged. Why is what is known, and
// made to be of this run.
func (d *docket) inVain(run []*storage.Refusal, why *vain) bool {
	last := run[len(run)-1]
	if len(run) == 1 {
		return false
	}
	if known, is := d.vain[last.ID]; is && known.first <= run[0].ID {
		*why = known
		return true
	}
	if len(why.need) == 0 || slices.ContainsFunc(last.Keys, func(k atoll.Key) bool { return slices.Contains(why.need, k) }) {
		return false
	}
	e, err := d.entry(last)
	if err != nil {
		return false // who composes the run finds it
	}
	// A merge lets others name another record than they did.
	merges := slices.ContainsFunc(e.Operations, func(op atoll.Operation) bool { return op.Fields.Has("merged_into") || op.Fields.Has("unmerged_from") })
	return !merges
}
