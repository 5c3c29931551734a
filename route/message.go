package route

import "github.com/atollsync/atoll"

// message goes to the site where the store it is addressed to is active; without
// one it stays at the centre (R-B-78).
func message(out []atoll.Audience, f atoll.Fields) []atoll.Audience {
	if to := f.ID("to_store_id"); to != "" {
		out = append(out, atoll.ToAudience(to))
	}
	return out
}
