package msupply

import "github.com/atollsync/atoll"

// userTables are accounts. Passwords never travel in a capture.
var userTables = []table{
	{name: "user", makes: []atoll.Type{"user"}, fields: []field{
		{"name", "username", nil},
		{"first_name", "first_name", nil},
		{"last_name", "last_name", nil},
		{"e_mail", "email", nil},
		{"phone1", "phone", nil},
		{"job_title", "job_title", nil},
		{"active", "is_active", nil},
	}, also: func(r *row) {
		r.set("language", nil)
		if n, ok := integerOf(r.data["Language"]); ok {
			if language := languages[string(n)]; language != "" {
				r.put("Language", "language", language, true)
			}
		}
	}},
	{name: "om_user_permission", makes: []atoll.Type{"user_permission"}, fields: []field{
		{"user_ID", "user_id", nil}, {"store_ID", "store_id", nil}, {"permission", "permission", nil}, {"context_ID", "context", nil},
	}},
}

// languages are their numbers for languages.
var languages = map[string]string{"0": "en", "1": "fr", "2": "es", "3": "lo", "4": "km", "5": "pt", "6": "ru", "7": "tet"}
