package central

import (
	"fmt"

	"github.com/atollsync/atoll"
)

// Buckets of the shelf.
const (
	shelfCentre    = "centre"    // life, secrets
	shelfSites     = "site"      // SiteState by padded site number
	shelfConnected = "connected" // ConnectedDay, the last seven, by padded site number
	shelfLog       = "synclog"
)

func siteKey(site atoll.SiteID) string { return fmt.Sprintf("%010d", int(site)) }
