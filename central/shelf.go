package central

import (
	"encoding/json"
	"fmt"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Buckets of the shelf.
const (
	shelfCentre = "centre" // life, secrets
	shelfSites  = "site"   // SiteState by padded site number
	shelfLog    = "synclog"
)

func loadJSON(r storage.Reader, bucket, key string, into any) error {
	b, err := r.Get(bucket, key)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s/%s: %w", bucket, key, err)
	}
	return nil
}

func saveJSON(tx storage.Tx, bucket, key string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return tx.Set(bucket, key, b)
}

func siteKey(site atoll.SiteID) string { return fmt.Sprintf("%010d", int(site)) }
