package console

import (
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
)

// fieldRow is one field of a record's page.
type fieldRow struct {
	Name string
	Cell cell
	Note string // of the catalogue, in English
}

// version is one version of a record: who made it, where, and what it changed.
type version struct {
	journal.Change
	Number  uint64
	Site    string
	Changes []changed
	Reached saying    // whether head office has it
	At      time.Time // since when, where known
}

// changed is one field that a version changed.
type changed struct {
	Field    string
	Was, Now cell
}

type recordData struct {
	station.Record
	Def      *catalogue.Def
	Name     string
	With     string // the other party of a document
	Fields   []fieldRow
	Raw      []fieldRow // what is written as programs write it, for technicians
	Empty    int        // fields without a value
	Owner    string     // the owning site in words
	Editable bool       // here, by this reader
	ReadOnly saying     // why not
	Versions []version
	Complete bool
	Where    *central.Whereabouts // at the centre
	Parts    []partLink
	Way      *way     // of a document between two stores
	Doc      *docData // of a document, or stock
	Ship     bool     // a shipment can be prepared for it
	Trouble  *problem // what stood in the way
}

// partLink leads to the records that are part of this one, such as its lines.
type partLink struct {
	Type atoll.Type
	Path string
}

// historyRows is how many versions a record's page shows.
const historyRows = 30

// recordPage shows one record: what it says, whose it is, and how it came to be.
func (c *console) recordPage(v *Visit) error {
	rec, def, err := c.record(v)
	if err != nil {
		return err
	}
	history, err := c.Station.History(v.ctx(), rec.Key, historyRows+1)
	if err != nil {
		return err
	}
	d := recordData{Record: rec, Def: def, Complete: len(history) <= historyRows}
	history = history[:min(len(history), historyRows)]
	names, err := c.names(v, append(references(def, rec, history), rec.Key))
	if err != nil {
		return err
	}
	d.Name = names[rec.Key]
	if _, _, is := documents.LineOf(rec.Type); is { // numbered or not
		d.Name = v.documentName(rec.Type, rec.Fields.Text("kind"), rec.Fields.Int("number"))
		d.With = names[atoll.Key{Type: "name", ID: rec.Fields.ID("name_id")}]
	}
	for _, f := range def.Fields {
		if !rec.Record.MustFields().Has(f.Name) {
			d.Empty++
			continue
		}
		row := fieldRow{f.Name, v.cell(f, rec.Fields, names), f.Note}
		if row.Cell.Raw {
			d.Raw = append(d.Raw, row)
			continue
		}
		d.Fields = append(d.Fields, row)
	}
	for _, name := range rec.Fields.Names() { // of newer programs
		if _, known := def.Field(name); !known && rec.Fields.Has(name) {
			d.Raw = append(d.Raw, fieldRow{Name: name, Cell: cell{Words: string(rec.Fields[name]), Raw: true}})
		}
	}
	if err := c.owner(v, &d); err != nil {
		return err
	}
	if d.Versions, err = c.versions(v, def, history, names); err != nil {
		return err
	}
	if n := len(d.Versions); n == 0 || d.Versions[n-1].Op.Verb != atoll.Insert {
		d.Complete = false
	}
	if c.Centre != nil {
		where, err := c.Centre.Whereabouts(v.ctx(), rec.Key, 12)
		if err != nil {
			return err
		}
		d.Where = &where
	}
	d.Parts = c.parts(def, rec.ID)
	if d.Way, err = c.wayOf(v, rec); err != nil {
		return err
	}
	if d.Doc, err = c.docOf(v, rec); err != nil {
		return err
	}
	if d.Doc != nil && d.Doc.Work != "" {
		v.under = "/work"
	}
	if d.Doc != nil && d.Doc.Line != nil { // its lines stand on the page
		d.Parts = slices.DeleteFunc(d.Parts, func(p partLink) bool { return p.Type == d.Doc.Line.Type })
	}
	d.Ship = rec.Type == "requisition" && rec.Fields.Text("kind") == documents.Response && rec.Editable && v.User.Role.May(station.MayEdit)
	d.Trouble = v.trouble
	status := 200
	if d.Trouble != nil {
		status = d.Trouble.Status
	}
	return v.pageAs(status, "record", d.Name+" · "+v.typeWords(def.Type), d)
}

