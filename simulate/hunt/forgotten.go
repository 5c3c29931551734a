package hunt

import (
	"cmp"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/rights"
	"github.com/atollsync/atoll/storage"
)

// forget notes what an entry that is gone for good had changed, if it is one of the
// centre's own: no site sends those again.
func (w *World) forget(site atoll.SiteID, je storage.JournalEntry) {
	if site != atoll.CentreID {
		return
	}
	e, err := atoll.DecodeEntry(je.Content)
	if err != nil {
		return
	}
	for _, op := range e.Operations {
		w.forgot[op.Key] = w.forgot[op.Key].Apply(op.Fields)
	}
}

// forgotten says which record that the centre lost is the reason of a refusal: the one
// that was changed, one that it names, or one that decided who may write it.
func (w *World) forgotten(r storage.Refusal) (atoll.Key, bool) {
	if len(w.forgot)+len(w.lacked) == 0 {
		return atoll.Key{}, false
	}
	if r.Code == atoll.HeldBehind {
		if first, err := w.refusal(r.Behind); err == nil {
			return w.forgotten(first)
		}
	}
	e, err := atoll.DecodeEntry(r.Content)
	if err != nil {
		return atoll.Key{}, false
	}
	for _, op := range e.Operations {
		if op.Key != r.Subject {
			continue
		}
		if r.Code == atoll.BaseVersion || r.Code == atoll.Exists || r.Code == atoll.Reference && r.Field == "" {
			// The version that it builds on was refused itself, or what stands has waited.
			own, stands := atoll.Origin{Site: r.Site, Seq: r.Seq}, w.originAt(op.Key)
			for _, at := range []atoll.Origin{op.Base, stands} {
				if key, waited := w.waitedFor[at]; waited {
					return key, true
				}
			}
			// It has waited itself, and meanwhile the record changed hands, and was changed.
			handed := r.Code == atoll.BaseVersion && stands.Site != r.Site
			if key, waited := w.waitedFor[own]; waited && (handed || w.wentOnWithout(own, op)) {
				return key, true
			}
			// Who has the right again, for all that is known, changed it meanwhile.
			if key, lost := w.rightLost(r.Site, op); lost && handed {
				return key, true
			}
		}
		if r.Code == atoll.Ownership || r.Code == atoll.OldEpoch {
			// It was refused first for a right that was lost. While it waited for that, another
			// that it needs changed hands.
			if key, waited := w.waitedFor[atoll.Origin{Site: r.Site, Seq: r.Seq}]; waited {
				return key, true
			}
		}
		for _, key := range w.reasons(r, op) {
			if _, lost := w.forgot[key]; lost {
				return key, true
			}
			if lost, is := w.gaveUp[key]; is && r.Code == atoll.Reference && r.Field != "" {
				return lost, true
			}
			if merge, lost := w.mergeLost(key); lost {
				return merge, true
			}
		}
		if key, lost := w.sightLost(op); lost && r.Code == atoll.NotVisible {
			return key, true
		}
		if merge, lost := w.followedLost(op, r.Field); lost && r.Code == atoll.Schema {
			return merge, true
		}
	}
	return atoll.Key{}, false
}

// giveUp notes what an entry had made that is refused for want of what the centre lost,
// and is given up: whatever names it is refused, too.
func (w *World) giveUp(r storage.Refusal) {
	why, lost := w.forgotten(r)
	if !lost {
		return
	}
	e, err := atoll.DecodeEntry(r.Content)
	if err != nil {
		return
	}
	for _, op := range e.Operations {
		if op.Verb == atoll.Insert {
			w.gaveUp[op.Key] = why
		}
	}
}

// wentOnWithout reports whether the site that made a change while its entry waited was
// initialised again, and has since made another change of the same version.
func (w *World) wentOnWithout(at atoll.Origin, op atoll.Operation) (is bool) {
	_ = w.onDiskOf(w.Centre, func(r storage.Reader) error {
		later, err := r.Entries(at.Site, at.Seq, 10_000, 64<<20)
		for _, je := range later {
			e, err := atoll.DecodeEntry(je.Content)
			is = is || err == nil && slices.ContainsFunc(e.Operations, func(o atoll.Operation) bool {
				return o.Key == op.Key && o.Verb == op.Verb && o.Base == op.Base
			})
		}
		return err
	})
	return is
}

// noteWaiting remembers of the entries that wait for what the centre lost what that is:
// others may build on them when they no longer wait.
func (w *World) noteWaiting() {
	if len(w.forgot)+len(w.lacked) == 0 || !w.Alive(w.Centre) {
		return
	}
	var open []storage.Refusal
	_ = w.onDiskOf(w.Centre, func(r storage.Reader) (err error) { open, err = r.Refusals(0, true, 0, 0); return err })
	for _, r := range open {
		key, lost := w.forgotten(r)
		if !lost {
			key, lost = w.sentAgain(r)
		}
		if lost {
			w.waitedFor[atoll.Origin{Site: r.Site, Seq: r.Seq}] = key
		}
	}
}

// sentAgain says for which record an entry waits that the restored centre lacks until the
// site that made it sends it again. That settles it; unless meanwhile others went on.
func (w *World) sentAgain(r storage.Refusal) (atoll.Key, bool) {
	if r.Code == atoll.HeldBehind {
		first, err := w.refusal(r.Behind)
		if err != nil {
			return atoll.Key{}, false
		}
		return w.sentAgain(first)
	}
	e, err := atoll.DecodeEntry(r.Content)
	if err != nil || r.Code != atoll.Reference {
		return atoll.Key{}, false
	}
	for _, op := range e.Operations {
		if op.Key != r.Subject {
			continue
		}
		for _, key := range w.reasons(r, op) {
			if w.lacked[key] {
				return key, true
			}
		}
	}
	return atoll.Key{}, false
}

