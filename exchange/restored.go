package exchange

import "github.com/atollsync/atoll"

// CommonPosition returns the position up to which the feed means the same to a
// centre with these runs and to a site that heard of those: where the last run
// both know ended, for whichever of them it ended first. 0 when they share none.
// Own is the number of the last entry of the centre's own journal then.
func CommonPosition(centre, site []Run) (at atoll.Position, own uint64) {
	for i := len(site) - 1; i >= 0; i-- {
		for j := len(centre) - 1; j >= 0; j-- {
			if site[i].ID != centre[j].ID {
				continue
			}
			at, own = ^atoll.Position(0), centre[j].Own
			if i+1 < len(site) {
				at = site[i+1].Began
			}
			if j+1 < len(centre) {
				at, own = min(at, centre[j+1].Began), centre[j+1].Own
			}
			// A centre that was restored twice, the second time to what it had made after the
			// first backup: what it made between the two has numbers that it has given before.
			if i+1 < len(site) && site[i+1].Own > 0 {
				own = min(own, site[i+1].Own)
			}
			return at, own
		}
	}
	return 0, 0
}

// Voucher is the centre's word, with a mark that only it can make, that entries of
// its own journal up to this number may be known to others. A site keeps it and
// shows it to a centre that was restored, which must not give these numbers again:
// they would be origins of other versions.
type Voucher struct {
	Seq  uint64 `json:"seq"`
	Mark string `json:"mark"`
}

// Found is a record of the centre's own as a site holds it, which a restored centre
// may have lost.
type Found struct {
	Type    atoll.Type   `json:"type"`
	ID      atoll.ID     `json:"id"`
	Version uint64       `json:"version"`
	Origin  atoll.Origin `json:"origin"`
	Deleted bool         `json:"deleted,omitempty"`
	Body    string       `json:"body"` // as it is kept, to the byte
}

// MaxFoundBytes bounds the bodies of the records found in one request, together;
// one record may always be there.
const MaxFoundBytes = atoll.MaxBody
