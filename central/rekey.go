package central

import (
	"context"
	"time"

	"github.com/atollsync/atoll"
)

// orderRekey asks a site for a new key (R-H-46).
const orderRekey = "rekey"

// Grace is how long a key that is to be replaced is still accepted.
const Grace = 7 * 24 * time.Hour

// ReplaceKey asks the site for a new key: it is told at its next exchange, and takes
// one when it is enrolled with the code that is returned. Until then, and at most
// for the grace (7 days if zero), the old one is accepted (R-H-46).
func (c *Centre) ReplaceKey(ctx context.Context, actor string, site atoll.SiteID, grace time.Duration) (code string, until time.Time, err error) {
	if grace == 0 {
		grace = Grace
	}
	if grace < time.Hour || grace > 90*24*time.Hour {
		return "", until, atoll.Errorf(atoll.Invalid, "a grace of %s is not possible", grace).On("grace").Do("choose between an hour and 90 days")
	}
	code, digest := newCode()
	until = c.Now().Add(grace)
	return code, until, c.order(ctx, actor, site, "replace_key", nil, func(s *SiteState) error {
		if len(s.Key) == 0 {
			return atoll.Errorf(atoll.Rule, "site %d has no key yet", site).Do("give it a ticket: atoll site code %d", site).Because("site.keyless", "site", site)
		}
		s.CodeHash, s.CodeExpires = digest, c.Now().Add(max(codeLife, grace))
		s.Failures, s.LockedUntil = 0, time.Time{}
		s.KeyUntil = until
		return nil
	})
}

// outdated refuses a key whose grace is over.
func (s SiteState) outdated(now time.Time) error {
	if s.KeyUntil.IsZero() || now.Before(s.KeyUntil) {
		return nil
	}
	return atoll.Errorf(atoll.SignIn, "the key of site %d was to be replaced by %s, and is not accepted any longer", s.Site, s.KeyUntil.UTC().Format(time.RFC3339)).
		Do("nothing is lost: get a new ticket at the centre (atoll site code %d), then: atoll enrol TICKET", s.Site)
}
