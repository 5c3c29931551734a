package host

import "context"

// siteGauges tell how this site's synchronisation stands.
func (h *Host) siteGauges(ctx context.Context, g *gauges) error {
	st, err := h.Site.Status(ctx)
	if err != nil {
		return err
	}
	g.add("atoll_waiting", "Changes that wait to be sent.", float64(st.Waiting))
	g.add("atoll_refused", "Changes that the central server refused and nobody has settled.", float64(st.Refused))
	g.add("atoll_unresolved", "Received records that could not be taken yet.", float64(st.Unresolved))
	if !st.LastSuccess.IsZero() {
		g.add("atoll_last_success_timestamp_seconds", "When the last cycle succeeded.", float64(st.LastSuccess.Unix()))
	}
	g.add("atoll_sync_running", "1 while a cycle runs.", truth(st.Running))
	g.add("atoll_sync_paused", "1 while synchronisation is paused or switched off.", truth(st.Settings.Paused || st.Settings.Disabled))
	g.add("atoll_clock_ahead_seconds", "This clock minus the central server's.", st.ClockAhead.Seconds())
	g.add("atoll_disk_used_ratio", "How full the disk with the database is.", st.DiskUsed)
	return nil
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
