package console

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// How lists of records are cut.
const (
	pageRows  = 50    // on one page
	mostShown = 5     // columns of a list
	mostRead  = 8_000 // records that a search without an index of words looks at
	mostPick  = 100   // records that a filter or a form offers to choose from
)

// typeRow is one record type in the list of all.
type typeRow struct {
	Type  atoll.Type
	Count int
}

type area struct {
	Key   string
	Types []typeRow
}

type typesData struct {
	Areas []area
	Total int
	All   bool // types without records too
	Q     string
}

// pager leads through a list.
type pager struct{ First, Next string }

// recordTypes lists all record types with how many records there are.
func (c *console) recordTypes(v *Visit) error {
	counts, err := c.Station.Counts(v.ctx())
	if err != nil {
		return err
	}
	d := typesData{All: v.R.FormValue("all") != "", Q: v.R.FormValue("q")}
	byArea := map[string]*area{}
	for _, def := range c.Catalogue.Types() {
		n := counts[def.Type]
		d.Total += n
		words := strings.ToLower(v.typeWords(def.Type) + " " + string(def.Type))
		if n == 0 && !d.All && d.Q == "" || !strings.Contains(words, strings.ToLower(d.Q)) {
			continue
		}
		a := byArea[def.Area]
		if a == nil {
			a = &area{Key: def.Area}
			byArea[def.Area] = a
			d.Areas = append(d.Areas, area{Key: def.Area})
		}
		a.Types = append(a.Types, typeRow{def.Type, n})
	}
	for i, a := range d.Areas {
		d.Areas[i].Types = byArea[a.Key].Types
		slices.SortFunc(d.Areas[i].Types, func(a, b typeRow) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(v.typeWords(a.Type), v.typeWords(b.Type)))
		})
	}
	slices.SortFunc(d.Areas, func(a, b area) int { return strings.Compare(v.areaWords(a.Key), v.areaWords(b.Key)) })
	return v.page("types", v.T("records.title"), d)
}

// areaWords is what an area of the catalogue is called.
func (v *Visit) areaWords(name string) string {
	if key := "area." + name; v.Lang.has(key) {
		return v.T(key)
	}
	return humane(name)
}

// filter is one field by which a list may be narrowed.
type filter struct {
	Field, Value string
	Options      []option // to choose from; none: typed
}

type option struct {
	Value, Words string
	Chosen       bool
}

// recordRow is one record in a list.
type recordRow struct {
	station.Record
	Name  string
	Cells []cell
}

type listData struct {
	Def     *catalogue.Def
	Columns []string
	Filters []filter
	Q       string
	Rows    []recordRow
	Pager   pager
	Cut     int // after how many records the search by words stopped; 0 if it did not
	MayAdd  bool
	Any     bool // a filter is set
	Count   int
}

// recordList lists the records of one type.
func (c *console) recordList(v *Visit) error {
	def, err := c.def(v)
	if err != nil {
		return err
	}
	q := storage.Query{Type: def.Type, Limit: pageRows, After: atoll.ID(v.R.FormValue("after")), Where: map[string]string{}}
	d := listData{Def: def, Q: strings.TrimSpace(v.R.FormValue("q"))}
	for _, f := range def.Fields {
		if value := v.R.FormValue("f." + f.Name); f.Index && value != "" {
			q.Where[f.Name] = value
			d.Any = true
		}
	}
	var recs []station.Record
	var next atoll.ID
	if d.Q == "" {
		recs, next, err = v.seenRecords(q)
	} else {
		d.Any = true
		var cut bool
		if recs, next, cut, err = c.search(v, def, q, d.Q); cut {
			d.Cut = mostRead
		}
	}
	if err != nil {
		return err
	}
	d.Columns = columns(def)
	if d.Rows, err = c.rowsOf(v, def, d.Columns, recs); err != nil {
		return err
	}
	if d.Filters, err = c.filters(v, def, q.Where); err != nil {
		return err
	}
	counts, err := c.Station.Counts(v.ctx())
	if err != nil {
		return err
	}
	d.Count = counts[def.Type]
	d.Pager = v.pager(string(next))
	d.MayAdd = v.User.Role.May(station.MayEdit) && !ownPage(def.Type)
	return v.page("list", v.typeWords(def.Type), d)
}

