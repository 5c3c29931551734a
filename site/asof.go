package site

import (
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// LastSync returns when the last complete cycle ended: what is known here of any
// site is as of then (R-G-13, R-L-15).
func (s *Site) LastSync(r storage.Reader, _ atoll.SiteID) (time.Time, error) {
	l, err := loadLink(r)
	return l.LastSuccess, err
}