func (w *World) refusal(id int64) (r storage.Refusal, err error) {
	err = w.onDiskOf(w.Centre, func(v storage.Reader) error { r, err = v.Refusal(id); return err })
	return r, err
}

// reasons are the records for whose sake the operation may have been refused as it was.
func (w *World) reasons(r storage.Refusal, op atoll.Operation) []atoll.Key {
	switch r.Code { //nolint:exhaustive // other refusals have nothing to do with what is missing
	case atoll.BaseVersion, atoll.NotFound:
		return []atoll.Key{op.Key}
	case atoll.Reference:
		if r.Field == "" { // it builds on a version that is not here
			return []atoll.Key{op.Key}
		}
		return w.names(op, r.Field)
	case atoll.Ownership, atoll.OldEpoch, atoll.NotHere, atoll.Exists:
		return w.deciding(op)
	case atoll.Rule, atoll.LifeCycle:
		return append(w.names(op, ""), op.Key)
	}
	return nil
}

// names are the records that the operation's record names, before or after it: in the
// field, or in any.
func (w *World) names(op atoll.Operation, field string) (keys []atoll.Key) {
	before := w.fieldsAt(op.Key)
	for _, fields := range []atoll.Fields{before, before.Apply(op.Fields)} {
		for _, ref := range w.Catalogue.References(op.Type, fields) {
			if field == "" || ref.Field == field {
				keys = append(keys, atoll.Key{Type: ref.To, ID: ref.ID})
			}
		}
	}
	return keys
}

// mergeLost says which merge into the record was forgotten.
func (w *World) mergeLost(into atoll.Key) (atoll.Key, bool) {
	for key, fields := range w.forgot {
		if key.Type == into.Type && fields.ID("merged_into") == into.ID {
			return key, true
		}
	}
	return atoll.Key{}, false
}

// followedLost says which merge that was forgotten a fixed field follows: nothing else
// changes such a field.
func (w *World) followedLost(op atoll.Operation, field string) (atoll.Key, bool) {
	for _, ref := range w.Catalogue.References(op.Type, op.Fields) {
		if ref.Field == field && op.Verb == atoll.Update {
			return w.mergeLost(atoll.Key{Type: ref.To, ID: ref.ID})
		}
	}
	return atoll.Key{}, false
}

// deciding are the records that decide who may write what the operation writes: its
// store or person, or that of the record it belongs to, the rights over its type, and
// the preferences that steer it.
func (w *World) deciding(op atoll.Operation) []atoll.Key {
	keys := append(w.names(op, ""), op.Key)
	for _, above := range slices.Clone(keys) {
		keys = append(keys, w.names(atoll.Operation{Key: above}, "")...)
	}
	def, ok := w.Catalogue.Lookup(op.Type)
	if !ok {
		return keys
	}
	if def.Area != "" {
		keys = append(keys, rights.Key(def.Area), rights.Key(rights.All))
	}
	for key, fields := range w.forgot {
		steers := func(e catalogue.Exception) bool { return e.Name == w.fieldsAt(key).Apply(fields).Text("key") }
		if key.Type == "preference" && slices.ContainsFunc(def.Also, steers) {
			keys = append(keys, key)
		}
	}
	return keys
}

// rightLost says which right to write the operation's record was given to the site and
// forgotten: until it is taken back, whoever had it before has it, and may change what
// the site has changed.
func (w *World) rightLost(site atoll.SiteID, op atoll.Operation) (atoll.Key, bool) {
	def, ok := w.Catalogue.Lookup(op.Type)
	if !ok || def.Editor != catalogue.ByPrimary {
		return atoll.Key{}, false
	}
	t := w.Topology(w.Centre)
	for _, key := range []atoll.Key{rights.Key(def.Area), rights.Key(rights.All)} {
		holder, there := t.Store(w.forgot[key].ID("store_id"))
		if there && holder.Site == site {
			return key, true
		}
	}
	return atoll.Key{}, false
}

// originAt is the entry that made the version of a record that the centre has.
func (w *World) originAt(key atoll.Key) (at atoll.Origin) {
	_ = w.onDiskOf(w.Centre, func(v storage.Reader) error {
		rec, err := v.Record(key)
		at = rec.Origin
		return err
	})
	return at
}

// fieldsAt are the fields of a record as the centre has it, none if it has not.
func (w *World) fieldsAt(key atoll.Key) (f atoll.Fields) {
	_ = w.onDiskOf(w.Centre, func(v storage.Reader) error {
		if rec, err := v.Record(key); err == nil && !rec.Deleted {
			f = rec.MustFields()
		}
		return nil
	})
	return f
}

// sightLost says which visibility between the two stores of a document was forgotten.
func (w *World) sightLost(op atoll.Operation) (atoll.Key, bool) {
	doc := w.fieldsAt(op.Key).Apply(op.Fields)
	a, b := doc.ID("store_id"), doc.ID("partner_store_id")
	for _, key := range slices.SortedFunc(maps.Keys(w.forgot), func(x, y atoll.Key) int { return cmp.Compare(x.String(), y.String()) }) {
		if f := w.fieldsAt(key).Apply(w.forgot[key]); key.Type == "name_store_join" && f.ID("store_id") == a && f.ID("partner_store_id") == b {
			return key, true
		}
	}
	return atoll.Key{}, false
}
