package central

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/verify"
)

// Scrubbed is what reading this whole database found, and what was done about it.
type Scrubbed struct {
	Records int `json:"records"`
	// Rows are those that were not as they were stored, or missing, or too many.
	Rows []verify.Repair `json:"rows,omitempty"`
	// Audiences is how many digests were not those of the rows.
	Audiences int `json:"audiences,omitempty"`
	// Repaired is how many rows are as they were again.
	Repaired int `json:"repaired"`
}

// Left is how many rows are not as they should be still.
func (s Scrubbed) Left() int { return len(s.Rows) - s.Repaired }

// Scrub reads every record of this database and holds it against what was stored,
// and the digests of audiences against the records. With repair, what is spoiled or
// missing is made again from the journals here, a row that nobody ever wrote is
// taken away, and the digests are made those of the rows (R-H-44). Progress may be
// nil.
func (c *Centre) Scrub(ctx context.Context, repair bool, progress func(step string, done int)) (Scrubbed, error) {
	var out Scrubbed
	var found verify.Scrubbed
	lost := map[atoll.Key]atoll.Origin{}
	say := func(step string) func(int) {
		return func(n int) {
			if progress != nil {
				progress(step, n)
			}
		}
	}
	err := c.Store.View(ctx, func(r storage.Reader) (err error) {
		if found, err = verify.Scrub(r, say("records")); err != nil {
			return err
		}
		if len(found.Off) > 0 || found.Uncounted {
			lost, err = journal.Missing(r, say("journals"))
		}
		return err
	})
	if err != nil {
		return out, err
	}
	out.Records, out.Audiences = found.Records, len(found.Off)
	for _, s := range found.Spoiled {
		row := digest.Of(s.Record)
		out.Rows = append(out.Rows, verify.Repair{
			At: c.Now(), Record: s.Record.Key.String(), Verdict: string(verify.Mend), Had: hex.EncodeToString(row[:8]),
			Has: hex.EncodeToString(s.Seal[:8]), Origin: s.Record.Origin, Body: string(s.Record.Body), Why: "the row is not as it was stored",
		})
	}
	for _, key := range slices.SortedFunc(maps.Keys(lost), func(a, b atoll.Key) int { return compareKeys(a, b) }) {
		out.Rows = append(out.Rows, verify.Repair{
			At: c.Now(), Record: key.String(), Verdict: string(verify.Mend), Origin: lost[key], Why: "the record is missing",
		})
	}
	if !repair || found.Well() {
		return out, nil
	}
	err = c.commits.do(ctx, func(tx storage.Tx) error {
		out.Repaired = 0
		if err := c.Door.Amend(tx, found.Off, found.Uncounted); err != nil {
			return err
		}
		spoiled := map[string]atoll.Record{}
		for _, s := range found.Spoiled {
			spoiled[s.Record.Key.String()] = s.Record
		}
		for i := range out.Rows {
			rec, is := spoiled[out.Rows[i].Record]
			key, origin := rec.Key, rec.Origin
			if !is {
				for k, o := range lost {
					if k.String() == out.Rows[i].Record {
						key, origin = k, o
					}
				}
			}
			done, err := c.mend(tx, key, origin, is, &out.Rows[i])
			if err != nil {
				return err
			}
			if done {
				out.Repaired++
			}
		}
		return nil
	})
	return out, err
}

func compareKeys(a, b atoll.Key) int {
	switch x, y := a.String(), b.String(); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// mend repairs one row.
func (c *Centre) mend(tx storage.Tx, key atoll.Key, origin atoll.Origin, spoiled bool, why *verify.Repair) (bool, error) {
	was, err := c.Door.Mend(tx, key, origin)
	if errors.Is(err, atoll.NotFound) {
		var versions []atoll.Origin
		if spoiled {
			if versions, err = journal.Versions(tx, key); err != nil {
				return false, err
			}
		}
		if !spoiled || len(versions) > 0 {
			why.Verdict, why.Why = string(verify.Open), why.Why+"; the journals here do not tell what it was"
			return false, nil
		}
		why.Verdict, why.Why = string(verify.Drop), why.Why+"; no journal knows it"
		if err := c.Door.Remove(tx, key); err != nil {
			return false, err
		}
		return true, c.logRepair(tx, *why)
	}
	if err != nil {
		return false, err
	}
	why.Origin = was.Origin
	return true, c.logRepair(tx, *why)
}
