package console

import (
	"slices"
	"strconv"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/transfer"
)

// foundRow is one thing that a search found.
type foundRow struct {
	Words, More string
	Links       []foundLink
}

type foundLink struct{ Path, Key string }

type foundGroup struct {
	Key  string // the words' key of what they are
	Rows []foundRow
}

type findData struct {
	Q      string
	Groups []foundGroup
}

// Bounds of a search: how many of each kind it shows, and up to how many items it says
// at once how much there is of each.
const (
	mostFound = 20
	mostTold  = 3
)

// find looks for what somebody names: an item, a store, a site, a document by its
// number. Each leads to what is asked of it most: of an item, where it is in stock.
func (c *console) find(v *Visit) error {
	d := findData{Q: strings.TrimSpace(v.R.FormValue("q"))}
	if d.Q == "" {
		return v.page("find", v.T("find.title"), d) // which says what can be found
	}
	looks := []func(*Visit, string) (foundGroup, error){c.findItems, c.findStores, c.findSites, c.findDocuments}
	if _, is := numberIn(d.Q); is { // a number is a document's before it is part of a name
		looks = append([]func(*Visit, string) (foundGroup, error){c.findDocuments}, looks[:3]...)
	}
	if strings.HasPrefix(d.Q, "#") {
		looks = looks[:1]
	}
	for _, look := range looks {
		g, err := look(v, d.Q)
		if err != nil {
			return err
		}
		if len(g.Rows) > 0 {
			d.Groups = append(d.Groups, g)
		}
	}
	return v.page("find", v.T("find.title"), d)
}

func (c *console) findItems(v *Visit, text string) (foundGroup, error) {
	g := foundGroup{Key: "find.items"}
	def, ok := c.Catalogue.Lookup("item")
	if !ok {
		return g, nil
	}
	recs, _, err := c.Station.Records(v.ctx(), storage.Query{Type: "item", Where: map[string]string{"code": text}, Limit: mostFound})
	if err != nil {
		return g, err
	}
	if len(recs) == 0 {
		if recs, _, _, err = c.search(v, def, storage.Query{Type: "item"}, text); err != nil {
			return g, err
		}
	}
	for _, rec := range recs[:min(len(recs), mostFound)] {
		id, there := string(rec.ID), ""
		if len(recs) <= mostTold {
			if there, err = c.inStock(v, id); err != nil {
				return g, err
			}
		}
		g.Rows = append(g.Rows, foundRow{Words: itemWords(rec), More: there, Links: []foundLink{
			{"/reports/stock?item=" + id, "find.stock"}, {"/reports/use?item=" + id, "find.use"}, {recordPath(rec.Key), "find.record"},
		}})
	}
	return g, nil
}

// inStock says how much there is of an item, over all stores that the reader sees.
func (c *console) inStock(v *Visit, item string) (string, error) {
	t, err := c.ask(v, "stock", reportQuery{Item: item}, false)
	if err != nil {
		return "", err
	}
	units := slices.IndexFunc(t.Columns, func(col report.Column) bool { return col.Name == "units" })
	if len(t.Rows) == 0 || units < 0 {
		return v.T("find.instock.none"), nil
	}
	return v.T("find.instock", "units", v.figure("units", t.Sum(units)), "n", len(t.Rows)), nil
}

func (c *console) findStores(v *Visit, text string) (foundGroup, error) {
	g := foundGroup{Key: "find.stores"}
	stores, err := v.ownStores()
	for _, s := range stores {
		if len(g.Rows) == mostFound || !contains(text, s.Name, s.Code) {
			continue
		}
		id := string(s.ID)
		links := []foundLink{{"/reports/stock?store=" + id, "find.stock"}, {"/transfers?store=" + id, "find.transfers"}, {"/stores/" + id, "find.open"}}
		g.Rows = append(g.Rows, foundRow{Words: storeWords(s), More: v.siteName(s.Site), Links: links})
	}
	return g, err
}

func (c *console) findSites(v *Visit, text string) (foundGroup, error) {
	g := foundGroup{Key: "find.sites"}
	if c.Centre == nil || !v.User.Role.May(station.MaySync) {
		return g, nil
	}
	all, err := c.siteList(v)
	if err != nil {
		return g, err
	}
	for _, s := range all.rows {
		if len(g.Rows) < mostFound && contains(text, s.Name) {
			g.Rows = append(g.Rows, foundRow{Words: s.Name, Links: []foundLink{{"/fleet/" + s.ID.String(), "find.site"}}})
		}
	}
	return g, err
}

// numbered are the documents that people know by a number.
var numbered = []atoll.Type{"invoice", "requisition", "purchase_order", "goods_received", "stocktake", "prescription"}

// numberIn is the number of a document that the text may be: 12 or #12.
func numberIn(text string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64)
	return n, err == nil && n > 0
}

func (c *console) findDocuments(v *Visit, text string) (foundGroup, error) {
	g := foundGroup{Key: "find.documents"}
	n, is := numberIn(text)
	if !is {
		return g, nil
	}
	for _, t := range numbered {
		def, ok := c.Catalogue.Lookup(t)
		if !ok {
			continue
		}
		if f, has := def.Field("number"); !has || !f.Index {
			continue
		}
		recs, _, err := v.seenRecords(storage.Query{Type: t, Where: map[string]string{"number": strconv.FormatInt(n, 10)}, Limit: mostFound})
		if err != nil {
			return g, err
		}
		for _, rec := range recs {
			row := foundRow{Words: v.documentName(t, rec.Fields.Text("kind"), n), Links: []foundLink{{recordPath(rec.Key), "find.open"}}}
			names, err := c.names(v, []atoll.Key{{Type: "store", ID: rec.Fields.ID("store_id")}})
			if err != nil {
				return g, err
			}
			for _, name := range names {
				row.More = name
			}
			g.Rows = append(g.Rows, row)
		}
	}
	return g, nil
}

func contains(text string, in ...string) bool {
	text = strings.ToLower(text)
	for _, s := range in {
		if strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	return false
}

// overview is the first page at the centre: a search, and what asks for attention.
type overview struct {
	Tally  tally
	Moving int
	Kept   int
	Open   int  // refusals that wait
	Sites  bool // the reader may look after sites
	Worst  []*siteRow
}

// overviewWorst is how many sites in trouble the first page names.
const overviewWorst = 5

// centreToday is the first page at the central server: where is what, and who needs
// help.
func (c *console) centreToday(v *Visit) error {
	d := overview{Sites: v.User.Role.May(station.MaySync)}
	under, err := c.underWay(v, transfer.Filter{})
	if err != nil {
		return err
	}
	for _, t := range under {
		if t.InTransit {
			d.Moving++
		}
		if t.Exception {
			d.Kept++
		}
	}
	if d.Sites {
		all, err := c.siteList(v)
		if err != nil {
			return err
		}
		d.Tally = all.tally
		for _, s := range all.rows[:min(len(all.rows), overviewWorst)] {
			if s.Light == central.Red || s.Light == central.Amber {
				d.Worst = append(d.Worst, s)
			}
		}
		open, err := c.openRefusals(v, mostRefused)
		if err != nil {
			return err
		}
		d.Open = len(open)
	}
	return v.page("overview", v.T("today.title"), d)
}
