package central

import (
	"context"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/plan"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// NewSite is a site that a plan made, with the code to enrol it with.
type NewSite struct {
	Site atoll.SiteID `json:"site"`
	Name string       `json:"name"`
	Code string       `json:"code"`
}

// Plan works out what follows from the answers of the checklist (R-H-51).
func (c *Centre) Plan(ctx context.Context, a plan.Answers) (plan.Plan, error) {
	var p plan.Plan
	err := c.Store.View(ctx, func(r storage.Reader) error {
		t, err := c.Door.Topology(r)
		if err != nil {
			return err
		}
		p = plan.Make(a, t)
		return nil
	})
	return p, err
}

// CarryOut makes what the plan of the answers says and is not there yet. It is many
// transactions; stopped anywhere it may be called again. A plan with problems is
// refused whole.
func (c *Centre) CarryOut(ctx context.Context, actor string, a plan.Answers) (plan.Plan, []NewSite, error) {
	p, err := c.Plan(ctx, a)
	if err != nil {
		return p, nil, err
	}
	if len(p.Problems) > 0 {
		return p, nil, atoll.Errorf(atoll.Rule, "the answers do not fit together: %s", p.Problems[0]).Do("answer otherwise; see all problems with: atoll plan FILE").Because("plan.problems")
	}
	var made []NewSite
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Done {
			continue
		}
		site, err := c.carryOut(ctx, actor, *s)
		if err != nil {
			return p, made, err
		}
		if site.Site != 0 {
			made = append(made, site)
		}
		s.Done = true
	}
	return p, made, nil
}

func (c *Centre) carryOut(ctx context.Context, actor string, s plan.Step) (made NewSite, err error) {
	stores, sites := map[string]atoll.ID{}, map[string]atoll.SiteID{}
	err = c.Store.View(ctx, func(r storage.Reader) error {
		t, err := c.Door.Topology(r)
		if err != nil {
			return err
		}
		for _, st := range t.Stores() {
			stores[st.Code] = st.ID
		}
		for _, st := range t.Sites() {
			sites[st.Name] = st.ID
		}
		return nil
	})
	if err != nil {
		return made, err
	}
	configure := func(change Configuration) error {
		_, err := c.Configure(ctx, actor, change)
		return err
	}
	switch s.Do {
	case plan.AddStore:
		return made, configure(AddStore(atoll.NewID(c.Now()), s.A, s.B, s.Dispensary))
	case plan.AddSite:
		site, code, err := c.AddSite(ctx, actor, s.A, topology.Kind(s.B))
		return NewSite{site.ID, site.Name, code}, err
	case plan.Assign:
		return made, configure(Assign(stores[s.A], sites[s.B]))
	case plan.Visible:
		return made, configure(MakeVisible(stores[s.A], stores[s.B], true))
	case plan.Transactions:
		_, err := c.IncludeTransactions(ctx, actor, stores[s.A], false, "plan of the system", false)
		return made, err
	case plan.Preference:
		return made, configure(func(r storage.Reader, _ *topology.Topology) ([]journal.Proposal, error) {
			known, err := r.Records(storage.Query{Type: "preference", Where: map[string]string{"key": s.A}})
			if err != nil {
				return nil, err
			}
			if len(known) > 0 {
				return update("preference", known[0].ID, atoll.Fields{}.Set("value", true)), nil
			}
			return []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: "preference", ID: atoll.NewID(c.Now())}, Fields: atoll.Fields{}.
				Set("key", s.A).Set("value", true)}}, nil
		})
	}
	return made, atoll.Errorf(atoll.Internal, "a step %q", s.Do)
}
