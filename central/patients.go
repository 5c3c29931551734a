package central

import (
	"context"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/storage"
)

// LastSync returns when the site's last complete cycle ended; for the centre
// itself, now.
func (c *Centre) LastSync(r storage.Reader, site atoll.SiteID) (time.Time, error) {
	if site == atoll.CentreID {
		return c.Now(), nil
	}
	s, err := State(r, site)
	if atoll.CodeOf(err) == atoll.SiteUnknown {
		return time.Time{}, nil
	}
	return s.LastComplete, err
}

// dispensaryLists are the lists that go with the patients of a store (R-G-14).
var dispensaryLists = []atoll.Type{
	"abbreviation", "item_direction", "insurance_provider", "patient_event_type", "diagnosis", "transaction_category",
}

// ResyncPatients sends the site of the store, once, all its patients and
// prescribers with all that hangs on them, and the lists of dispensaries, beside
// the normal flow (R-G-14). Try only counts the records it would send, by type.
func (c *Centre) ResyncPatients(ctx context.Context, actor string, store atoll.ID, try bool) (jobs []atoll.ID, records map[atoll.Type]int, err error) {
	var site atoll.SiteID
	err = c.Store.View(ctx, func(r storage.Reader) error {
		t, err := c.Door.Topology(r)
		if err != nil {
			return err
		}
		st, ok := t.Store(store)
		switch {
		case !ok:
			return atoll.Errorf(atoll.NotFound, "there is no store %s", store)
		case !st.Dispensary:
			return atoll.Errorf(atoll.Rule, "store %s is not a dispensary; it receives no patients", st.Name).Because("patients.dispensary", "store", st.Name)
		case st.Site == t.Centre():
			return atoll.Errorf(atoll.Rule, "store %s is active at the centre, which has all patients", st.Name).Because("patients.centre", "store", st.Name)
		}
		site = st.Site
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	records = map[atoll.Type]int{}
	for _, s := range []handover.Selection{{Patients: true}, {Types: dispensaryLists}} {
		id, n, err := c.StartJob(ctx, actor, JobOrder{Kind: handover.Resync, Site: site, Selection: s}, try)
		if err != nil {
			return jobs, records, err
		}
		if !try {
			jobs = append(jobs, id)
		}
		for kind, count := range n {
			records[kind] += count
		}
	}
	return jobs, records, nil
}
