package station

import (
	"context"
	"errors"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// Person is a patient or prescriber as people here see one.
type Person struct {
	Record
	HomeStore     atoll.ID     `json:"home_store"`
	HomeStoreName string       `json:"home_store_name,omitempty"`
	HomeSite      atoll.SiteID `json:"home_site,omitempty"`
	// VisibleIn are the stores in which the person is visible, as known here.
	VisibleIn []atoll.ID `json:"visible_in"`
	// MovesTo is the new home store while a transfer is under way.
	MovesTo atoll.ID `json:"moves_to,omitempty"`
	// Pending are the changes that sites have asked the home site for (R-G-10).
	Pending []patients.Pending `json:"pending,omitempty"`
	// NotUpdatedSince is set when nobody here sees the person any longer (R-G-12).
	NotUpdatedSince time.Time `json:"not_updated_since,omitzero"`
	// AsOf is the last synchronisation of what is shown.
	AsOf time.Time `json:"as_of,omitzero"`
}

// people runs an act on patients or prescribers.
func (s *Station) people(ctx context.Context, actor, cause string, act func(patients.Desk) ([]journal.Proposal, error)) (journal.Result, error) {
	return s.Act(ctx, actor, atoll.Cause{Kind: "user", Ref: cause}, func(d documents.Desk) ([]journal.Proposal, error) {
		do, err := act(patients.Desk{R: d.R, T: d.T, Catalogue: s.Catalogue, Site: s.Door.Site, Now: d.Now, Actor: actor})
		if u, is := askerOf(ctx); is && err == nil {
			err = s.MayChange(u, d, do...)
		}
		return do, err
	})
}

// look reads from one snapshot.
func (s *Station) look(ctx context.Context, fn func(patients.Desk) error) error {
	return s.Store.View(ctx, func(r storage.Reader) error {
		t, err := s.Door.Topology(r)
		if err != nil {
			return err
		}
		return fn(patients.Desk{R: r, T: t, Catalogue: s.Catalogue, Site: s.Door.Site, Now: s.Now()})
	})
}

// asOf is when what the site tells was synchronised last: at a remote site, all of
// it; at the centre, what the site has sent.
func (s *Station) asOf(r storage.Reader, site atoll.SiteID) (time.Time, error) {
	if s.LastSync == nil {
		return time.Time{}, nil
	}
	return s.LastSync(r, site)
}

// Register makes a patient or prescriber whose home is the store, which must be a
// dispensary that is active here (R-G-01, R-G-08). She becomes visible in it, and
// in the site's other dispensaries as they prefer (R-G-05).
func (s *Station) Register(ctx context.Context, actor string, person atoll.Type, store atoll.ID, fields atoll.Fields) (atoll.ID, error) {
	id := atoll.NewID(s.Now())
	_, err := s.people(ctx, actor, "register", func(d patients.Desk) ([]journal.Proposal, error) {
		st, ok := d.T.Store(store)
		if !ok || st.Site != d.Site {
			return nil, atoll.Errorf(atoll.Rule, "store %s is not active here", st.Name).On("store_id").Do("register in a dispensary store of this site").
				Because("store.away", "store", st.Name)
		}
		f := fields.Clone().Set("home_store_id", store).Set("status", "active")
		if person == patients.Patient && !f.Has("name") {
			f.Set("name", whole(f))
		}
		return []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: person, ID: id}, Fields: f.Compacted()}}, nil
	})
	return id, err
}

// whole is a name in one field: "Last, First".
func whole(f atoll.Fields) string {
	last, first := f.Text("last_name"), f.Text("first_name")
	if last != "" && first != "" {
		return last + ", " + first
	}
	return last + first
}

// EditPerson changes details of a patient or prescriber, or of what hangs on one,
// for somebody who works in the store: at home at once; elsewhere as a request to
// the home site, where that is allowed, and pending is true (R-G-02, R-G-10).
func (s *Station) EditPerson(ctx context.Context, actor string, store atoll.ID, who, key atoll.Key, changed atoll.Fields, reason string) (pending bool, err error) {
	if err := worksIn(ctx, store); err != nil {
		return false, err
	}
	id := atoll.NewID(s.Now())
	_, err = s.people(ctx, actor, "edit", func(d patients.Desk) (do []journal.Proposal, err error) {
		do, pending, err = d.Edit(store, who, key, changed, reason, id)
		return do, err
	})
	return pending, err
}

