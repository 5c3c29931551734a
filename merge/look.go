package merge

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// Count is a number of rows of one type, owned by one site.
type Count struct {
	Type atoll.Type   `json:"type"`
	Site atoll.SiteID `json:"site,omitempty"` // 0 when it is not known here
	Rows int          `json:"rows"`
}

// Preview is what a merge would do, as far as it can be seen from here.
type Preview struct {
	Type     atoll.Type `json:"type"`
	From     atoll.ID   `json:"from"`
	FromName string     `json:"from_name"`
	Into     atoll.ID   `json:"into"`
	IntoName string     `json:"into_name"`
	// Here are the rows that are re-pointed here, Others those that stay until their
	// sites re-point them; reading resolves them meanwhile.
	Here   []Count `json:"here"`
	Others []Count `json:"others"`
	// Joins is how many rows of Here go because another joins the same.
	Joins int `json:"joins"`
	// Refused says why the merge would be refused; empty if it would not.
	Refused string `json:"refused,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Preview counts what the merge would re-point. Whether it would be allowed is the
// caller's to add.
func (d Desk) Preview(t atoll.Type, from, into atoll.ID) (Preview, error) {
	out := Preview{Type: t, From: from, Into: into, Here: []Count{}, Others: []Count{}}
	if err := mergeable(d.Catalogue, t); err != nil {
		return out, err
	}
	key := atoll.Key{Type: t, ID: from}
	out.FromName, out.IntoName = d.Name(key), d.Name(atoll.Key{Type: t, ID: into})
	counts := map[Count]int{}
	w := &work{Desk: d, chain: []atoll.Key{key, {Type: t, ID: into}}, done: map[atoll.Key]*journal.Proposal{}, told: map[atoll.ID][]Row{}}
	err := d.rows(key, func(r row) (bool, error) {
		counts[Count{Type: r.record.Type, Site: r.owner}]++
		if r.owner == d.Site && joins(r) && from != into {
			if done, err := w.join(r); err != nil {
				return false, err
			} else if p := w.done[r.record.Key]; done && p != nil && p.Verb == atoll.Delete {
				out.Joins++
			}
		}
		return true, nil
	})
	for _, c := range slices.SortedFunc(maps.Keys(counts), func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Site, b.Site))
	}) {
		n := counts[c]
		c.Rows = n
		if c.Site == d.Site {
			out.Here = append(out.Here, c)
		} else {
			out.Others = append(out.Others, c)
		}
	}
	return out, err
}

// Name is the record in words, "" when it is not here.
func (d Desk) Name(key atoll.Key) string {
	f, err := d.fields(key)
	def, ok := d.Catalogue.Lookup(key.Type)
	if err != nil || !ok {
		return ""
	}
	out := f.Text(def.Label)
	if code := f.Text("code"); code != "" && code != out {
		out = code + " " + out
	}
	return out
}

// Merged is a record that was merged, as lists tell of it.
type Merged struct {
	Type     atoll.Type `json:"type"`
	ID       atoll.ID   `json:"id"`
	Name     string     `json:"name"`
	Into     atoll.ID   `json:"into"`
	Survivor atoll.ID   `json:"survivor"`
	Kept     string     `json:"survivor_name"`
	At       time.Time  `json:"at,omitzero"`
	// Rows is how many rows the merge journal here tells of.
	Rows int `json:"rows"`
	// Until is how long the merge can be undone, zero if it cannot be undone here.
	Until time.Time `json:"undo_until,omitzero"`
}

// Merges lists the merged records of the type that are here, all mergeable types
// when it is empty, the latest first.
func (d Desk) Merges(t atoll.Type) ([]Merged, error) {
	if t != "" {
		if err := mergeable(d.Catalogue, t); err != nil {
			return nil, err
		}
	}
	out := []Merged{}
	for _, def := range d.Catalogue.Types() {
		if def.Merge == catalogue.NoMerge || t != "" && def.Type != t {
			continue
		}
		found, err := d.R.Records(storage.Query{Type: def.Type, Where: map[string]string{"status": survivor.Merged}})
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			m, err := d.merged(def, r)
			if err != nil {
				return nil, err
			}
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Merged) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

func (d Desk) merged(def *catalogue.Def, r atoll.Record) (Merged, error) {
	f, err := r.Fields()
	if err != nil {
		return Merged{}, err
	}
	m := Merged{Type: r.Type, ID: r.ID, Name: d.Name(r.Key), Into: survivor.Into(f)}
	to, err := survivor.Of(d.R, r.Key)
	if err != nil {
		return m, err
	}
	m.Survivor, m.Kept = to.ID, d.Name(to)
	at, dated := MergedAt(f)
	m.At = at
	if until := at.Add(Window(d.T)); dated && m.Survivor == m.Into && d.owner(def, r.Key, f) == d.Site && d.Now.Before(until) {
		m.Until = until
	}
	entries, err := d.entries(r.Key)
	for _, e := range entries {
		if e.Into == m.Into && !e.Undone {
			m.Rows += len(e.Rows)
		}
	}
	return m, err
}

// Details is a record's merge with every row that was re-pointed, as far as the
// merge journal is here (R-E-50).
type Details struct {
	Type    atoll.Type `json:"type"`
	ID      atoll.ID   `json:"id"`
	Name    string     `json:"name"`
	Into    atoll.ID   `json:"into"`
	Undone  bool       `json:"undone,omitempty"`
	At      time.Time  `json:"at,omitzero"`
	Journal []Entry    `json:"journal"`
	// Since are rows that were made after the merge and name the survivor. An undone
	// merge leaves them there: a person says which of the two each is meant for.
	Since []atoll.Key `json:"since"`
}

// Details returns what is known here of the merge of the record, also after it was
// undone.
func (d Desk) Details(key atoll.Key) (Details, error) {
	out := Details{Type: key.Type, ID: key.ID, Journal: []Entry{}, Since: []atoll.Key{}}
	if err := mergeable(d.Catalogue, key.Type); err != nil {
		return out, err
	}
	f, err := d.fields(key)
	if err != nil {
		return out, err
	}
	if out.Into = survivor.Into(f); out.Into == "" {
		if out.Into, out.Undone = f.ID("unmerged_from"), true; out.Into == "" {
			return out, atoll.Errorf(atoll.NotFound, "it was never merged").About(key)
		}
	}
	out.Name = d.Name(key)
	out.At, _ = MergedAt(f)
	entries, err := d.entries(key)
	if err != nil {
		return out, err
	}
	for _, e := range entries {
		if e.Into == out.Into {
			out.Journal = append(out.Journal, e)
		}
	}
	out.Since, err = d.since(atoll.Key{Type: key.Type, ID: out.Into}, out.At, out.Journal)
	return out, err
}

// since finds rows that were made after the time and name the key, in the journals
// that are here: this site's, and at the centre everybody's.
func (d Desk) since(key atoll.Key, at time.Time, told []Entry) ([]atoll.Key, error) {
	moved := map[atoll.Key]bool{}
	for _, e := range told {
		for _, r := range e.Rows {
			moved[atoll.Key{Type: r.Type, ID: r.ID}] = true
		}
	}
	heads, err := d.R.Journals()
	if err != nil {
		return nil, err
	}
	out := []atoll.Key{}
	for _, site := range slices.Sorted(maps.Keys(heads)) {
		made, err := d.madeSince(site, heads[site].Seq, key, at)
		if err != nil {
			return nil, err
		}
		for _, k := range made {
			if !moved[k] {
				out = append(out, k)
			}
		}
	}
	return out, nil
}

func (d Desk) madeSince(site atoll.SiteID, head uint64, key atoll.Key, at time.Time) ([]atoll.Key, error) {
	base, err := d.R.Base(site)
	if err != nil {
		return nil, err
	}
	var failed error
	n := sort.Search(int(head-base.Seq), func(i int) bool {
		e, err := d.R.Entry(site, base.Seq+1+uint64(i))
		if err != nil {
			failed = err
			return true
		}
		return !e.Received.Before(at)
	})
	if failed != nil {
		return nil, failed
	}
	var out []atoll.Key
	for after := base.Seq + uint64(n); ; {
		entries, err := d.R.Entries(site, after, batch, 4<<20)
		if err != nil || len(entries) == 0 {
			return out, err
		}
		for _, je := range entries {
			after = je.Seq
			e, err := atoll.DecodeEntry(je.Content)
			if err != nil {
				continue // it was refused as it came, and made nothing
			}
			for _, op := range e.Operations {
				named, err := d.stillNames(op, key)
				if err != nil {
					return nil, err
				}
				if named {
					out = append(out, op.Key)
				}
			}
		}
	}
}

func (d Desk) stillNames(op atoll.Operation, key atoll.Key) (bool, error) {
	if op.Verb != atoll.Insert || !d.names(op.Type, op.Fields, key) {
		return false, nil
	}
	r, there, err := journal.View{RecordReader: d.R}.Record(op.Key)
	if err != nil || !there || r.Deleted {
		return false, err
	}
	return d.names(op.Type, r.MustFields(), key), nil
}

func (d Desk) names(t atoll.Type, f atoll.Fields, key atoll.Key) bool {
	return slices.ContainsFunc(d.Catalogue.References(t, f), func(r catalogue.Ref) bool {
		return r.To == key.Type && r.ID == key.ID && !r.Identity && !survivor.Own(r.Field)
	})
}
