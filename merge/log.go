package merge

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
)

// Journal is the record type of the merge journal.
const Journal atoll.Type = "repointing"

// Row is what became of one row, in the merge journal (R-E-50).
type Row struct {
	Type atoll.Type `json:"type"`
	ID   atoll.ID   `json:"id"`
	// Fields are those that named the old id and name the new one now.
	Fields []string `json:"fields,omitempty"`
	// Removed holds a join row that another made needless, as it was.
	Removed atoll.Fields `json:"removed,omitempty"`
	// Before and After are what else changed.
	Before atoll.Fields `json:"before,omitempty"`
	After  atoll.Fields `json:"after,omitempty"`
}

// journal returns the records of the merge journal: for each store, and for each
// merge of the chain, as each can be undone by itself.
func (w *work) journal() []journal.Proposal {
	var out []journal.Proposal
	for _, store := range slices.Sorted(maps.Keys(w.told)) {
		for rows := range slices.Chunk(w.told[store], page) {
			for i := range w.chain[:len(w.chain)-1] {
				out = append(out, w.tellLink(store, rows, i))
			}
		}
	}
	return out
}

func (w *work) tellLink(store atoll.ID, rows []Row, link int) journal.Proposal {
	from, into := w.chain[link], w.chain[link+1].ID
	told := make([]Row, len(rows))
	for i, r := range rows {
		if told[i] = r; r.Removed == nil {
			continue
		}
		// Of a chain, each merge removed a row that named what it merged.
		told[i].Removed = r.Removed.Clone()
		for _, name := range r.Fields {
			told[i].Removed.Set(name, from.ID)
		}
	}
	base, _ := w.R.Record(atoll.Key{Type: rows[0].Type, ID: rows[0].ID})
	f := atoll.Fields{}.Set("site", int(w.Site)).Set("merged_type", string(from.Type)).Set("merged_id", from.ID).
		Set("survivor_id", into).Set("row_count", len(told)).Set("created_at", stamp(w.Now))
	b, err := json.Marshal(told)
	if err != nil { // fields come from the database and are valid JSON
		b = []byte("[]")
	}
	f["rows"] = b
	if store != "" {
		f.Set("from_store_id", store).Set("to_store_id", store)
	}
	// A row at one of its versions is re-pointed once, and so is its page; again when
	// the centre refused it and gave the rows back as they were.
	of := []string{string(Journal), w.Site.String(), from.String(), string(into), string(rows[0].Type), string(rows[0].ID), strconv.FormatUint(base.Version, 10)}
	id := atoll.DeriveID(of...)
	for n := 2; w.taken(id); n++ {
		id = atoll.DeriveID(append(of, strconv.Itoa(n))...)
	}
	return journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: Journal, ID: id}, Fields: f}
}

// taken reports whether there is a page with this id, shown or not.
func (w *work) taken(id atoll.ID) bool {
	_, err := w.R.Record(atoll.Key{Type: Journal, ID: id})
	return err == nil
}

// Entry is one record of the merge journal.
type Entry struct {
	ID     atoll.ID     `json:"id"`
	Site   atoll.SiteID `json:"site"`
	Store  atoll.ID     `json:"store,omitempty"`
	Merged atoll.Key    `json:"-"`
	Into   atoll.ID     `json:"into"`
	Undone bool         `json:"undone,omitempty"`
	Rows   []Row        `json:"rows"`
}

func entryOf(r atoll.Record) (Entry, error) {
	f, err := r.Fields()
	if err != nil {
		return Entry{}, err
	}
	e := Entry{
		ID: r.ID, Site: atoll.SiteID(f.Int("site")), Store: f.ID("from_store_id"), Into: f.ID("survivor_id"), Undone: f.Bool("undone", false),
		Merged: atoll.Key{Type: atoll.Type(f.Text("merged_type")), ID: f.ID("merged_id")},
	}
	if err := json.Unmarshal(f["rows"], &e.Rows); err != nil {
		return e, atoll.Errorf(atoll.Damaged, "the merge journal cannot be read: %w", err).About(r.Key)
	}
	return e, nil
}
