package console

import (
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/topology"
)

// change is one change of the configuration that a form asks for: what it is in
// words, what it would do, and doing it.
type change struct {
	What saying
	try  func() (central.Preview, int, error) // and how many records, where only these are known
	do   func() error
	Note string // the words' key of what else must be known
	// Reason says that a reason is asked for.
	Reason bool
}

// movedRow is one store that becomes something else at one site.
type movedRow struct {
	Store, Site string
	From, To    topology.SyncType
}

type flowRow struct {
	Store   string
	Records int
}

type changeData struct {
	Store   station.StoreView
	What    saying
	Fields  map[string]string // of the form, to be sent again
	Rows    []movedRow
	Flows   []flowRow
	Records int
	Warning saying // what a lost device takes along (R-C-94)
	Note    string
	Reason  bool
	Locked  bool
	Trouble *problem
}

// changeStore shows what a change of the configuration would start and stop, and
// makes it when it is sent again by who has read that (R-C-24, R-C-94).
func (c *console) changeStore(v *Visit) error {
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	s, err := c.storeAt(v)
	if err != nil {
		return err
	}
	ch, err := c.changeOf(v, s)
	if err != nil {
		return err
	}
	d := changeData{Store: s, What: ch.What, Note: ch.Note, Reason: ch.Reason, Fields: map[string]string{}}
	for _, name := range []string{"do", "site", "other"} {
		if value := v.R.PostFormValue(name); value != "" {
			d.Fields[name] = value
		}
	}
	sure := v.R.PostFormValue("sure") != ""
	if sure && ch.Reason && strings.TrimSpace(v.R.PostFormValue("reason")) == "" {
		return atoll.Errorf(atoll.Invalid, "this needs a reason").On("reason").Do("say why: it is kept")
	}
	if sure {
		if err := ch.do(); err != nil {
			return c.refusedChange(v, d, err)
		}
		v.tell("done", "change.done")
		v.back("/stores/" + string(s.ID))
		return nil
	}
	p, records, err := ch.try()
	if err != nil {
		return c.refusedChange(v, d, err)
	}
	d.Records = records
	if len(p.Warnings) > 0 {
		d.Warning = saying{ch.What.Key + ".warning", ch.What.Args}
	}
	t, err := c.Station.Topology(v.ctx())
	if err != nil {
		return err
	}
	name := func(id atoll.ID) string {
		if s, ok := t.Store(id); ok {
			return s.Name
		}
		return shortID(id)
	}
	for _, x := range p.Changes {
		d.Rows = append(d.Rows, movedRow{name(x.Store), v.siteName(x.Site), x.From, x.To})
	}
	for _, id := range slices.Sorted(maps.Keys(p.Records)) {
		if p.Records[id] > 0 {
			d.Flows = append(d.Flows, flowRow{name(id), p.Records[id]})
			d.Records += p.Records[id]
		}
	}
	return v.page("change", v.T("change.title"), d)
}

// refusedChange says what stands in the way of a change.
func (c *console) refusedChange(v *Visit, d changeData, err error) error {
	wrong := problemOf(err)
	if wrong.Code == atoll.Internal {
		return err
	}
	d.Trouble, d.Locked = &wrong, wrong.Locked()
	return v.pageAs(wrong.Status, "change", v.T("change.title"), d)
}

// configuration is the change that a Configuration makes.
func (c *console) configuration(v *Visit, what saying, conf central.Configuration) change {
	return change{
		What: what,
		try: func() (central.Preview, int, error) {
			p, err := c.Centre.Try(v.ctx(), v.User.Name, conf)
			return p, 0, err
		},
		do: func() error { _, err := c.Centre.Configure(v.ctx(), v.User.Name, conf); return err },
	}
}