// Person returns a patient or prescriber, also one that is no longer visible here:
// then NotUpdatedSince says since when (R-G-12).
func (s *Station) Person(ctx context.Context, who atoll.Key) (Person, error) {
	var out Person
	err := s.look(ctx, func(d patients.Desk) error {
		rec, err := d.R.Record(who)
		if errors.Is(err, atoll.NotFound) || err == nil && rec.Deleted {
			return atoll.Errorf(atoll.NotFound, "there is no such %s here", who.Type).About(who).
				Do("look at the centre with: atoll %s find", who.Type)
		}
		if err != nil {
			return err
		}
		if out.Record, err = s.dressed(d.R, survivor.New(d.R, s.Catalogue), rec); err != nil {
			return err
		}
		out.HomeStore = out.Fields.ID("home_store_id")
		if st, ok := d.T.Store(out.HomeStore); ok {
			out.HomeStoreName, out.HomeSite = st.Name, st.Site
		}
		if to, is, err := patients.Underway(d.R, who); err != nil {
			return err
		} else if is {
			out.MovesTo, out.Editable = to, false
		}
		if out.VisibleIn, err = patients.VisibleIn(d.R, who); err != nil {
			return err
		}
		if out.Pending, err = patients.PendingOf(d.R, who); err != nil {
			return err
		}
		if rec.Hidden {
			if out.NotUpdatedSince, err = journal.RetractedSince(d.R, who); err != nil {
				return err
			}
		}
		out.AsOf, err = s.asOf(d.R, out.HomeSite)
		return err
	})
	return out, err
}

// FindHere looks for patients or prescribers visible in the store (R-G-11); at the
// centre, with no store, among all.
func (s *Station) FindHere(ctx context.Context, person atoll.Type, store atoll.ID, search patients.Search) (found []patients.Match, more bool, err error) {
	if err := worksIn(ctx, store); err != nil {
		return nil, false, err
	}
	err = s.look(ctx, func(d patients.Desk) error {
		var only map[atoll.ID]bool
		if store != "" || s.Identity.Role != Central {
			if err := s.worksWith(d, store); err != nil {
				return err
			}
			if only, err = d.In(person, store); err != nil {
				return err
			}
		}
		found, more, err = d.Find(person, search, only)
		return err
	})
	return found, more, err
}

// worksWith says whether patients are used and shown in the store (R-G-08).
func (s *Station) worksWith(d patients.Desk, store atoll.ID) error {
	if store == "" {
		return atoll.Errorf(atoll.Invalid, "the store you work in is not named").On("store").Do("name it: --store STORE on the command line, store in the API")
	}
	st, ok := d.T.Store(store)
	if !ok {
		return atoll.Errorf(atoll.NotFound, "there is no store %s here", store).Do("list them with: atoll store list")
	}
	if in := d.T.Instance(store, d.Site).Type; !st.Dispensary || (in != topology.Active && in != topology.Collector) {
		return atoll.Errorf(atoll.Rule, "patients are used and shown in dispensary stores only; %s is not one here", st.Name).On("store").
			Because("home.no_dispensary", "store", st.Name)
	}
	return nil
}

// History is what is known here of the treatment of a patient, and how old that
// is (R-G-13).
type History struct {
	Patient patients.Match   `json:"patient"`
	Events  []patients.Event `json:"events"`
	// AsOf is the last synchronisation of what is shown; at the centre, of the site
	// that was away for longest. It is zero for what was never synchronised.
	AsOf    time.Time `json:"as_of,omitzero"`
	Warning string    `json:"warning"`
}

// confirm is what every view of a history says (R-G-13).
const confirmWarning = "Other places may have treated this patient since. Confirm with the patient's card."

