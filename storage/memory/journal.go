package memory

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

func (r *reader) chain(site atoll.SiteID) chain {
	r.ask.chain.site = site
	if c, ok := r.state.heads.tree.Get(&r.ask.chain); ok {
		return *c
	}
	return chain{site: site}
}

// Head implements [storage.JournalReader].
func (r *reader) Head(site atoll.SiteID) (atoll.Head, error) {
	if err := r.call(); err != nil {
		return atoll.Head{}, err
	}
	c := r.chain(site)
	return c.head, nil
}

// Base implements [storage.JournalReader].
func (r *reader) Base(site atoll.SiteID) (atoll.Head, error) {
	if err := r.call(); err != nil {
		return atoll.Head{}, err
	}
	c := r.chain(site)
	return c.base, nil
}

// Entries implements [storage.JournalReader]. A limit or maxBytes of 0 is none.
func (r *reader) Entries(site atoll.SiteID, after uint64, limit, maxBytes int) ([]storage.JournalEntry, error) {
	err := r.call()
	if err != nil || after+1 == 0 {
		return nil, err
	}
	var out []storage.JournalEntry
	size, most, bytes := 0, bound(limit), bound(maxBytes)
	r.ask.entry.Site, r.ask.entry.Seq = site, after+1
	r.state.journal.tree.Ascend(&r.ask.entry, func(e *storage.JournalEntry) bool {
		if size += len(e.Content); e.Site != site || size > bytes && len(out) > 0 {
			return false
		}
		out = append(out, entryOut(e))
		err = r.tired(len(out))
		return err == nil && len(out) < most
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Entry implements [storage.JournalReader].
func (r *reader) Entry(site atoll.SiteID, seq uint64) (storage.JournalEntry, error) {
	if err := r.call(); err != nil {
		return storage.JournalEntry{}, err
	}
	r.ask.entry.Site, r.ask.entry.Seq = site, seq
	e, ok := r.state.journal.tree.Get(&r.ask.entry)
	if !ok {
		return storage.JournalEntry{}, atoll.Errorf(atoll.NotFound, "the journal has no such entry here").About(atoll.Origin{Site: site, Seq: seq})
	}
	return entryOut(e), nil
}

func entryOut(e *storage.JournalEntry) storage.JournalEntry {
	out := *e
	out.Content = clone(e.Content)
	return out
}

// Journals implements [storage.JournalReader].
func (r *reader) Journals() (map[atoll.SiteID]atoll.Head, error) {
	if err := r.call(); err != nil {
		return nil, err
	}
	out := make(map[atoll.SiteID]atoll.Head, r.state.heads.tree.Len())
	r.state.heads.tree.Scan(func(c *chain) bool {
		out[c.site] = c.head
		return true
	})
	return out, nil
}

// Append implements [storage.JournalWriter]. An entry without a time of receipt
// gets one. Nothing here replaces or removes an entry.
func (t *tx) Append(e storage.JournalEntry) error {
	if err := t.call(); err != nil {
		return err
	}
	c := t.chain(e.Site)
	if e.Seq != c.head.Seq+1 || e.Seq > 1<<63-1 {
		return atoll.Errorf(atoll.WrongChain, "entry %d does not follow entry %d", e.Seq, c.head.Seq).About("journal of site " + e.Site.String())
	}
	if e.Hash.IsZero() {
		return atoll.Errorf(atoll.WrongChain, "entry %d has no hash", e.Seq).About("journal of site " + e.Site.String())
	}
	if e.Received.IsZero() {
		e.Received = t.store.now()
	}
	e.Received, e.Content = moment(e.Received), clone(e.Content)
	c.head = atoll.Head{Timeline: e.Timeline, Seq: e.Seq, Hash: e.Hash}
	c.entries++
	write(t, &t.state.journal).Set(&e)
	write(t, &t.state.heads).Set(&c)
	return nil
}

// SetBase implements [storage.JournalWriter].
func (t *tx) SetBase(site atoll.SiteID, base atoll.Head) error {
	if err := t.call(); err != nil {
		return err
	}
	c := t.chain(site)
	if c.entries > 0 {
		return atoll.Errorf(atoll.Exists, "the journal has entries; its beginning cannot change").About("journal of site " + site.String())
	}
	if base.Seq > 1<<63-2 {
		return atoll.Errorf(atoll.Invalid, "a journal cannot begin at %d", base.Seq)
	}
	write(t, &t.state.heads).Set(&chain{site: site, head: base, base: base})
	return nil
}
