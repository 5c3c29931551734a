package journal

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

// manyAudiences is from how many on all digests are read, rather than each.
const manyAudiences = 1000

// Held returns the digests of the audiences joined: a record counts as often as it
// is under one of them. At the centre and at a site with nothing under way it is the
// same for what the site is subscribed to (R-H-44).
func Held(r storage.DigestReader, audiences []atoll.Audience) (sum digest.Sum, err error) {
	if len(audiences) < manyAudiences {
		for _, a := range audiences {
			s, err := r.Digest(a)
			if err != nil {
				return sum, err
			}
			sum.Join(s)
		}
		return sum, nil
	}
	of := make(map[atoll.Audience]bool, len(audiences))
	for _, a := range audiences {
		of[a] = true
	}
	for after := atoll.Audience(""); ; {
		page, err := r.Digests(after, 5000)
		if err != nil || len(page) == 0 {
			return sum, err
		}
		for _, d := range page {
			if after = d.Audience; of[d.Audience] {
				sum.Join(d.Sum)
			}
		}
	}
}
