package station

import (
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/authority"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// Words returns the role as people say it.
func (r UserRole) Words() string { return strings.ReplaceAll(string(r), "_", " ") }

// Holders names the roles that have the power.
func (p Power) Holders() string {
	var names []string
	for _, r := range UserRoles {
		if r.May(p) {
			names = append(names, r.Words())
		}
	}
	return strings.Join(names, ", ")
}

// MayChange refuses changes of records that the user may not make, whichever face
// they come through: what a mobile client may not send, what shapes the system
// without the power to configure it, and central data without the power to curate
// it (R-F-06, R-F-21). Whether this site may make them at all, the judge says.
func (s *Station) MayChange(u User, d documents.Desk, do ...journal.Proposal) error {
	if err := s.MaySend(u, d, do...); err != nil {
		return err
	}
	for _, p := range do {
		if err := mayShape(u, p); err != nil {
			return err
		}
		if err := s.mayCurate(u, d, p); err != nil {
			return err
		}
	}
	return nil
}

// mayShape refuses changes of records that shape the system to users who may not
// configure it. Fields that only acts of configuration change are refused by the
// station; a store that is inserted as a record would pass by their checks.
func mayShape(u User, p journal.Proposal) error {
	if !topology.Shapes(p.Key.Type) {
		return nil
	}
	if !u.Role.May(MayConfigure) {
		return atoll.Errorf(atoll.Denied, "a %s may not change the configuration", u.Role.Words()).
			About(p.Key).Do("ask someone who is %s", MayConfigure.Holders())
	}
	if p.Key.Type == "store" && p.Verb == atoll.Insert {
		return atoll.Errorf(atoll.Rule, "a store is not made as a record").About(p.Key).Do("add the store instead: atoll store add, or POST /api/v1/stores").
			Because("store.made")
	}
	return nil
}

// mayCurate refuses changes of central data to users without that right, wherever
// the right to edit it is now.
func (s *Station) mayCurate(u User, d documents.Desk, p journal.Proposal) error {
	def, ok := s.Catalogue.Lookup(p.Key.Type)
	if !ok || authority.Editor(d.T, def) != catalogue.ByPrimary || u.Role.May(MayCurate) {
		return nil
	}
	return atoll.Errorf(atoll.Denied, "a %s may not change central data", u.Role.Words()).
		About(p.Key).Do("ask someone who is %s", MayCurate.Holders())
}
