package central

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Whereabouts tells which sites must have a record as it stands, and which are
// known to (R-M-04).
type Whereabouts struct {
	Received time.Time `json:"received"` // when the centre had this version
	Sites    int       `json:"sites"`    // that must have it
	Have     int       `json:"have"`     // of them, known to have it
	// Places are the sites, those that are not known to have it first.
	Places []Place `json:"places"`
}

// Place is one site that must have a record.
type Place struct {
	Site topology.Site    `json:"site"`
	Why  []atoll.Audience `json:"why,omitempty"` // the audiences that both have; none for the site that made it
	Has  bool             `json:"has"`
	// At is the exchange in which the site said so, or was last complete before; zero
	// if it never was.
	At time.Time `json:"at,omitzero"`
}

// Whereabouts returns where a record is, and up to limit of the sites. A site is
// known to have a version when an exchange was complete after the centre had it:
// what is true since a moment ago may not be known yet, and nothing is said to be
// there that is not.
func (c *Centre) Whereabouts(ctx context.Context, key atoll.Key, limit int) (Whereabouts, error) {
	if err := c.Flush(ctx); err != nil {
		return Whereabouts{}, err
	}
	var out Whereabouts
	err := c.Store.View(ctx, func(r storage.Reader) error {
		out = Whereabouts{}
		rec, err := r.Record(key)
		if errors.Is(err, atoll.NotFound) {
			return atoll.Errorf(atoll.NotFound, "there is no such record").About(key)
		}
		if err != nil {
			return err
		}
		if made, err := r.Entry(rec.Origin.Site, rec.Origin.Seq); err == nil {
			out.Received = made.Received
		} else if !errors.Is(err, atoll.NotFound) {
			return err
		}
		t, err := c.Door.Topology(r)
		if err != nil {
			return err
		}
		for _, s := range t.Sites() {
			p, must, err := place(r, t, rec, s, out.Received)
			if err != nil {
				return err
			}
			if !must {
				continue
			}
			if out.Sites++; p.Has {
				out.Have++
			}
			out.Places = append(out.Places, p)
		}
		return nil
	})
	slices.SortStableFunc(out.Places, func(a, b Place) int {
		if a.Has != b.Has {
			return cmp.Compare(rank(a.Has), rank(b.Has))
		}
		return a.At.Compare(b.At)
	})
	out.Places = out.Places[:min(len(out.Places), limit)]
	return out, err
}

func rank(has bool) int {
	if has {
		return 1
	}
	return 0
}

// place says how one site stands with the record, and whether it must have it.
func place(r storage.Reader, t *topology.Topology, rec atoll.Record, s topology.Site, received time.Time) (p Place, must bool, err error) {
	p.Site = s
	if s.ID == t.Centre() || s.Disabled {
		return p, false, nil
	}
	if slices.Contains(rec.Audiences, atoll.All) {
		p.Why = []atoll.Audience{atoll.All}
	} else {
		for _, a := range t.Subscription(s.ID) {
			if slices.Contains(rec.Audiences, a) {
				p.Why = append(p.Why, a)
			}
		}
	}
	made := rec.Origin.Site == s.ID
	if len(p.Why) == 0 && !made {
		return p, false, nil
	}
	st, err := State(r, s.ID)
	if err != nil {
		return p, false, err
	}
	p.At = st.LastComplete
	p.Has = made || st.Cursor >= rec.Position && !st.LastComplete.Before(received) && !st.LastComplete.IsZero()
	if made {
		p.At = received
	}
	return p, true, nil
}