// pager leads to the first page of the list that was asked for, and to the next.
func (v *Visit) pager(next string) pager {
	at := func(after string) string {
		u := url.URL{Path: v.R.URL.Path}
		query := v.R.URL.Query()
		query.Del("after")
		if after != "" {
			query.Set("after", after)
		}
		for name, values := range query {
			if len(values) == 0 || values[0] == "" {
				query.Del(name)
			}
		}
		u.RawQuery = query.Encode()
		return u.String()
	}
	var p pager
	if v.R.FormValue("after") != "" {
		p.First = at("")
	}
	if next != "" {
		p.Next = at(next)
	}
	return p
}

// def returns the record type that the address names.
func (c *console) def(v *Visit) (*catalogue.Def, error) {
	t := atoll.Type(v.R.PathValue("type"))
	def, ok := c.Catalogue.Lookup(t)
	if !ok {
		return nil, atoll.Errorf(atoll.NotFound, "there is no record type %.60q", t).Do("choose one from the page Records")
	}
	return def, nil
}

// columns are the fields that a list shows beside the record's name: what it must
// have, then what lists filter by.
func columns(def *catalogue.Def) []string {
	var out []string
	for _, wanted := range []func(catalogue.Field) bool{
		func(f catalogue.Field) bool { return f.Required },
		func(f catalogue.Field) bool { return f.Index },
	} {
		for _, f := range def.Fields {
			if wanted(f) && f.Name != def.Label && !f.Secret && f.Kind != catalogue.Object && !slices.Contains(out, f.Name) && len(out) < mostShown {
				out = append(out, f.Name)
			}
		}
	}
	return out
}

// filters are the fields by which the list may be narrowed; few values are offered
// to choose from.
func (c *console) filters(v *Visit, def *catalogue.Def, chosen map[string]string) ([]filter, error) {
	var out []filter
	for _, f := range def.Fields {
		if !f.Index || f.Secret {
			continue
		}
		one := filter{Field: f.Name, Value: chosen[f.Name]}
		var err error
		if one.Options, err = c.options(v, f, one.Value); err != nil {
			return nil, err
		}
		if len(one.Options) == 0 && f.Kind == catalogue.Reference && one.Value == "" {
			continue // too many to choose from: their own pages lead here
		}
		out = append(out, one)
	}
	slices.SortStableFunc(out, func(a, b filter) int { return cmp.Compare(offers(a), offers(b)) })
	return out[:min(len(out), mostShown)], nil
}

func offers(f filter) int {
	switch {
	case f.Value != "":
		return 0
	case len(f.Options) > 0:
		return 1
	}
	return 2
}

// options are the values of a field to choose from; none when there are too many.
func (c *console) options(v *Visit, f catalogue.Field, chosen string) ([]option, error) {
	var out []option
	switch f.Kind {
	case catalogue.Boolean:
		for _, value := range []string{"true", "false"} {
			out = append(out, option{value, v.T("value." + value), value == chosen})
		}
	case catalogue.Enum:
		for _, value := range f.Values {
			out = append(out, option{value, v.valueWords(value), value == chosen})
		}
	case catalogue.Reference:
		def, ok := c.Catalogue.Lookup(f.To)
		if !ok {
			return nil, nil
		}
		err := c.Database.View(v.ctx(), func(r storage.Reader) error {
			out = nil
			recs, err := r.Records(storage.Query{Type: f.To, Limit: mostPick + 1})
			if err != nil || len(recs) > mostPick {
				return err
			}
			for _, rec := range recs {
				fields, err := rec.Fields()
				if err != nil {
					return err
				}
				if survivor.Into(fields) != "" || !v.sees(f.To, fields) {
					continue
				}
				words := called(def, fields)
				if words == "" {
					words = shortID(rec.ID)
				}
				out = append(out, option{string(rec.ID), words, string(rec.ID) == chosen})
			}
			return nil
		})
		slices.SortFunc(out, func(a, b option) int { return strings.Compare(a.Words, b.Words) })
		return out, err
	case catalogue.Text, catalogue.Integer, catalogue.Decimal, catalogue.Date, catalogue.Time, catalogue.Object:
	}
	return out, nil
}
