package model

import "fmt"

// peace: each database exchanges; one that was refused is initialised again, if it is
// the site's, and switched off, if it is the copy.
func (m *restores) peace(s restoreState) restoreState {
	s.Edits, s.OwnEdits, s.HubRestores, s.SiteRestores, s.Clones, s.Restarts = 0, 0, 0, 0, 0, 0
	s.HasHub, s.HubBackup, s.Backup = false, hub{}, island{}
	if s.Site[1].There {
		if s.Site[1].Refused {
			s.Site[1] = island{}
			return s
		}
		n := m.exchange(s, 1, all)
		if n.Site[1].quiet(s.Site[1]) && !s.Site[0].Stale { // the copy is the site now, and the site is out
			n = s
		}
		s = n
	}
	if s.Site[0].Refused {
		return m.again(s)
	}
	n := m.exchange(s, 0, all)
	if n.Site[0].quiet(s.Site[0]) && n.Hub.quiet(s.Hub) && !s.Site[1].There {
		return s
	}
	return n
}

// quiet reports whether nothing but turn and nonce differs.
func (x island) quiet(was island) bool {
	x.Turn, x.Nonce = was.Turn, was.Nonce
	return x == was
}

func (h hub) quiet(was hub) bool {
	h.Turn, h.Nonce = was.Turn, was.Nonce
	return h == was
}

func (m *restores) nothingMissing(s restoreState) string {
	if gone := s.Acked &^ s.Hub.S.Set; gone != 0 && !s.forgot() {
		return "the site's record at the centre lacks an edit that was acknowledged"
	}
	return ""
}

func (m *restores) equal(s restoreState) string {
	x, h := s.Site[0], s.Hub
	switch {
	case x.C != h.C:
		return fmt.Sprintf("the centre's record has content %d at the centre, and %d at the site", h.C.Content, x.C.Content)
	case x.S != h.S:
		return fmt.Sprintf("the site's record has content %d at the site, and %d at the centre", x.S.Content, h.S.Content)
	case x.Len != h.Known || x.Ack != x.Len:
		return fmt.Sprintf("the site's journal has %d entries, and the centre has %d of them", x.Len, h.Known)
	}
	return ""
}

func (m *restores) onePlace(s restoreState) string {
	if s.Site[0].Cursor > s.Hub.Head {
		return fmt.Sprintf("the site's cursor is at %d, and the feed ends at %d", s.Site[0].Cursor, s.Hub.Head)
	}
	return ""
}
