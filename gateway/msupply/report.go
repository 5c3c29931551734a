package msupply

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/atollsync/atoll"
)

// Report tells what an import did: every record of the capture is counted once,
// under its table.
type Report struct {
	File    string  `json:"file,omitempty"`
	DryRun  bool    `json:"dry_run,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	// Records is how many records the capture has, Entries how many journal entries
	// were written.
	Records int `json:"records"`
	Entries int `json:"entries"`
	// Total adds up Tables.
	Total Count `json:"total"`
	// Tables are theirs, in byte order; Types are ours.
	Tables []TableCount `json:"tables"`
	Types  []TypeCount  `json:"types"`
	// Kept says why records were kept instead of translated.
	Kept []KeptCount `json:"kept_unknown"`
	// Dangling are references that lead to no record, and were left out; Unreadable
	// are values that are not of their kind, or close a circle. Both are kept in the
	// record's companion.
	Dangling   []FieldCount `json:"dangling_references"`
	Unreadable []FieldCount `json:"unreadable_values"`
	// Details are the first records that were kept although their table is known.
	Details []Detail `json:"details,omitempty"`
}

// Count says what became of records.
type Count struct {
	Read      int `json:"read"`
	Inserted  int `json:"inserted"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Deleted   int `json:"deleted,omitempty"`
	Kept      int `json:"kept_unknown"`
	// Superseded are earlier states of a record that is in the capture again.
	Superseded int `json:"superseded,omitempty"`
}

// TableCount is the Count of one of their tables.
type TableCount struct {
	Table string `json:"table"`
	Count
}

// TypeCount says what became of records of one of our types.
type TypeCount struct {
	Type      atoll.Type `json:"type"`
	Inserted  int        `json:"inserted"`
	Changed   int        `json:"changed"`
	Unchanged int        `json:"unchanged"`
	Deleted   int        `json:"deleted,omitempty"`
}

// KeptCount counts records that were kept, by table and reason.
type KeptCount struct {
	Table string `json:"table"`
	Why   string `json:"why"`
	Count int    `json:"count"`
}

// FieldCount counts values by table and key.
type FieldCount struct {
	Table string `json:"table"`
	Field string `json:"field"`
	Count int    `json:"count"`
}

// Detail is one record that was kept, and why.
type Detail struct {
	Table  string `json:"table"`
	Key    string `json:"key"`
	Why    string `json:"why"`
	Detail string `json:"detail"`
}

const maxDetails = 100

func (r *Report) count(all []*planned, shared []verdict, superseded map[string]int) {
	byTable, byType := map[string]*TableCount{}, map[atoll.Type]*TypeCount{}
	kept, dangling, unreadable := map[loss]int{}, map[loss]int{}, map[loss]int{}
	at := func(table string) *TableCount {
		if byTable[table] == nil {
			byTable[table] = &TableCount{Table: table}
		}
		return byTable[table]
	}
	tally := func(all []verdict) {
		for _, v := range all {
			if byType[v.typ] == nil {
				byType[v.typ] = &TypeCount{Type: v.typ}
			}
			byType[v.typ].add(v.verb)
		}
	}
	tally(shared)
	for _, m := range all {
		t := at(m.table)
		t.Read++
		switch m.state {
		case inserted:
			t.Inserted++
		case changed:
			t.Changed++
		case unchanged:
			t.Unchanged++
		case deleted:
			t.Deleted++
		case keptWhole:
			t.Kept++
			kept[loss{m.table, m.refused}]++
			if m.refused != whyTable && m.refused != whyKind && len(r.Details) < maxDetails {
				r.Details = append(r.Details, Detail{m.table, m.key, m.refused, clip(m.detail)})
			}
		}
		tally(m.verdicts)
		for _, f := range m.dangles {
			dangling[loss{m.table, f}]++
		}
		for _, f := range m.unread {
			unreadable[loss{m.table, f}]++
		}
	}
	for table, n := range superseded {
		t := at(table)
		t.Read += n
		t.Superseded += n
	}
	for _, table := range slices.Sorted(maps.Keys(byTable)) {
		r.Tables = append(r.Tables, *byTable[table])
		r.Total.add(byTable[table].Count)
	}
	r.Records = r.Total.Read
	for _, t := range slices.Sorted(maps.Keys(byType)) {
		r.Types = append(r.Types, *byType[t])
	}
	for _, f := range counts(kept) {
		r.Kept = append(r.Kept, KeptCount{f.Table, f.Field, f.Count})
	}
	r.Dangling, r.Unreadable = counts(dangling), counts(unreadable)
}

func counts(by map[loss]int) []FieldCount {
	var out []FieldCount
	for k, n := range by {
		out = append(out, FieldCount{k.Table, k.Field, n})
	}
	slices.SortFunc(out, func(a, b FieldCount) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Field, b.Field))
	})
	return out
}

func (c *Count) add(o Count) {
	c.Read += o.Read
	c.Inserted += o.Inserted
	c.Changed += o.Changed
	c.Unchanged += o.Unchanged
	c.Deleted += o.Deleted
	c.Kept += o.Kept
	c.Superseded += o.Superseded
}

func (c *TypeCount) add(verb string) {
	switch verb {
	case inserted:
		c.Inserted++
	case changed:
		c.Changed++
	case unchanged:
		c.Unchanged++
	case deleted:
		c.Deleted++
	}
}

// WriteText writes the report for a person.
func (r Report) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	verb := "Imported"
	if r.DryRun {
		verb = "Would import"
	}
	fmt.Fprintf(w, "%s %d records in %d journal entries.\n\n", verb, r.Records, r.Entries)
	fmt.Fprintf(w, "their table\tread\tinserted\tchanged\tunchanged\tdeleted\tkept unknown\tsuperseded\t\n")
	for _, t := range append(slices.Clone(r.Tables), TableCount{"all", r.Total}) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n",
			t.Table, t.Read, t.Inserted, t.Changed, t.Unchanged, t.Deleted, t.Kept, t.Superseded)
	}
	fmt.Fprintf(w, "\nour type\tinserted\tchanged\tunchanged\tdeleted\t\n")
	for _, t := range r.Types {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t\n", t.Type, t.Inserted, t.Changed, t.Unchanged, t.Deleted)
	}
	if len(r.Kept) > 0 {
		fmt.Fprintf(w, "\nkept unknown\twhy\tcount\t\n")
		for _, k := range r.Kept {
			fmt.Fprintf(w, "%s\t%s\t%d\t\n", k.Table, k.Why, k.Count)
		}
	}
	for _, part := range []struct {
		title  string
		fields []FieldCount
	}{{"references to nothing", r.Dangling}, {"unreadable values", r.Unreadable}} {
		if len(part.fields) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s\tkey\tcount\t\n", part.title)
		for _, f := range part.fields {
			fmt.Fprintf(w, "%s\t%s\t%d\t\n", f.Table, f.Field, f.Count)
		}
	}
	if len(r.Details) > 0 {
		fmt.Fprintf(w, "\n")
	}
	for _, d := range r.Details {
		fmt.Fprintf(w, "%s %s: %s: %s\n", d.Table, d.Key, d.Why, d.Detail)
	}
	return w.Flush()
}
