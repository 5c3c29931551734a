package route

import "github.com/atollsync/atoll"

// patient data goes where the patient or prescriber is visible (R-B-75).
func patient(out []atoll.Audience, id atoll.ID) []atoll.Audience {
	if id == "" {
		return out
	}
	return append(out, atoll.PatientAudience(id))
}
