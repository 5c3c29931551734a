package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/backup"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// Drilled is what the examination of a backup came to.
type Drilled struct {
	Backup   backup.Manifest `json:"backup"`
	Age      float64         `json:"age_seconds"`
	Journals int             `json:"journals"` // whose hash chains were recomputed
	Entries  int             `json:"entries"`  // in them
	Records  int             `json:"records"`
	// Problems are what is wrong with the backup; none when it can be restored.
	Problems []string `json:"problems"`
	// Live compares it with the installation in the data directory; nil when there is
	// none.
	Live *Behind `json:"live,omitempty"`
	// Took is how long unpacking and examining took: a restore takes as long.
	Took time.Duration `json:"took"`
}

// Behind is what an installation has that a backup of it has not.
type Behind struct {
	Same bool `json:"same"` // it is a backup of this installation, whose journal goes on from it
	// Own are entries that the installation has made since: with this backup in its
	// place they are gone, but for what others hold. Unsent are those of them that the
	// centre does not have (at a site). Theirs are entries of sites that the centre has
	// got since: the sites keep their journals and send them again.
	Own    uint64 `json:"own"`
	Unsent uint64 `json:"unsent,omitempty"`
	Theirs uint64 `json:"theirs,omitempty"`
	Sites  int    `json:"sites,omitempty"` // whose entries those are
	Words  string `json:"words"`
}

// Drill proves a backup: it unpacks it in a directory of its own below temp (the
// system's own for ""), has the engine examine the database there, recomputes the
// hash chains of all journals, counts, and compares with the manifest. The live
// database in the data directory, if there is one, is read to say what it has since;
// nothing is written to it. Problems are in what is returned, not in the error.
func Drill(ctx context.Context, c Config, file, temp string, progress backup.Progress) (out Drilled, err error) {
	c = c.withDefaults()
	began := c.Now()
	dir, err := os.MkdirTemp(temp, "atoll-drill-")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	out.Problems = []string{}
	var copied map[atoll.SiteID]atoll.Head
	out.Backup, err = backup.Unpack(ctx, file, dir, progress)
	switch {
	case errors.Is(err, atoll.Damaged):
		out.Problems = append(out.Problems, err.Error())
	case err != nil:
		return out, err
	default:
		if copied, err = c.examineCopy(ctx, dir, &out, progress); err != nil {
			return out, err
		}
	}
	if !out.Backup.Made.IsZero() {
		out.Age = c.Now().Sub(out.Backup.Made).Seconds()
		if out.Live, err = c.behind(ctx, out.Backup, copied); err != nil {
			return out, err
		}
	}
	out.Took = c.Now().Sub(began)
	return out, nil
}

// examineCopy examines the database in dir, and returns where its journals end.
func (c Config) examineCopy(ctx context.Context, dir string, out *Drilled, progress backup.Progress) (map[atoll.SiteID]atoll.Head, error) {
	c.Data = dir
	problem := func(format string, args ...any) { out.Problems = append(out.Problems, fmt.Sprintf(format, args...)) }
	s, err := c.engine(ctx) // as a restore does: brought to this program's schema
	if err != nil {
		problem("the database cannot be opened: %v", err)
		return nil, ctx.Err()
	}
	defer s.Close()
	if progress != nil {
		progress("examine", 0, 0)
	}
	if err := s.Check(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		problem("%v", err)
	}
	now, err := standingOf(ctx, s)
	if err != nil {
		problem("the database cannot be read: %v", err)
		return nil, ctx.Err()
	}
	m := out.Backup
	out.Records = now.records
	id := now.identity
	switch own := now.heads[id.Site]; {
	case string(id.Role) != m.Role || id.System != m.System || id.Site != m.Site:
		problem("it is of %s %d of system %s, and its manifest says %s %d of %s", id.Role, id.Site, id.System, m.Role, m.Site, m.System)
	case own.Timeline != m.Timeline || own.Seq != m.Seq:
		problem("its journal ends at %d of timeline %s, and its manifest says %d of %s", own.Seq, own.Timeline, m.Seq, m.Timeline)
	case now.position != m.Position || now.records != m.Records || now.entries != m.Entries:
		problem("it has %d records, %d entries and position %d, and its manifest says %d, %d and %d",
			now.records, now.entries, now.position, m.Records, m.Entries, m.Position)
	}
	return now.heads, s.View(ctx, func(r storage.Reader) error {
		for _, site := range slices.Sorted(maps.Keys(now.heads)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			base, err := r.Base(site)
			if err != nil {
				return err
			}
			n, err := journal.Verify(r, site, base.Seq, base.Hash)
			out.Journals++
			out.Entries += n
			if progress != nil {
				progress("chains", int64(out.Entries), int64(m.Entries)) //nolint:gosec // both are counts
			}
			if err != nil {
				problem("%v", err)
			}
		}
		return nil
	})
}

