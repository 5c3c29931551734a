package central

import (
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/rights"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Delegation is a wish about the right to edit a domain of central data.
type Delegation struct {
	Domain string
	Reason string
	// AtOnce does not wait until the holder has sent everything.
	AtOnce bool
}

// Grant gives the right to the site where the store is active (R-F-01, R-F-26).
func (c *Centre) Grant(actor string, d Delegation, store atoll.ID) Configuration {
	return c.right(actor, d, func(t *topology.Topology, deed rights.Deed) ([]journal.Proposal, error) {
		return rights.Grant(c.Door.Judge.Catalogue, t, deed, store)
	})
}

// ChangeDelegate hands a delegated right on to another store's site (R-F-10).
func (c *Centre) ChangeDelegate(actor string, d Delegation, store atoll.ID) Configuration {
	return c.right(actor, d, func(t *topology.Topology, deed rights.Deed) ([]journal.Proposal, error) {
		return rights.Change(c.Door.Judge.Catalogue, t, deed, store)
	})
}

// Withdraw gives a delegated right back to the primary (R-F-10, R-F-23).
func (c *Centre) Withdraw(actor string, d Delegation) Configuration {
	return c.right(actor, d, rights.Withdraw)
}

// KeepDelegate calls a change off that has not taken effect yet.
func (c *Centre) KeepDelegate(actor string, d Delegation) Configuration {
	return c.right(actor, d, rights.Keep)
}

func (c *Centre) right(actor string, d Delegation, act func(*topology.Topology, rights.Deed) ([]journal.Proposal, error)) Configuration {
	return func(_ storage.Reader, t *topology.Topology) ([]journal.Proposal, error) {
		return act(t, rights.Deed{Domain: d.Domain, Actor: actor, Reason: d.Reason, AtOnce: d.AtOnce, Now: c.Now().UTC().Truncate(time.Second)})
	}
}
