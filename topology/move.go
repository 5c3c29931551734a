package topology

import "github.com/atollsync/atoll"

// Step is how far a move of a store has come (R-H-30).
type Step string

// The steps that are kept. What lies between them is told from what the sites
// have said.
const (
	Freeze   Step = "freeze"   // the site it leaves stops editing and sends all it has
	Backfill Step = "backfill" // it is active on its new site, which receives and compares
	Moved    Step = "done"     // its new site edits it
	Aborted  Step = "aborted"  // it stays where it was
)

// Open reports whether the move is under way.
func (s Step) Open() bool { return s == Freeze || s == Backfill }

// Follows reports whether a move may go from one step to the next: forward only,
// and back to where it was only before the store changed its site (R-H-35). The
// first step follows "": freeze, or a later one when the move is forced.
func (s Step) Follows(before Step) bool {
	switch before {
	case "":
		return s == Freeze || s == Backfill || s == Moved
	case Freeze:
		return s == Freeze || s == Backfill || s == Moved || s == Aborted
	case Backfill:
		return s == Backfill || s == Moved
	case Moved, Aborted:
	}
	return s == before
}

// Move is a move of a store that is under way.
type Move struct {
	ID       atoll.ID
	Store    atoll.ID
	From, To atoll.SiteID
	Step     Step
	Attempt  int
	Forced   bool
}

// MoveFrom reads a move from the fields of its record.
func MoveFrom(id atoll.ID, f atoll.Fields) Move {
	return Move{
		ID: id, Store: f.ID("store_id"), From: atoll.SiteID(f.Int("from_site")), To: atoll.SiteID(f.Int("to_site")),
		Step: Step(f.Text("step")), Attempt: int(f.Int("attempt")), Forced: f.Bool("forced", false),
	}
}

// Moving returns the move of the store that is under way, if there is one.
func (t *Topology) Moving(store atoll.ID) (Move, bool) {
	m, ok := t.moves[store]
	return m, ok
}

// Moves returns the moves under way, by store.
func (t *Topology) Moves() []Move {
	if len(t.moves) == 0 {
		return nil
	}
	out := make([]Move, 0, len(t.moves))
	for _, s := range t.Stores() {
		if m, ok := t.moves[s.ID]; ok {
			out = append(out, m)
		}
	}
	return out
}

// NextPrimary returns who will edit central data, while that is changing: until it
// has changed nobody does (R-H-50).
func (t *Topology) NextPrimary() (atoll.SiteID, bool) { return t.nextPrimary, t.nextPrimary != 0 }
