package central

import (
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// LastContact returns when the site last connected, the zero time if it never did
// (R-I-20).
func (c *Centre) LastContact(r storage.Reader, site atoll.SiteID) (time.Time, error) {
	s, err := State(r, site)
	if atoll.CodeOf(err) == atoll.SiteUnknown {
		return time.Time{}, nil
	}
	return s.LastContact, err
}