// record returns the record that the address names.
func (c *console) record(v *Visit) (station.Record, *catalogue.Def, error) {
	def, err := c.def(v)
	if err != nil {
		return station.Record{}, nil, err
	}
	id, err := atoll.ParseID(v.R.PathValue("id"))
	if err != nil {
		return station.Record{}, nil, atoll.Errorf(atoll.NotFound, "%.60q is no id of a record", v.R.PathValue("id"))
	}
	rec, err := c.Station.Record(v.ctx(), atoll.Key{Type: def.Type, ID: id})
	if err == nil {
		err = v.seen(rec.Key, rec.Fields)
	}
	return rec, def, err
}

// references are the records that a record names, now or in its history.
func references(def *catalogue.Def, rec station.Record, history []journal.Change) []atoll.Key {
	var out []atoll.Key
	for _, f := range def.Fields {
		if f.Kind != catalogue.Reference {
			continue
		}
		out = append(out, atoll.Key{Type: f.To, ID: rec.Fields.ID(f.Name)})
		for _, h := range history {
			if h.Op.Fields.Has(f.Name) {
				out = append(out, atoll.Key{Type: f.To, ID: h.Op.Fields.ID(f.Name)})
			}
		}
	}
	return out
}

// owner says whose the record is, and whether the reader may change it here.
func (c *console) owner(v *Visit, d *recordData) error {
	t, err := c.Station.Topology(v.ctx())
	if err != nil {
		return err
	}
	switch owner := d.Record.Owner.Site; {
	case owner == c.Here:
		d.Owner = v.T("owner.here")
	case owner == 0:
		d.Owner = v.T("owner.unknown")
	case owner == t.Centre():
		d.Owner = v.T("owner.centre")
	default:
		d.Owner = v.siteName(owner)
	}
	switch {
	case !d.Record.Editable:
		d.ReadOnly = saying{"record.copy", []any{"owner", d.Owner}}
	case !v.User.Role.May(station.MayEdit):
		d.ReadOnly = saying{Key: "record.power"}
	case d.Record.Survivor != "":
		d.ReadOnly = saying{Key: "record.merged"}
	case ownPage(d.Def.Type):
		d.ReadOnly = saying{Key: "record.acts"}
	default:
		d.Editable = true
	}
	return nil
}

// siteName is the name of a site as far as it is known here.
// atCentre tells whether the site is the central server.
func (v *Visit) atCentre(id atoll.SiteID) bool {
	t, err := v.c.Station.Topology(v.ctx())
	return err == nil && id == t.Centre()
}

func (v *Visit) siteName(id atoll.SiteID) string {
	if id == v.c.Here && v.c.Name != "" {
		return v.c.Name
	}
	t, err := v.c.Station.Topology(v.ctx())
	if err == nil {
		if s, ok := t.Site(id); ok && s.Name != "" {
			return s.Name
		}
		if id == t.Centre() {
			return v.T("owner.centre")
		}
	}
	return v.T("site.number", "n", int(id))
}

// versions tells the history of a record, newest first: each with what it changed
// from, as far as the older versions are here.
func (c *console) versions(v *Visit, def *catalogue.Def, history []journal.Change, names map[atoll.Key]string) ([]version, error) {
	var acknowledged uint64
	if c.Sync != nil {
		var err error
		if acknowledged, err = c.Sync.Acknowledged(v.ctx()); err != nil {
			return nil, err
		}
	}
	var out []version
	state := atoll.Fields{}
	for _, h := range slices.Backward(history) {
		ver := version{Change: h, Number: h.Op.Version, Site: v.siteName(h.Origin.Site)}
		for _, name := range h.Op.Fields.Names() {
			f, known := def.Field(name)
			if !known {
				f = catalogue.Field{Name: name, Kind: catalogue.Object}
			}
			ver.Changes = append(ver.Changes, changed{name, v.cell(f, state, names), v.cell(f, h.Op.Fields, names)})
		}
		state = state.Apply(h.Op.Fields)
		switch {
		case c.Centre != nil:
			ver.Reached, ver.At = saying{Key: "reached.yes"}, h.Received
		case h.Origin.Site != c.Here, h.Origin.Seq <= acknowledged:
			ver.Reached = saying{Key: "reached.yes"}
		default:
			ver.Reached = saying{Key: "reached.no"}
		}
		out = append(out, ver)
	}
	slices.Reverse(out)
	return out, nil
}

// parts are lists of what belongs to the record: of types that name it as parent.
func (c *console) parts(def *catalogue.Def, id atoll.ID) []partLink {
	var out []partLink
	for _, d := range c.Catalogue.Types() {
		for _, f := range d.Fields {
			if f.Kind == catalogue.Reference && f.To == def.Type && f.Index && f.Parent {
				out = append(out, partLink{d.Type, "/records/" + string(d.Type) + "?f." + f.Name + "=" + string(id)})
				break
			}
		}
	}
	return out
}
