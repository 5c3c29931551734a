package central

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
)

// shelfFound holds what sites have of the centre's own records that this database
// lost: Found by the record's key; and under foundCount how much that is. shelfHolders
// holds how many rows name a site.
const (
	shelfFound   = "found"
	foundCount   = "found count" // in shelfCentre
	shelfHolders = "found holders"
)

// Bounds on what is kept of it, whatever sites say (R-K-58).
const (
	maxFoundRows  = 100_000
	maxFoundBytes = 256 << 20
	maxHolders    = 20 // sites named for one record
)

// ahead is how many numbers of the centre's own journal a voucher reaches beyond
// its end: entries that are made while an answer is on its way are covered.
const ahead = 1000

// Found is a record of the centre's own that sites hold as this database, which
// was restored from a backup, does not. It waits here for a person to take it back
// or to leave it.
type Found struct {
	atoll.Key
	Version uint64       `json:"version"`
	Origin  atoll.Origin `json:"origin"` // the entry of the centre's that is lost
	Deleted bool         `json:"deleted,omitempty"`
	Body    []byte       `json:"body"`
	// Sites are those that held it, the first of them; Held is how many did.
	Sites []atoll.SiteID `json:"sites"`
	Held  int            `json:"held"`
	At    time.Time      `json:"at"` // when the first told of it
	// Named says that Sites are all that held it, and that it counts among what each of
	// them handed in; otherwise it counts for every site.
	Named bool `json:"named,omitempty"`
}

// count is how much was found; Named of the rows count for the sites they name alone.
type count struct {
	Rows  int `json:"rows"`
	Bytes int `json:"bytes"`
	Named int `json:"named,omitempty"`
}

func loadCount(r storage.Reader) (n count, err error) {
	if err = storage.Load(r, shelfCentre, foundCount, &n); errors.Is(err, atoll.NotFound) {
		err = nil
	}
	return n, err
}

// awaits is how many of the rows the site must keep what it handed in for: those it
// held, as far as that is known.
func (n count) awaits(r storage.Reader, site atoll.SiteID) (rows int, err error) {
	if n.Rows == 0 {
		return 0, nil
	}
	if err = storage.Load(r, shelfHolders, siteKey(site), &rows); errors.Is(err, atoll.NotFound) {
		err = nil
	}
	return n.Rows - n.Named + rows, err
}

// name counts the row among what each of the sites handed in that it names; forget takes
// that back.
func (n *count) name(tx storage.Tx, row *Found) error {
	row.Named = true
	n.Named++
	return held(tx, row.Sites, 1)
}

func (n *count) forget(tx storage.Tx, row *Found) error {
	if !row.Named {
		return nil
	}
	row.Named = false
	n.Named--
	return held(tx, row.Sites, -1)
}