// PatientHistory returns the history of a patient, those merged into her included.
func (s *Station) PatientHistory(ctx context.Context, patient atoll.ID) (History, error) {
	out := History{Warning: confirmWarning}
	who := atoll.Key{Type: patients.Patient, ID: patient}
	err := s.look(ctx, func(d patients.Desk) error {
		rec, err := d.R.Record(who)
		if errors.Is(err, atoll.NotFound) || err == nil && rec.Deleted {
			return atoll.Errorf(atoll.NotFound, "there is no such patient here").About(who).Do("look at the centre with: atoll patient find")
		}
		if err != nil {
			return err
		}
		f := rec.MustFields()
		out.Patient = patients.Match{ID: patient, Name: f.Text("name"), DateOfBirth: f.Text("date_of_birth"), HomeStore: f.ID("home_store_id")}
		if out.Events, err = patients.History(d.R, patient); err != nil {
			return err
		}
		if rec.Hidden {
			out.AsOf, err = journal.RetractedSince(d.R, who)
			out.Warning = "The patient is no longer visible here, and nothing is updated since then. " + confirmWarning
			return err
		}
		out.AsOf, err = s.oldest(d, who)
		return err
	})
	return out, err
}

// oldest is the earliest of the last synchronisations of the sites where the
// patient is treated; at a remote site, its own last one.
func (s *Station) oldest(d patients.Desk, who atoll.Key) (at time.Time, err error) {
	if s.Identity.Role != Central {
		return s.asOf(d.R, d.Site)
	}
	stores, err := patients.VisibleIn(d.R, who)
	if err != nil {
		return at, err
	}
	for _, id := range stores {
		st, ok := d.T.Store(id)
		if !ok || st.Site == d.Site {
			continue
		}
		last, err := s.asOf(d.R, st.Site)
		if err != nil {
			return at, err
		}
		if at.IsZero() || last.Before(at) {
			at = last
		}
	}
	if at.IsZero() {
		at = d.Now
	}
	return at, nil
}

// ShowPerson makes a patient or prescriber visible in a store, or no longer: at the
// centre (R-G-06).
func (s *Station) ShowPerson(ctx context.Context, actor string, who atoll.Key, store atoll.ID, visible bool) error {
	_, err := s.people(ctx, actor, "visibility", func(d patients.Desk) ([]journal.Proposal, error) { return d.Show(who, store, visible) })
	return err
}

// shelfForgotten tells of which retracted patients the details are removed: the
// time of the retraction by key.
const shelfForgotten = "forgotten"

// ForgetDetails removes the clinical details of patients who have not been visible
// here for as long as the preference says; the patient's own record is kept for
// the documents that name it (R-G-12). It returns the number of records removed,
// and may be run at any time.
func (s *Station) ForgetDetails(ctx context.Context) (removed int, err error) {
	if s.Identity.Role == Central {
		return 0, nil
	}
	var due map[atoll.Key]string
	err = s.look(ctx, func(d patients.Desk) (err error) {
		due, err = forgettable(d)
		return err
	})
	if err != nil || len(due) == 0 {
		return 0, err
	}
	err = s.Store.Update(ctx, func(tx storage.Tx) error {
		removed = 0
		for who, since := range due {
			n, err := s.forgetDetails(tx, who)
			if err != nil {
				return err
			}
			removed += n
			if err := tx.Set(shelfForgotten, who.String(), []byte(since)); err != nil {
				return err
			}
		}
		return nil
	})
	return removed, err
}

// forgettable returns the patients whose details are to be removed, with the time
// of their retraction.
func forgettable(d patients.Desk) (map[atoll.Key]string, error) {
	long, err := journal.RetractedBefore(d.R, d.Now.Add(-patients.Kept(d.T)))
	out := map[atoll.Key]string{}
	for _, who := range long {
		since, err := journal.RetractedSince(d.R, who)
		if err != nil {
			return nil, err
		}
		done, err := d.R.Get(shelfForgotten, who.String())
		if err != nil && !errors.Is(err, atoll.NotFound) {
			return nil, err
		}
		if text := since.Format(time.RFC3339); string(done) != text && who.Type == patients.Patient {
			out[who] = text
		}
	}
	return out, err
}

func (s *Station) forgetDetails(tx storage.Tx, who atoll.Key) (n int, err error) {
	for _, def := range s.Catalogue.Types() {
		if !patients.Clinical(def) {
			continue
		}
		rows, err := tx.Records(storage.Query{Type: def.Type, Where: map[string]string{def.Scope: string(who.ID)}, All: true})
		if err != nil {
			return n, err
		}
		for _, r := range rows {
			if !r.Hidden {
				continue
			}
			if err := s.Door.Discard(tx, r.Key); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}
