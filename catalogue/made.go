package catalogue

import (
	"time"

	"github.com/atollsync/atoll"
)

// Documents are listed store by store, the newest first. Ids do not tell which that
// is: the other half of a document has an id that follows from the first one's. So
// what belongs to a store and notes when it was made has, beside the fields that lists
// filter by, one field for its store, with the moment as value.
const (
	madeField = "~made "
	madeAt    = "created_at"
	madeAsOf  = "2006-01-02T15:04:05.000Z"
)

// MadeIn returns the name of the indexed field by which the records of a type in a
// store are put in the order in which they were made (storage.Query.By), "" for a type
// that has no such order. What does not say when it was made comes before all others.
func (c *Catalogue) MadeIn(t atoll.Type, store atoll.ID) string {
	if k, ok := c.types[t]; ok && k.made && store != "" {
		return madeField + string(store)
	}
	return ""
}

// byMade reports whether records of the type belong to a store and note when they were
// made.
func byMade(k *compiled) bool {
	scope, at := k.fields[k.def.Scope], k.fields[madeAt]
	return scope != nil && scope.To == "store" && at != nil && at.Kind == Time && !at.Secret
}

// indexMade adds when a record was made to what it is found by.
func indexMade(k *compiled, f atoll.Fields, out map[string]string) {
	store := f.ID(k.def.Scope)
	if !k.made || out == nil || store == "" {
		return
	}
	value := ""
	if t, err := time.Parse(time.RFC3339, f.Text(madeAt)); err == nil {
		value = t.UTC().Format(madeAsOf)
	}
	out[madeField+string(store)] = value
}