// held adds to how many rows name each of the sites.
func held(tx storage.Tx, sites []atoll.SiteID, more int) error {
	for _, site := range sites {
		var rows int
		err := storage.Load(tx, shelfHolders, siteKey(site), &rows)
		if err != nil && !errors.Is(err, atoll.NotFound) {
			return err
		}
		if rows += more; rows > 0 {
			err = storage.Save(tx, shelfHolders, siteKey(site), rows)
		} else {
			err = tx.Drop(shelfHolders, siteKey(site))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recall learns from a site what this database was before it was restored: how far
// its own journal had come, and records of its own that only sites still have. It
// also gives the site the voucher by which it can tell.
func (c *Centre) recall(tx storage.Tx, st *standing, h exchange.Hello) error {
	own, err := tx.Head(c.Door.Site)
	if err != nil {
		return err
	}
	secret, err := tokenSecret(tx)
	if err != nil {
		return err
	}
	v := h.Voucher
	good := v != nil && hmac.Equal([]byte(v.Mark), []byte(voucher(secret, st.life.Timeline, v.Seq)))
	if good {
		// What waits of this site may build on what was lost: it states it again.
		open, err := tx.CountRefusals()
		if err != nil {
			return err
		}
		if open[h.Site] > 0 && !slices.Contains(st.state.Orders, orderResend) {
			st.state.Orders, st.state.Told = append(st.state.Orders, orderResend), 0
		}
	}
	if good && v.Seq > own.Seq {
		from := own.Seq + 1
		if s := st.life.sure(own.Seq); s < own.Seq {
			st.life.Twice = append(st.life.Twice, Span{From: s + 1, To: own.Seq})
		}
		st.life.Since, st.life.Restored = nil, true
		own.Seq = min(v.Seq, own.Seq+maxSkip) // the rest with the next exchange
		if err := c.Door.Skip(tx, c.Door.Site, atoll.Head{Seq: own.Seq}); err != nil {
			return err
		}
		st.life.Lost = append(st.life.Lost, Span{From: from, To: own.Seq})
		if err := storage.Save(tx, shelfCentre, "life", st.life); err != nil {
			return err
		}
		c.Log.Warn("entries of this centre's own were lost when its database was restored; their numbers are not used again",
			"site", h.Site, "from", from, "to", own.Seq)
	}
	if len(h.Found) > 0 {
		if st.found, err = c.keepFound(tx, h); err != nil {
			return err
		}
		if !st.life.Restored { // no feed tells, where the site has read none that is lost
			st.life.Restored = true
			if err := storage.Save(tx, shelfCentre, "life", st.life); err != nil {
				return err
			}
		}
	}
	if st.life.Restored {
		n, err := loadCount(tx)
		if err != nil {
			return err
		}
		if st.waiting, err = n.awaits(tx, h.Site); err != nil {
			return err
		}
	}
	if st.lost || st.rewind != nil {
		return nil // it shows the one it has before it takes another
	}
	if own.Seq+ahead/2 > st.state.Voucher || h.Turn == st.state.Turn {
		st.state.Voucher = max(st.state.Voucher, own.Seq+ahead)
		st.voucher = &exchange.Voucher{Seq: st.state.Voucher, Mark: voucher(secret, st.life.Timeline, st.state.Voucher)}
	}
	return nil
}

// maxSkip is how many of its own numbers the centre passes over in one exchange.
const maxSkip = 50_000

// voucher is the mark under a number: nobody else can make one, so that nobody
// else can make the centre's journal jump.
func voucher(secret []byte, centre atoll.Timeline, seq uint64) string {
	m := hmac.New(sha256.New, secret)
	fmt.Fprintf(m, "atoll voucher 1\n%s\n%d", centre, seq)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16])
}

// keepFound keeps what a site found, each record once, the latest of several. It
// returns what the site need not keep any longer.
func (c *Centre) keepFound(tx storage.Tx, h exchange.Hello) (kept []exchange.Found, err error) {
	n, err := loadCount(tx)
	if err != nil {
		return nil, err
	}
	before := n
	for _, f := range h.Found {
		if c.plausible(f) { // anything else gets the true state all the same
			ok, err := c.keepOne(tx, h.Site, f, &n)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		kept = append(kept, f)
	}
	if n == before {
		return kept, nil
	}
	c.Log.Warn("sites hold records of head office's own that this database lost when it was restored", "records", n.Rows, "site", h.Site)
	return kept, storage.Save(tx, shelfCentre, foundCount, n)
}

// keepOne is false when there is no room, or when another site told of the same
// version with other content: which of them is true is for a person to say.
func (c *Centre) keepOne(tx storage.Tx, site atoll.SiteID, f exchange.Found, n *count) (bool, error) {
	key := atoll.Key{Type: f.Type, ID: f.ID}
	now, err := tx.Record(key)
	if err != nil && !errors.Is(err, atoll.NotFound) {
		return false, err
	}
	if err == nil && now.Origin == f.Origin && now.Deleted == f.Deleted && string(now.Body) == f.Body {
		return true, nil // nothing is lost of it
	}
	row := Found{Key: key, At: c.Now()}
	err = storage.Load(tx, shelfFound, key.String(), &row)
	fresh := errors.Is(err, atoll.NotFound)
	if err != nil && !fresh {
		return false, err
	}
	if !fresh && row.Origin == f.Origin && (string(row.Body) != f.Body || row.Deleted != f.Deleted) {
		c.Log.Warn("a site holds another version of a record that this database lost; it is found when the first was taken back or left",
			"site", site, "record", key)
		return false, nil
	}
	if fresh || row.Origin.Seq < f.Origin.Seq {
		bytes := n.Bytes + len(f.Body) - len(row.Body)
		if fresh {
			n.Rows++
		}
		if n.Rows > maxFoundRows || bytes > maxFoundBytes {
			if fresh {
				n.Rows--
			}
			c.Log.Error("what a site holds of a record that this database lost is not kept; take back or leave what was found before",
				"site", site, "record", key, "records", n.Rows)
			return false, nil
		}
		n.Bytes = bytes
		if err := n.forget(tx, &row); err != nil {
			return false, err
		}
		row.Version, row.Origin, row.Deleted, row.Body = f.Version, f.Origin, f.Deleted, []byte(f.Body)
		row.Sites, row.Held = nil, 0
	}
	if !slices.Contains(row.Sites, site) {
		counted := row.Named || row.Held == 0
		if err := n.forget(tx, &row); err != nil {
			return false, err
		}
		row.Held++
		if len(row.Sites) < maxHolders {
			row.Sites = append(row.Sites, site)
		}
		if counted && row.Held == len(row.Sites) {
			if err := n.name(tx, &row); err != nil {
				return false, err
			}
		}
	}
	return true, storage.Save(tx, shelfFound, key.String(), row)
}

// plausible reports whether it can be a record of the centre's own.
func (c *Centre) plausible(f exchange.Found) bool {
	_, known := c.Door.Judge.Catalogue.Lookup(f.Type)
	_, err := atoll.ParseFields([]byte(f.Body))
	return known && err == nil && f.ID.Valid() && f.Version > 0 && f.Origin.Site == c.Door.Site && f.Origin.Seq > 0
}

func foundWords(n int) string {
	if n == 1 {
		return "sites hold a record of head office's own that this database lost when it was restored"
	}
	return fmt.Sprintf("sites hold %d records of head office's own that this database lost when it was restored", n)
}

// truths answer for each record that a site found how it is now: its state, or
// that it is gone from here or from what the site is entitled to.
func (s *serving) truths() error {
	for _, f := range s.hello.Found {
		key := atoll.Key{Type: f.Type, ID: f.ID}
		frame := exchange.Record{Position: s.cursor, Key: key, Forced: true}
		r, err := s.r.Record(key)
		switch {
		case errors.Is(err, atoll.NotFound):
			frame.Gone = true
		case err != nil:
			return err
		case !s.reaches(r):
			frame.Gone = true
		default:
			frame.Version, frame.Origin, frame.Deleted, frame.Body = r.Version, r.Origin, r.Deleted, r.Body
		}
		s.out = append(s.out, frame)
	}
	return nil
}
