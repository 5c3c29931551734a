package msupply

import (
	"maps"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// world is what a translation may look at: the capture, and what earlier imports
// left in the database.
type world struct {
	directory
	catalogue *catalogue.Catalogue
	zone      *time.Location
	order     []*source                     // as they came, the latest state of each
	sources   map[string]map[string]*source // by table and key
	by        map[look][]*source            // by the value of a key, where tables are looked up so
	circular  map[circle]bool
	merged    map[string]map[string]string // table → key of the merged → key of the kept
	// present are the records that this capture makes, as far as is known, by our
	// type and their key; before the first pass, those it might make.
	present map[atoll.Type]map[string]atoll.ID
	first   bool
	// known asks the database for what an earlier import made of the key.
	known func(table, key string, to atoll.Type) (atoll.ID, bool, error)
	// noted asks what became of a key, whether it is still there or not.
	noted  func(table, key string) (atoll.Type, atoll.ID, bool, error)
	recall map[recollection]atoll.ID
	// stored reads a record of the database, no fields for none.
	stored func(atoll.Key) (atoll.Fields, error)
	err    error              // of known and stored
	joins  map[[2]string]bool // which store sees which name, by their keys
}

type look struct{ table, key, value string }

type circle struct{ table, key string }

type recollection struct {
	to  atoll.Type
	key string
}

// lookups are the keys, beside ID, by which rows of other tables are found.
var lookups = map[string]string{
	"store": "name_ID", "name_tag": "description", "periodSchedule": "name", "number": "name", "number_reuse": "name",
	"transact": "name_ID",
}

// parents are the keys that make trees.
var parents = map[string]string{
	"item_category": "parent_ID", "item_category_level1": "parent_ID", "item_category_level2": "parent_ID",
	"name_category1": "parent_ID", "name_category2": "parent_ID", "name_category3": "parent_ID",
	"name_category4": "parent_ID", "name_category5": "parent_ID", "name_category6": "parent_ID", "barcode": "parentID",
}

// survey orders the sources of a capture. Of several states of one record the
// latest counts; the number of the others is returned, by table.
func survey(all []*source, known []table) (*world, map[string]int) {
	w := &world{
		directory: direct(known), sources: map[string]map[string]*source{}, by: map[look][]*source{}, circular: map[circle]bool{},
		merged: map[string]map[string]string{}, joins: map[[2]string]bool{}, recall: map[recollection]atoll.ID{}, first: true,
	}
	superseded := map[string]int{}
	place := map[circle]int{}
	for _, s := range all {
		k := circle{s.table, s.key}
		if s.action == "merge" { // stands beside the record that is kept, whose id it carries
			k.key += "#merge"
			s.key = k.key
			w.merge(s)
		}
		if i, again := place[k]; again {
			superseded[s.table]++
			w.order[i] = s
		} else {
			place[k] = len(w.order)
			w.order = append(w.order, s)
		}
		if w.sources[s.table] == nil {
			w.sources[s.table] = map[string]*source{}
		}
		w.sources[s.table][s.key] = s
	}
	for _, s := range w.order {
		if key, ok := lookups[s.table]; ok && s.wrong == "" {
			if v, _ := textOf(s.object()[key]); v != "" {
				l := look{s.table, key, v}
				w.by[l] = append(w.by[l], s)
			}
		}
	}
	for _, s := range w.sources["name_store_join"] {
		data := s.object()
		store, _ := textOf(data["store_ID"])
		name, _ := textOf(data["name_ID"])
		w.joins[[2]string{store, name}] = s.wrong == "" && s.action != "delete"
	}
	w.findCircles()
	return w, superseded
}

// merge notes that one record of theirs was merged into another.
func (w *world) merge(s *source) {
	data := s.object()
	keep, _ := textOf(data["mergeIdToKeep"])
	drop, _ := textOf(data["mergeIdToDelete"])
	s.key += "#" + drop
	if w.merged[s.table] == nil {
		w.merged[s.table] = map[string]string{}
	}
	if keep != "" && keep != drop {
		w.merged[s.table][drop] = keep
	}
}

// findCircles marks the records of trees whose parents lead back to themselves.
// Ids are unique across their tables, so that the category tables are one tree.
func (w *world) findCircles() {
	parent := map[string]string{}
	for _, s := range w.order {
		if key, ok := parents[s.table]; ok && s.wrong == "" {
			parent[s.key], _ = textOf(s.object()[key])
		}
	}
	state := map[string]int{} // 1: on the way now, 2: done
	round := map[string]bool{}
	for _, start := range slices.Sorted(maps.Keys(parent)) {
		var path []string
		at := start
		for at != "" && state[at] == 0 {
			state[at] = 1
			path = append(path, at)
			at = parent[at]
		}
		if at != "" && state[at] == 1 {
			for _, k := range path[slices.Index(path, at):] {
				round[k] = true
			}
		}
		for _, k := range path {
			state[k] = 2
		}
	}
	for _, s := range w.order {
		if _, ok := parents[s.table]; ok && round[s.key] {
			w.circular[circle{s.table, s.key}] = true
		}
	}
}

// find resolves a key to a record of the type: one that this capture makes, or
// one that an earlier import made.
func (w *world) find(to atoll.Type, key string) (atoll.ID, bool) {
	if id, ok := w.present[to][key]; ok {
		return id, true
	}
	if w.first {
		for _, m := range w.makers[to] {
			s, ok := w.sources[m.table][key]
			if !ok || s.wrong != "" {
				continue
			}
			if m.extra { // it may become one; the next pass knows
				return identity(m.table, extraKey(key, string(to))), true
			}
			return identity(m.table, key), true
		}
	}
	return w.remember(to, key)
}

// body is a record as the database has it, no fields for none.
func (w *world) body(key atoll.Key) atoll.Fields {
	if key.ID == "" || w.err != nil {
		return atoll.Fields{}
	}
	f, err := w.stored(key)
	w.err = err
	return f
}

// remember asks the database, once for each key.
func (w *world) remember(to atoll.Type, key string) (atoll.ID, bool) {
	r := recollection{to, key}
	if id, asked := w.recall[r]; asked {
		return id, id != ""
	}
	w.recall[r] = ""
	for _, m := range w.makers[to] {
		k := key
		if m.extra {
			k = extraKey(key, string(to))
		}
		id, ok, err := w.known(m.table, k, to)
		if err != nil {
			w.err = err
			return "", false
		}
		if ok {
			w.recall[r] = id
			return id, true
		}
	}
	return "", false
}

// settle translates every source until what refers to what is certain: a record
// that cannot be translated takes those with it that cannot be without it, and no
// others. It keeps only which records there will be.
func (w *world) settle() error {
	// Each pass can only take records away; the bound is for tables that would
	// disagree with that.
	const most = 30
	for range most {
		present := map[atoll.Type]map[string]atoll.ID{}
		for _, s := range w.order {
			r := w.translate(s)
			if w.err != nil {
				return w.err
			}
			r.claim(present)
		}
		same := !w.first && equal(present, w.present)
		w.present, w.first = present, false
		if same {
			break
		}
	}
	return nil
}

// claim notes what the row will be, for others to find.
func (r *row) claim(present map[atoll.Type]map[string]atoll.ID) {
	if r.refused != "" {
		return
	}
	for _, m := range r.made {
		if m.delete {
			continue
		}
		if present[m.typ] == nil {
			present[m.typ] = map[string]atoll.ID{}
		}
		if _, there := present[m.typ][r.key]; !there {
			present[m.typ][r.key] = m.id
		}
	}
}

func equal(a, b map[atoll.Type]map[string]atoll.ID) bool {
	return maps.EqualFunc(a, b, func(x, y map[string]atoll.ID) bool { return maps.Equal(x, y) })
}

// translate makes of one source what it becomes.
func (w *world) translate(s *source) *row {
	r := &row{source: s, w: w, data: s.object(), carried: map[string]bool{}}
	t := w.tables[s.table]
	switch {
	case s.action == "merge":
		w.translateMerge(r)
		return r
	case t == nil:
		r.refuse(whyTable, "there is no translation for this table")
		return r
	case s.action == "delete" || string(s.raw) == "null":
		w.translateDeletion(r)
		return r
	case s.wrong != "":
		r.refuse(whyShape, s.wrong)
		return r
	}
	kind := t.makes[0]
	if t.kind != nil {
		kind = t.kind(r)
	}
	if r.refused != "" {
		return r
	}
	r.become(kind)
	if id, ok := textOf(r.data["ID"]); ok && id == r.key {
		r.carry("ID")
	}
	for _, f := range t.fields {
		r.take(f)
	}
	if t.also != nil {
		t.also(r)
	}
	w.mark(r)
	r.check()
	return r
}

// mark sets the status of types that can be merged (R-E-06). It is given when the
// record is made; later it is a person's, unless it was merged there.
func (w *world) mark(r *row) {
	if r.within || r.refused != "" || r.main().delete {
		return
	}
	if _, ok := r.def.Field("merged_into"); !ok {
		return
	}
	r.main().first.Set("status", "active")
	if keep := w.merged[r.table][r.key]; keep != "" {
		if id, ok := w.find(r.def.Type, keep); ok {
			r.set("status", "merged")
			r.set("merged_into", id)
		}
	}
}

// translateMerge expresses a merge in the record that was merged away.
func (w *world) translateMerge(r *row) {
	drop, _ := textOf(r.data["mergeIdToDelete"])
	keep, _ := textOf(r.data["mergeIdToKeep"])
	s := w.sources[r.table][drop]
	if s == nil || w.merged[r.table][drop] != keep || w.tables[r.table] == nil {
		r.refuse(whyReference, "the record that was merged away is not in this capture")
		return
	}
	to := w.translateKind(s)
	if _, ok := w.find(to, keep); !ok || to == "" {
		r.refuse(whyReference, "the record that was kept is not here")
		return
	}
	r.within = true
	r.carry("mergeIdToKeep", "mergeIdToDelete")
}

// translateKind is the type that a source becomes, "" for none that can be merged.
func (w *world) translateKind(s *source) atoll.Type {
	t := w.tables[s.table]
	kind := t.makes[0]
	if t.kind != nil {
		r := &row{source: s, w: w, data: s.object(), carried: map[string]bool{}}
		if kind = t.kind(r); r.refused != "" {
			return ""
		}
	}
	def, _ := w.catalogue.Lookup(kind)
	if _, ok := def.Field("merged_into"); !ok {
		return ""
	}
	return kind
}

// translateDeletion deletes what an earlier import made of the record, if its
// type can be deleted.
func (w *world) translateDeletion(r *row) {
	kind, id, ok, err := w.noted(r.table, r.key)
	if err != nil {
		w.err = err
		return
	}
	if def, known := w.catalogue.Lookup(kind); ok && known && def.Deletion == catalogue.Tombstone {
		r.def = def
		r.made = []*made{{typ: kind, key: r.key, id: id, delete: true}}
		return
	}
	r.refuse(whyDeleted, "it was deleted there; nothing that an earlier import made can be deleted for it")
}