// changeOf reads which change a form asks for.
func (c *console) changeOf(v *Visit, s station.StoreView) (change, error) {
	do := v.R.PostFormValue("do")
	said := func(key string, more ...any) saying {
		return saying{"change." + key, append([]any{"store", s.Name}, more...)}
	}
	switch do {
	case "local", "collect", "uncollect":
		site, err := atoll.ParseSiteID(v.R.PostFormValue("site"))
		if err != nil {
			return change{}, atoll.Errorf(atoll.Invalid, "no site was chosen").On("site").Do("choose one")
		}
		if do == "local" {
			return c.settling(v, s, site, said("local", "site", v.siteName(site))), nil
		}
		return c.configuration(v, said(do, "site", v.siteName(site)), central.Collect(s.ID, site, do == "collect")), nil
	case "see", "hide":
		other, err := v.storeMeant(v.R.PostFormValue("other"))
		if err != nil {
			return change{}, err
		}
		return c.configuration(v, said(do, "other", other.Name), central.MakeVisible(s.ID, other.ID, do == "see")), nil
	case "succeed":
		heir, err := v.storeMeant(v.R.PostFormValue("other"))
		if err != nil {
			return change{}, err
		}
		return c.configuration(v, said(do, "other", heir.Name), central.Succeed(s.ID, heir.ID)), nil
	case "managed", "unmanaged":
		return c.configuration(v, said(do), central.ManageOnly(s.ID, do == "managed")), nil
	case "close", "open":
		return c.configuration(v, said(do), central.Disable(s.ID, do == "close")), nil
	case "include", "exclude":
		include := func(try bool) (central.Preview, error) {
			return c.Centre.IncludeTransactions(v.ctx(), v.User.Name, s.ID, do == "include", strings.TrimSpace(v.R.PostFormValue("reason")), try)
		}
		return change{
			What: said(do), Note: "change." + do + ".note", Reason: true,
			try: func() (central.Preview, int, error) { p, err := include(true); return p, 0, err },
			do:  func() error { _, err := include(false); return err },
		}, nil
	case "patients":
		count := func(try bool) (n int, err error) {
			_, records, err := c.Centre.ResyncPatients(v.ctx(), v.User.Name, s.ID, try)
			for _, more := range records {
				n += more
			}
			return n, err
		}
		return change{
			What: said(do), Note: "change.patients.note",
			try: func() (central.Preview, int, error) { n, err := count(true); return central.Preview{}, n, err },
			do:  func() error { _, err := count(false); return err },
		}, nil
	}
	return change{}, atoll.Errorf(atoll.Invalid, "there is no such change").On("do")
}

// settling makes a store active at a site: at once where it is active at the centre
// and has no work to bring along, else by a move (R-C-08, R-H-30).
func (c *console) settling(v *Visit, s station.StoreView, site atoll.SiteID, what saying) change {
	if s.Site == c.Here && site != c.Here {
		return c.configuration(v, what, central.Assign(s.ID, site))
	}
	move := func(try bool) (central.Preview, error) {
		_, p, err := c.Centre.StartMove(v.ctx(), v.User.Name, handover.Order{Store: s.ID, To: site, Reason: strings.TrimSpace(v.R.PostFormValue("reason"))}, try)
		return p, err
	}
	return change{
		What: what, Note: "change.move.note", Reason: true,
		try: func() (central.Preview, int, error) { p, err := move(true); return p, 0, err },
		do:  func() error { _, err := move(false); return err },
	}
}

// unlock opens the synchronisation settings for who has the code, for a while
// (R-C-07). Codes cannot be tried out.
func (c *console) unlock(v *Visit) error {
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	if !c.Door.Pass(c.Address(v.R) + " unlock") {
		return atoll.Errorf(atoll.Busy, "too many attempts from this address").Do("wait a little")
	}
	done, err := c.Door.Place(v.ctx())
	if err != nil {
		return err
	}
	defer done()
	until, err := c.Centre.Unlock(v.ctx(), v.User.Name, v.R.PostFormValue("code"))
	if err != nil {
		return err
	}
	v.tell("done", "lock.opened", "time", until)
	v.back("/stores")
	return nil
}
