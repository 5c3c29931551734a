package route

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// core is the store's own record: every site with an instance (R-B-72).
func core(out []atoll.Audience, id atoll.ID) []atoll.Audience {
	if id == "" {
		return out
	}
	return append(out, atoll.CoreAudience(id))
}

// store data goes where the store is active and to its collector copies, never
// to transfer instances (R-B-73). A document with a partner has taken effect: it
// also goes to the site where the partner store is active, and nowhere else
// (R-B-74, R-C-25, R-D-19).
func store(out []atoll.Audience, d *catalogue.Def, f atoll.Fields, id atoll.ID) []atoll.Audience {
	if id != "" {
		out = append(out, atoll.StoreAudience(id))
	}
	if d.Class == catalogue.Patient {
		// A prescription is store data about a patient: scope is the store's.
		if s := f.ID("store_id"); s != "" {
			out = append(out[:0], atoll.StoreAudience(s))
		}
	}
	if d.Partner != "" && f.Has(d.Partner) {
		out = append(out, atoll.ToAudience(f.ID(d.Partner)))
	}
	return out
}

// active goes only to the site where the store is active (R-B-32).
func active(out []atoll.Audience, id atoll.ID) []atoll.Audience {
	if id == "" {
		return out
	}
	return append(out, atoll.ToAudience(id))
}
