package msupply

// migratedHome gives a patient the home store of R-G-01: that of the most recent
// prescription in the capture, or else the supplying store. It is given once:
// afterwards a home store changes only by a transfer.
func (r *row) migratedHome() {
	supplying := r.main().fields.ID("home_store_id")
	latest, home := "", supplying
	for _, s := range r.w.by[look{"transact", "name_ID", r.key}] {
		data := s.object()
		text := func(key string) string { v, _ := textOf(data[key]); return v }
		dispensed := text("type") == "ci" && (text("mode") == "dispensary" || text("om_type") == "PRESCRIPTION")
		if s.action == "delete" || !dispensed || text("entry_date") <= latest {
			continue
		}
		if id, ok := r.w.find("store", text("store_ID")); ok {
			latest, home = text("entry_date"), id
		}
	}
	if home == "" {
		return
	}
	if home != supplying {
		delete(r.carried, "supplying_store_id") // what the translation does not carry stays beside the record
	}
	delete(r.main().fields, "home_store_id")
	r.main().first.Set("home_store_id", home)
}
