package verify

import (
	"maps"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

// Scrubbed is what reading every row of a database found.
type Scrubbed struct {
	Records int
	// Spoiled are records that are not as they were stored.
	Spoiled []storage.Sealed
	// Off is, for each audience whose digest is not that of the rows, what must be
	// added to it: rows are missing, or there are some too many.
	Off map[atoll.Audience]digest.Sum
	// Uncounted says that there are not as many records in sight as were counted.
	Uncounted bool
}

// Well reports whether nothing was found.
func (s Scrubbed) Well() bool { return len(s.Spoiled) == 0 && len(s.Off) == 0 && !s.Uncounted }

// page is how many rows are read at once.
const page = 1000

// Scrub reads every row of the database and holds it against its seal, and the
// digests of audiences against the seals of their rows. It takes as long as
// reading all records. Progress may be nil.
func Scrub(r storage.Reader, progress func(rows int)) (Scrubbed, error) {
	var out Scrubbed
	counts, err := r.CountRecords()
	if err != nil {
		return out, err
	}
	sums := map[atoll.Audience]digest.Sum{}
	for after := atoll.Position(0); ; {
		rows, err := r.Sealed(after, page)
		if err != nil {
			return out, err
		}
		if len(rows) == 0 {
			break
		}
		for _, s := range rows {
			after = s.Record.Position
			if out.Records++; !s.Whole() {
				out.Spoiled = append(out.Spoiled, s)
			}
			if !s.Record.Hidden && !s.Record.Deleted {
				counts[s.Record.Type]--
			}
			if s.Record.Hidden {
				continue
			}
			for _, a := range digest.Counted(s.Record.Audiences) {
				sum := sums[a]
				sum.Add(s.Seal)
				sums[a] = sum
			}
		}
		if progress != nil {
			progress(out.Records)
		}
	}
	for _, n := range counts {
		out.Uncounted = out.Uncounted || n != 0
	}
	kept := map[atoll.Audience]digest.Sum{}
	for after := atoll.Audience(""); ; {
		list, err := r.Digests(after, page)
		if err != nil {
			return out, err
		}
		if len(list) == 0 {
			break
		}
		for _, d := range list {
			after = d.Audience
			kept[d.Audience] = d.Sum
		}
	}
	for a := range maps.Keys(sums) {
		if _, ok := kept[a]; !ok {
			kept[a] = digest.Sum{}
		}
	}
	for a, k := range kept {
		if off := sums[a].Minus(k); off != (digest.Sum{}) {
			if out.Off == nil {
				out.Off = map[atoll.Audience]digest.Sum{}
			}
			out.Off[a] = off
		}
	}
	return out, nil
}
