package process

import (
	"github.com/atollsync/atoll"
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
	open, err := c.R.Refusals(site, true, 0, 0)
	if err != nil {
		return nil, err
	}
	n := len(open)
	if about != nil && n <= mostLookedThrough {
		n = 0
		for _, r := range open {
			is, err := c.holds(r.ID, about)
			if err != nil {
				return nil, err
			}
			if is {
				n++
			}
		}
	}
	if n == 0 {
		return nil, nil
	}
	return atoll.Errorf(atoll.HeldBehind, "%d refused changes of site %d wait for a decision", n, site).
		Do("decide about them: atoll quarantine list"), nil
}

// holds reports whether the refusal has an operation that about takes. One that cannot
// be read may have.
func (c Case) holds(refusal int64, about func(atoll.Operation) (bool, error)) (bool, error) {
	r, err := c.R.Refusal(refusal)
	if err != nil {
		return false, err
	}
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
