package process

import (
	"encoding/json"

	"github.com/atollsync/atoll/storage"
)

// ExceptionsIn is Processors.Exceptions for a snapshot that is open already.
func ExceptionsIn(r storage.ShelfReader) ([]Exception, error) {
	items, err := r.Scan(shelfExceptions, "", 200, false)
	if err != nil {
		return nil, err
	}
	out := make([]Exception, 0, len(items))
	for _, it := range items {
		var e Exception
		if err := json.Unmarshal(it.Value, &e); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}
