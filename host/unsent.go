package host

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
)

// UnsentEntry is a transaction that a site had not sent when it was initialised
// again: a line of JSON in the file unsent-….jsonl. The format only grows.
type UnsentEntry struct {
	Seq  uint64       `json:"seq"`
	Time time.Time    `json:"time"`
	Site atoll.SiteID `json:"site"`
	// Restored are the numbers of the last entries in the backups that this database
	// was restored from, oldest first; none if it was not restored. Entries up to the
	// first the centre may have got from the database before.
	Restored []uint64          `json:"restored,omitempty"`
	Timeline atoll.Timeline    `json:"timeline"`
	Hash     atoll.Hash        `json:"hash"`
	Actor    string            `json:"actor"`
	Cause    atoll.Cause       `json:"cause"`
	Changes  []UnsentOperation `json:"changes"`
	// Unreadable says why the entry cannot be read, if it cannot. Then Raw is its
	// content as it stands in the journal, and actor, cause and changes are empty.
	Unreadable string `json:"unreadable,omitempty"`
	Raw        []byte `json:"raw,omitempty"`
}

// UnsentOperation is a change of one record in it.
type UnsentOperation struct {
	Verb    atoll.Verb   `json:"verb"`
	Type    atoll.Type   `json:"type"`
	ID      atoll.ID     `json:"id"`
	Version uint64       `json:"version"`
	Fields  atoll.Fields `json:"fields,omitempty"`
}

// exportUnsent writes the journal entries that the centre did not acknowledge to a
// file, one JSON object a line. No file is made when there are none.
func (h *Host) exportUnsent(ctx context.Context, name string) (string, int, error) {
	st, err := h.Site.Status(ctx)
	if err != nil || st.Waiting == 0 {
		return "", 0, err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", 0, err
	}
	w := bufio.NewWriter(f)
	n := 0
	err = h.Store.View(ctx, func(r storage.Reader) error {
		own := h.Station.Door.Site
		head, err := r.Head(own)
		if err != nil {
			return err
		}
		earlier, err := h.Site.Earlier(r)
		if err != nil {
			return err
		}
		var restored []uint64
		for _, e := range earlier {
			if e.Seq >= head.Seq-st.Waiting { // the others the centre has heard of, and accepted
				restored = append(restored, e.Seq)
			}
		}
		return journal.Walk(r, own, head.Seq-st.Waiting, func(je storage.JournalEntry) error {
			e, err := atoll.DecodeEntry(je.Content)
			if err == nil && !e.Withheld.IsZero() {
				return nil // the mark of a restore
			}
			line, err := json.Marshal(readable(je, e, err, restored))
			if err != nil {
				return err
			}
			n++
			_, err = fmt.Fprintf(w, "%s\n", line)
			return err
		})
	})
	err = errors.Join(err, w.Flush(), f.Sync(), f.Close())
	if err == nil && n == 0 {
		return "", 0, os.Remove(name)
	}
	return name, n, err
}

// readable is the line for an entry, as far as it could be read.
func readable(je storage.JournalEntry, e *atoll.Entry, unread error, restored []uint64) UnsentEntry {
	out := UnsentEntry{Seq: je.Seq, Site: je.Site, Restored: restored, Timeline: je.Timeline, Hash: je.Hash}
	if unread != nil {
		out.Time, out.Changes, out.Unreadable, out.Raw = je.Received, []UnsentOperation{}, unread.Error(), je.Content
		return out
	}
	out.Time, out.Actor, out.Cause = e.Time, e.Actor, e.Cause
	for _, op := range e.Operations {
		out.Changes = append(out.Changes, UnsentOperation{op.Verb, op.Type, op.ID, op.Version, op.Fields})
	}
	return out
}

// Fate is what became of an unsent entry.
type Fate string

// The fates. A number of a journal is given once: where the centre has an entry of
// that number, it is this one if this one was made before the restore.
const (
	AtCentre    Fate = "at the centre"     // it got there by the database before
	NotAtCentre Fate = "not at the centre" // it is in this file only
	Perhaps     Fate = "perhaps"           // the centre has one of that number: this one, or another if a copy was put back by hand
	NotKnown    Fate = "not known yet"     // this site has not heard from the centre since
)

// Told is an unsent entry and what became of it.
type Told struct {
	UnsentEntry
	Fate Fate `json:"fate"`
}

// UnsentFile returns the newest file of unsent entries in the data directory;
// atoll.NotFound if there is none.
func (h *Host) UnsentFile() (string, error) {
	found, err := filepath.Glob(filepath.Join(h.Data, "unsent-*.jsonl"))
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", atoll.Errorf(atoll.NotFound, "nothing was left unsent in %s", h.Data).
			Do("atoll init site --again writes such a file when it has something to write; or name one")
	}
	return slices.Max(found), nil
}

// ReadUnsent calls fn with each entry of a file of unsent entries, and what became
// of it, as far as this site knows.
func (h *Host) ReadUnsent(ctx context.Context, file string, fn func(Told) error) error {
	st, err := h.Site.Status(ctx)
	if err != nil {
		return err
	}
	var base atoll.Head
	err = h.Store.View(ctx, func(r storage.Reader) (err error) {
		base, err = r.Base(h.Station.Door.Site)
		return err
	})
	if err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return atoll.Errorf(atoll.NotFound, "the file cannot be read: %w", err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		var e UnsentEntry
		if jerr := json.Unmarshal(line, &e); jerr != nil {
			return atoll.Errorf(atoll.Damaged, "line %d of %s cannot be read: %w", n, file, jerr)
		}
		if err := fn(Told{e, h.fate(e, base, base.Seq > 0 || st.State == site.Ready)}); err != nil {
			return err
		}
	}
}

// fate says what became of an entry. Base is where this database's part of the
// journal begins, which is where the centre's copy ended when this database heard of
// it first.
func (h *Host) fate(e UnsentEntry, base atoll.Head, heard bool) Fate {
	switch {
	case e.Site != h.Station.Door.Site || base.Timeline == e.Timeline || !heard:
		return NotKnown
	case e.Seq > base.Seq:
		return NotAtCentre
	case len(e.Restored) > 0 && e.Seq <= e.Restored[0]:
		return AtCentre
	case len(e.Restored) > 0 && e.Seq > e.Restored[len(e.Restored)-1]:
		return NotAtCentre
	default:
		return Perhaps
	}
}
