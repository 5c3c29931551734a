package central

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// ManageOnly keeps all of a store's data at its site, or no longer (R-C-15).
// Turned on, the centre has no copy to restore the store from: Try tells so among
// the warnings, and whoever offers it has them confirmed first (R-C-94). Turned
// off, the site sends the store's whole history, by itself (R-C-95).
func ManageOnly(store atoll.ID, only bool) Configuration {
	return func(_ storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		if _, ok := t.Store(store); !ok {
			return nil, atoll.Errorf(atoll.NotFound, "there is no store %s", store)
		}
		return update("store", store, atoll.Fields{}.Set("managed_only", only)), nil
	}
}

// warnings are what a person must have read before the change is made.
func warnings(before, after *topology.Topology) (out []string) {
	for _, s := range after.Stores() {
		was, _ := before.Store(s.ID)
		if s.ManagedOnly && !was.ManagedOnly {
			out = append(out, fmt.Sprintf("the centre will hold no copy of %s: if its device is lost, so is its data; make sure of backups at the site", s.Name))
		}
		if s.Excluded && !was.Excluded {
			out = append(out, fmt.Sprintf("the centre will hold no copy of what stays at the site of %s: if its device is lost, so are the prescriptions, counts and stock from now on, but for transfers; make sure of backups at the site", s.Name))
		}
	}
	return out
}

// Disable closes a store for good, or opens it again. Nobody can trade with a
// disabled store. It is refused with the list of what stands in the way: open
// transfers, and a site where the store is active, whose unsent data nobody here
// can know of (R-C-118).
func Disable(store atoll.ID, disabled bool) Configuration {
	return func(r storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		s, ok := t.Store(store)
		if !ok {
			return nil, atoll.Errorf(atoll.NotFound, "there is no store %s", store)
		}
		if !disabled {
			return update("store", store, atoll.Fields{}.Set("disabled", false)), nil
		}
		away, reason := "", "close.open"
		if s.Site != t.Centre() {
			away, reason = whereActive(r, t, s)+"; ", "close.away"
		}
		open, err := openTransfers(r, t, store)
		if err != nil {
			return nil, err
		}
		if away != "" || len(open) > 0 {
			return nil, atoll.Errorf(atoll.Rule, "%s cannot be disabled: %s", s.Name, strings.TrimSuffix(away+together(open), "; ")).Listing(open).
				Do("move the store to the centre and let both sides finish the documents, then try again").
				Because(reason, "store", s.Name, "site", siteName(t, s.Site), "n", len(open))
		}
		return update("store", store, atoll.Fields{}.Set("disabled", true)), nil
	}
}

// siteName is what people call a site.
func siteName(t *topology.Topology, id atoll.SiteID) string {
	if s, ok := t.Site(id); ok && s.Name != "" {
		return s.Name
	}
	return id.String()
}

func whereActive(r storage.Reader, t *topology.Topology, s topology.Store) string {
	site, _ := t.Site(s.Site)
	out := fmt.Sprintf("it is active on site %d, %s", s.Site, site.Name)
	switch state, err := State(r, s.Site); {
	case err != nil || state.LastComplete.IsZero():
		out += ", which has never sent its data"
	default:
		out += ", which may have unsent data since " + state.LastComplete.UTC().Format(time.RFC3339)
	}
	return out
}

// openTransfers names the documents between the store and others that are not
// finished on both sides.
func openTransfers(r storage.Reader, t *topology.Topology, store atoll.ID) ([]*atoll.Error, error) {
	const most = 20
	var out []*atoll.Error
	seen := map[atoll.ID]bool{}
	for _, kind := range []atoll.Type{"invoice", "requisition"} {
		for _, side := range []string{"store_id", "partner_store_id"} {
			docs, err := r.Records(storage.Query{Type: kind, Where: map[string]string{side: string(store)}})
			if err != nil {
				return nil, err
			}
			for _, d := range docs {
				f := d.MustFields()
				if seen[d.ID] || !f.Has("partner_store_id") || len(out) >= most || finished(f) {
					continue
				}
				seen[d.ID] = true
				of, _ := t.Store(f.ID("store_id"))
				out = append(out, atoll.Errorf(atoll.Rule, "%s %s of %s is open", f.Text("kind"), f.Number("number"), of.Name).
					Because("document.open", "kind", f.Text("kind"), "number", f.Number("number"), "store", of.Name))
			}
		}
	}
	return out, nil
}

// finished reports whether a half of a transfer is done with: it is finalised,
// and, for the initiating one, so is the other.
func finished(f atoll.Fields) bool {
	if documents.Rank(f.Text("status")) < documents.Rank(documents.Finalised) {
		return false
	}
	return f.Has("originating_id") || documents.Rank(f.Text("linked_status")) >= documents.Rank(documents.Finalised)
}

// IncludeTransactions says whether a dispensary's transactions and stock go to
// the centre. It is no setting: only the vendor changes it, with a reason, and
// the entry in the journal says so (R-B-94, R-C-119). Switched on, the site sends
// the complete history by itself (R-B-93). Switched off, a lost device takes with it what
// stays there: with try, which changes nothing and needs no reason, that is among the
// warnings, and whoever offers it has them confirmed first, as with ManageOnly.
func (c *Centre) IncludeTransactions(ctx context.Context, actor string, store atoll.ID, include bool, reason string, try bool) (Preview, error) {
	if reason == "" && !try {
		return Preview{}, atoll.Errorf(atoll.Invalid, "a reason is needed").On("reason")
	}
	return c.configure(ctx, actor, atoll.Cause{Kind: "vendor", Ref: reason}, func(_ storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		s, ok := t.Store(store)
		switch {
		case !ok:
			return nil, atoll.Errorf(atoll.NotFound, "there is no store %s", store)
		case !include && !s.Dispensary:
			return nil, atoll.Errorf(atoll.Rule, "%s is no dispensary: its transactions are always included", s.Name).Because("include.always", "store", s.Name)
		}
		f := atoll.Fields{}.Set("include_transactions", include)
		if !include && !s.Excluded {
			f.Set("excluded_at", c.stamp())
		}
		return update("store", store, f), nil
	}, try)
}
