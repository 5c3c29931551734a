// Package station is what every installation has, the centre and a remote site
// alike: an identity, records that people read and edit, documents with their
// acts, processors, users. The command line, the REST API and the console are
// faces of it; none has powers that the others lack.
package station

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/admit"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/merge"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/rights"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

// Role is what an installation is.
type Role string

// The roles.
const (
	Central Role = "central"
	Remote  Role = "site"
)

// Identity is who an installation is. It is on the shelf: it belongs to the
// database and is never synchronised.
type Identity struct {
	Role    Role         `json:"role"`
	System  atoll.ID     `json:"system,omitempty"` // of the whole system; never changes
	Site    atoll.SiteID `json:"site,omitempty"`   // 0 for a site that is not enrolled yet
	Name    string       `json:"name"`
	Created time.Time    `json:"created"`
	// Of a remote site: the centre's address and pinned certificate, and the site's
	// private key.
	URL string `json:"url,omitempty"`
	Pin string `json:"pin,omitempty"`
	Key []byte `json:"key,omitempty"`
	// Support marks a copy that was made for support: it never synchronises (R-H-53).
	Support bool `json:"support,omitempty"`
}

// Options make a Station.
type Options struct {
	Store     storage.Store
	Catalogue *catalogue.Catalogue
	Now       func() time.Time
	Log       *slog.Logger
}

// Station is one installation. All methods may be called from several
// goroutines.
type Station struct {
	Options
	Identity   Identity
	Door       *journal.Door
	Processors *process.Processors
	// Usable says whether people may work here; nil always allows it.
	Usable func(storage.Reader) error
	// LastSync tells when what the site has to say was synchronised last; nil when
	// that is not known.
	LastSync func(r storage.Reader, site atoll.SiteID) (time.Time, error)
	// LastContact tells when a site last connected; nil where that is not known.
	LastContact func(r storage.Reader, site atoll.SiteID) (time.Time, error)
	// People is the centre, to be asked on line about patients elsewhere; Pull
	// receives the complete data of one audience ahead of everything else. Both are
	// nil where there is no way to the centre, and at the centre.
	People exchange.People
	Pull   func(ctx context.Context, audience atoll.Audience) error
	// Changed is called after an edit was committed; it must not block. Nil is
	// allowed.
	Changed func()

	looks looks
	kept  report.Kept // for reports; empty unless KeepReports is called
}

const shelfSelf = "self"

// LoadIdentity returns who the database belongs to. It fails with
// atoll.Initialise when it belongs to nobody yet.
func LoadIdentity(ctx context.Context, s storage.Store) (Identity, error) {
	var id Identity
	err := s.View(ctx, func(r storage.Reader) error {
		err := storage.Load(r, shelfSelf, "identity", &id)
		if errors.Is(err, atoll.NotFound) {
			return atoll.Errorf(atoll.Initialise, "nothing is set up here yet").Do("run: atoll init central, or: atoll init site")
		}
		return err
	})
	return id, err
}

// SaveIdentity stores who the database belongs to.
func SaveIdentity(tx storage.Tx, id Identity) error {
	return storage.Save(tx, shelfSelf, "identity", id)
}

// New returns the station of the identity.
func New(id Identity, o Options) *Station {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	judge := &admit.Judge{Catalogue: o.Catalogue, Rules: slices.Concat(documents.Rules(), rights.Rules(), handover.Rules(), merge.Rules(), patients.Rules(o.Catalogue), []admit.Rule{visibleToItself, epochMoves}), Laws: documents.Laws()}
	s := &Station{
		Options: o, Identity: id,
		Door: &journal.Door{
			Site: id.Site, Centre: id.Role == Central, Judge: judge, Companions: []journal.Companion{symmetric}, Now: o.Now,
		},
	}
	judge.Rules = append(judge.Rules, neededSites)
	s.Processors = &process.Processors{Store: o.Store, Door: s.Door, Kinds: slices.Concat(transfer.All, rights.Kinds, handover.Kinds(o.Catalogue), merge.Kinds(o.Catalogue), patients.Kinds), Now: o.Now, Log: o.Log, Before: s.before}
	return s
}

// Topology returns the configuration as it is now.
func (s *Station) Topology(ctx context.Context) (*topology.Topology, error) {
	var t *topology.Topology
	err := s.Store.View(ctx, func(r storage.Reader) (err error) {
		t, err = s.Door.Topology(r)
		return err
	})
	return t, err
}

// Edit makes a transaction on behalf of a user or program: all of it or none. It
// never waits for the network. What follows from it (an answering document in
// another store of this site) is there when it returns.
func (s *Station) Edit(ctx context.Context, e journal.Edit) (journal.Result, error) {
	return s.Act(ctx, e.Actor, e.Cause, func(documents.Desk) ([]journal.Proposal, error) { return e.Do, nil })
}

// Act is Edit for changes that are worked out from the records as they stand. It
// changes nothing of stores that are not those of who asks; see [As].
func (s *Station) Act(ctx context.Context, actor string, cause atoll.Cause, act func(documents.Desk) ([]journal.Proposal, error)) (journal.Result, error) {
	return s.act(ctx, actor, cause, func(d documents.Desk) ([]journal.Proposal, error) {
		do, err := act(d)
		if err == nil {
			err = s.theirs(ctx, d, do...)
		}
		return do, err
	})
}

// act is Act for the program's own work too.
func (s *Station) act(ctx context.Context, actor string, cause atoll.Cause, act func(documents.Desk) ([]journal.Proposal, error)) (journal.Result, error) {
	var res journal.Result
	var do []journal.Proposal
	err := s.Store.Update(ctx, func(tx storage.Tx) error {
		res = journal.Result{}
		if s.Usable != nil {
			if err := s.Usable(tx); err != nil {
				return err
			}
		}
		t, err := s.Door.Topology(tx)
		if err != nil {
			return err
		}
		desk := documents.Desk{R: tx, T: t, Now: s.Now(), Catalogue: s.Catalogue}
		if do, err = act(desk); err != nil {
			return err
		}
		if do, err = desk.Opening(do); err != nil {
			return err
		}
		if do, err = patients.Complete(tx, t, do); err != nil {
			return err
		}
		if err := s.unguarded(tx, do); err != nil {
			return err
		}
		res, err = s.Door.Write(tx, journal.Edit{Actor: actor, Cause: cause, Do: do})
		return err
	})
	if err != nil {
		s.noteRefusal(ctx, actor, do, err)
		return res, err
	}
	if res.Seq == 0 {
		return res, nil
	}
	// The edit stands whatever becomes of what follows from it: a processor that
	// fails here goes on with the next cycle.
	if _, perr := s.Processors.Run(ctx); perr != nil {
		s.Log.ErrorContext(ctx, "processors failed", "err", perr)
	}
	if s.Changed != nil {
		s.Changed()
	}
	return res, nil
}
