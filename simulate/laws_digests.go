package simulate

import (
	"context"
	"slices"

	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/verify"
)

// unrepaired: nothing was ever found to differ, and repaired.
func (c *checker) unrepaired(ctx context.Context, n *Node) error {
	return n.Store.View(ctx, func(r storage.Reader) error {
		done, err := verify.Repairs(r, 0)
		for _, d := range done {
			if key, ok := handover.ParseKey(d.Record); ok && c.fleet.Stranded[Strand{d.Site, key}] {
				continue
			}
			c.say("digests", "%s: %s differed, verdict %s: %s", n.Name, d.Record, d.Verdict, d.Why)
		}
		return err
	})
}

// digests: both ends keep the same digest of what the site is entitled to, and each
// is the digest of the records.
func (c *checker) digests(ctx context.Context, centre, at *holding) error {
	if !c.fleet.Damaged {
		for _, n := range []*Node{at.node, centre.node} {
			if err := c.unrepaired(ctx, n); err != nil {
				return err
			}
		}
	}
	if len(c.fleet.Apart) > 0 {
		return nil
	}
	site := at.node.Door.Site
	entitled := centre.topology.Subscription(site)
	var ours, theirs digest.Sum
	if err := at.node.Store.View(ctx, func(r storage.Reader) (err error) { ours, err = journal.Held(r, entitled); return err }); err != nil {
		return err
	}
	if err := c.fleet.Centre.Store.View(ctx, func(r storage.Reader) (err error) { theirs, err = journal.Held(r, entitled); return err }); err != nil {
		return err
	}
	c.looked["digests"] += len(entitled)
	if ours == theirs {
		return nil
	}
	c.say("digests", "site %d has the digest %s, the centre %s", site, ours, theirs)
	for key, want := range centre.records {
		for _, a := range digest.Counted(want.Audiences) {
			if got := at.records[key]; slices.Contains(entitled, a) && !slices.Contains(digest.Counted(got.Audiences), a) {
				c.say("digests", "at the centre %s counts under %s; site %d has it under %v, hidden %t", key, a, site, got.Audiences, got.Hidden)
			}
		}
	}
	for key, got := range at.records {
		for _, a := range digest.Counted(got.Audiences) {
			if want := centre.records[key]; slices.Contains(entitled, a) && !got.Hidden && !slices.Contains(digest.Counted(want.Audiences), a) {
				c.say("digests", "at site %d %s counts under %s; the centre has it under %v", site, key, a, want.Audiences)
			}
		}
	}
	return nil
}
