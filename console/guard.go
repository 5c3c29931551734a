package console

import (
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// sees reports whether the reader may see a record: one of a store, only where that
// is one of the reader's (R-J-01).
func (v *Visit) sees(t atoll.Type, f atoll.Fields) bool { return v.c.Station.SeesRecord(v.User, t, f) }

// seen is an error when the record is of a store that is not the reader's.
func (v *Visit) seen(key atoll.Key, f atoll.Fields) error {
	if v.sees(key.Type, f) {
		return nil
	}
	return v.notTheirs(key)
}

// notTheirs is the error for data of a store that is not the reader's.
func (v *Visit) notTheirs(key atoll.Key) error {
	return atoll.Errorf(atoll.Denied, "the data of this store is not %s's to see", v.User.Name).About(key).
		Do("ask an administrator, who can give you the store")
}

// seesKey reports the same of a record that stands here under the key.
func (v *Visit) seesKey(r storage.RecordReader, key atoll.Key) (bool, error) {
	return v.c.Station.SeesKey(v.User, r, key)
}

// seenRecords lists records as the station does, without those of stores that are
// not the reader's. It looks at so many and leaves the rest to the next page.
func (v *Visit) seenRecords(q storage.Query) (out []station.Record, next atoll.ID, err error) {
	if len(v.User.Stores) == 0 {
		return v.c.Station.Records(v.ctx(), q)
	}
	for read := 0; read < mostRead; {
		page, next, err := v.c.Station.Records(v.ctx(), q)
		if err != nil {
			return nil, "", err
		}
		for _, rec := range page {
			if read++; !v.sees(rec.Type, rec.Fields) {
				continue
			}
			if len(out) == q.Limit {
				return out, out[len(out)-1].ID, nil
			}
			out = append(out, rec)
		}
		if next == "" {
			return out, "", nil
		}
		q.After = next
	}
	return out, q.After, nil
}

// ownStores are the stores whose data the reader may see, in the order of their
// codes; choosable of them are offered in filters.
func (v *Visit) ownStores() ([]station.StoreView, error) {
	all, err := v.c.Station.Stores(v.ctx())
	return slices.DeleteFunc(all, func(s station.StoreView) bool { return !v.User.Sees(s.ID) }), err
}
