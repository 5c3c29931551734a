package host

import (
	"context"

	"github.com/atollsync/atoll/site"
)

// site tells how this site's synchronisation stands.
func (m *meter) site(ctx context.Context, p *page) error {
	st, err := m.h.Site.Status(ctx)
	if err != nil {
		return err
	}
	p.one("atoll_waiting", "Changes that wait to be sent.", float64(st.Waiting))
	p.one("atoll_refused", "Changes that the central server refused and nobody has settled.", float64(st.Refused))
	p.one("atoll_unresolved", "Received records that could not be taken yet.", float64(st.Unresolved))
	if !st.LastSuccess.IsZero() {
		p.one("atoll_last_success_timestamp_seconds", "When the last cycle succeeded.", float64(st.LastSuccess.Unix()))
	}
	p.one("atoll_sync_running", "1 while a cycle runs.", truth(st.Running))
	p.one("atoll_sync_paused", "1 while synchronisation is paused or switched off.", truth(st.Settings.Paused || st.Settings.Disabled))
	p.one("atoll_clock_ahead_seconds", "This clock minus the central server's.", st.ClockAhead.Seconds())
	p.one("atoll_disk_used_ratio", "How full the disk with the database is.", st.DiskUsed)
	log, err := m.h.Site.SyncLog(ctx, scrapedRows)
	if err != nil {
		return err
	}
	fresh := map[string]bool{}
	for _, row := range log {
		m.siteRow(fresh, row)
	}
	m.seen = fresh
	return nil
}

func (m *meter) siteRow(fresh map[string]bool, row site.Cycle) {
	if !m.first(fresh, m.h.Station.Identity.Site, row.Started, row.Took) {
		return
	}
	m.count.cycle("here", row.Code, row.Took)
	m.count.entries["applied"] += float64(row.Applied)
	m.count.entries["duplicate"] += float64(row.Duplicate)
	m.count.entries["quarantined"] += float64(row.Quarantined)
	m.count.records += float64(row.Received)
	m.count.bytesOut += float64(row.BytesOut)
	m.count.bytesIn += float64(row.BytesIn)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