// behind compares the backup with the installation in the data directory.
func (c Config) behind(ctx context.Context, m backup.Manifest, copied map[atoll.SiteID]atoll.Head) (*Behind, error) {
	if !Exists(c.Data) {
		return nil, nil
	}
	s, err := c.reading(ctx, filepath.Join(c.Data, database))
	if err != nil {
		return &Behind{Words: fmt.Sprintf("the database in %s cannot be read: %v", c.Data, err)}, nil
	}
	defer s.Close()
	now, err := standingOf(ctx, s)
	if errors.Is(err, atoll.Initialise) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b := &Behind{}
	if now.identity.System != m.System || now.identity.Site != m.Site || string(now.identity.Role) != m.Role {
		b.Words = fmt.Sprintf("it is not of the installation in %s", c.Data)
		return b, nil
	}
	own := now.heads[m.Site]
	err = s.View(ctx, func(r storage.Reader) error {
		if b.Same, err = goesOn(r, m, own); err != nil || !b.Same {
			return err
		}
		b.Own = own.Seq - m.Seq
		for site, head := range now.heads {
			if site != m.Site && head.Seq > copied[site].Seq {
				b.Theirs += head.Seq - copied[site].Seq
				b.Sites++
			}
		}
		return nil
	})
	if err == nil && b.Same && now.identity.Role == station.Remote {
		h := newHost(c)
		h.Store, h.Catalogue = s, catalogue.Embedded()
		if err = h.assemble(ctx); err == nil {
			b.Unsent, err = h.Unsent(ctx)
			b.Unsent = min(b.Unsent, b.Own)
		}
	}
	if err != nil {
		return nil, err
	}
	b.say(now.identity.Role, c.Data)
	return b, nil
}

// goesOn reports whether the journal with this end goes on from where the backup's
// ends: it has the entry that was the backup's last, under the same timeline.
func goesOn(r storage.Reader, m backup.Manifest, own atoll.Head) (bool, error) {
	if own.Seq < m.Seq {
		return false, nil
	}
	base, err := r.Base(m.Site)
	if err != nil || m.Seq <= base.Seq {
		return err == nil && m.Seq == base.Seq && (m.Seq > 0 || own.Timeline == m.Timeline || m.Timeline == base.Timeline), err
	}
	e, err := r.Entry(m.Site, m.Seq)
	return err == nil && e.Timeline == m.Timeline, err
}

func (b *Behind) say(role station.Role, data string) {
	switch {
	case !b.Same:
		b.Words = fmt.Sprintf("the database in %s was made anew, or restored, since: it does not go on from this backup", data)
	case role == station.Remote && b.Own == 0:
		b.Words = "the site has made no change since"
	case role == station.Remote:
		b.Words = fmt.Sprintf("the site has made %s since, of which %d are not at the centre and would be lost",
			english.Plural(int(b.Own), "entry", "entries"), b.Unsent) //nolint:gosec // a count
	case b.Own == 0 && b.Theirs == 0:
		b.Words = "the centre has made nothing and got nothing since"
	default:
		b.Words = fmt.Sprintf("since then the centre has made %s of its own and got %s of %s: the sites send theirs again, the centre's own come back only as far as sites hold the records",
			english.Plural(int(b.Own), "entry", "entries"), english.Plural(int(b.Theirs), "entry", "entries"), english.Plural(b.Sites, "site", "")) //nolint:gosec // counts
	}
}
