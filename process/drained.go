package process

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// mostLookedThrough is how many refusals of a site are taken apart for a question; of
// a site that has more, all count.
const mostLookedThrough = 100

// Undrained is the one rule of every right that passes from a site: what the site did
// under it must have been decided about, or a change that is accepted later would
// meet what the next holder did meanwhile (R-F-10, R-G-42, R-H-30 3). It says why the
// right cannot pass yet, nil if it can. The site's confirmation must be here, behind all
// it did; about chooses the operations that were made under the right, nil takes all.
func (c Case) Undrained(site atoll.SiteID, about func(atoll.Operation) (bool, error)) (*atoll.Error, error) {
	open, err := c.R.CountRefusals()
	n := open[site]
	if err == nil && about != nil && n <= mostLookedThrough {
		n, err = c.count(site, about)
	}
	if err != nil || n == 0 {
		return nil, err
	}
	return atoll.Errorf(atoll.HeldBehind, "%d refused changes of site %d wait for a decision", n, site).
		Do("decide about them: atoll quarantine list"), nil
}

// count is how many open refusals of the site have an operation that about takes.
func (c Case) count(site atoll.SiteID, about func(atoll.Operation) (bool, error)) (n int, err error) {
	open, err := c.R.Refusals(site, true, 0, 0)
	if err != nil {
		return 0, err
	}
	for _, r := range open {
		is, err := holds(r, about)
		if err != nil {
			return 0, err
		}
		if is {
			n++
		}
	}
	return n, nil
}

// holds reports whether the refusal has an operation that about takes. One that cannot
// be read may have.
func holds(r storage.Refusal, about func(atoll.Operation) (bool, error)) (bool, error) {
	e, err := atoll.DecodeEntry(r.Content)
	if err != nil || !e.Withheld.IsZero() {
		return true, nil //nolint:nilerr // nobody knows what is in it
	}
	for _, op := range e.Operations {
		if is, err := about(op); err != nil || is {
			return is, err
		}
	}
	return false, nil
}
