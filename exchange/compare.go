package exchange

import (
	"context"

	"github.com/atollsync/atoll"
)

// Comparer answers, at the centre, a site that compares what it holds with what
// the centre has for it (R-H-44, R-M-02). The transport has made sure which site
// asks.
type Comparer interface {
	// Compare answers one question. It changes nothing but when Repair is set, and
	// then only what the verdicts say. It fails with atoll.Busy while it works for
	// other sites.
	Compare(ctx context.Context, site atoll.SiteID, q Comparison) (Compared, error)
}

// Bounds on one comparison.
const (
	MaxCompareNodes = 4  // in one question
	MaxCompareRows  = 64 // in one question
)

// Comparison is one question of a site: where it stands, and about what it asks.
// Rows are found by the SHA-256 of their key ("type/id"): its first byte picks one
// of 256 branches, its second one of 256 leaves below.
type Comparison struct {
	Timeline     atoll.Timeline `json:"timeline"`     // of the site's database
	Run          string         `json:"run"`          // of the centre, that the site last heard of
	Subscription string         `json:"subscription"` // digest of the audiences it covers
	Applied      atoll.Position `json:"applied"`      // its last checkpoint
	Acknowledged uint64         `json:"acknowledged"` // the last entry of its journal that it knows to be here
	// All is the digest of all rows, and Records how many they are. Asked first.
	All     string `json:"all,omitempty"`
	Records int    `json:"records,omitempty"`
	// Nodes are digests of the parts of the whole, or of a branch.
	Nodes []CompareNode `json:"nodes,omitempty"`
	// Leaves are rows. The answer has a verdict on each row that is not the same.
	Leaves []CompareLeaf `json:"leaves,omitempty"`
	// Repair has the centre do its part for the rows in Leaves.
	Repair bool `json:"repair,omitempty"`
	// Outcome tells the centre what the whole comparison came to.
	Outcome *Outcome `json:"outcome,omitempty"`
}

// CompareNode holds the digests of the 256 parts of a node, 8 bytes each,
// big-endian: the sums of the first 8 bytes of the rows' checksums. Prefix is ""
// for the whole, two hexadecimal digits for a branch.
type CompareNode struct {
	Prefix string `json:"prefix"`
	Sums   []byte `json:"sums"`
}

// CompareLeaf holds all rows of the site whose key has the prefix, four
// hexadecimal digits.
type CompareLeaf struct {
	Prefix string       `json:"prefix"`
	Rows   []CompareRow `json:"rows,omitempty"`
}

// CompareRow is a row as the site has it.
type CompareRow struct {
	Type   atoll.Type   `json:"type"`
	ID     atoll.ID     `json:"id"`
	Sum    string       `json:"sum"` // 16 hexadecimal digits of its checksum; "" for a row the site does not show
	Origin atoll.Origin `json:"origin,omitzero"`
	// Spoiled says that the row is not as it was stored; Waiting that a newer one has
	// arrived and could not be taken; Unsent that the centre has not been sent
	// this version, or is not to have it; Deleted that it is a tombstone.
	Spoiled bool `json:"spoiled,omitempty"`
	Waiting bool `json:"waiting,omitempty"`
	Unsent  bool `json:"unsent,omitempty"`
	Deleted bool `json:"deleted,omitempty"`
	// Aside says that the site does not take the row for one that it must have; it is
	// told for the case that the centre does.
	Aside bool `json:"aside,omitempty"`
}

// Compared is the centre's answer.
type Compared struct {
	// Not says why nothing can be compared now, in words; empty when it can.
	Not string `json:"not,omitempty"`
	// Equal says that All is the same here; Records how many rows there are.
	Equal    bool           `json:"equal,omitempty"`
	Records  int            `json:"records,omitempty"`
	Position atoll.Position `json:"position"` // at which it was compared
	// Apart are the prefixes of the parts that differ, of the Nodes asked about.
	Apart []string `json:"apart,omitempty"`
	// Rows are the rows that are not the same, of the Leaves asked about.
	Rows []CompareVerdict `json:"rows,omitempty"`
}

// CompareVerdict says of a row that is not the same on both ends what to do.
type CompareVerdict struct {
	Type    atoll.Type   `json:"type"`
	ID      atoll.ID     `json:"id"`
	Verdict string       `json:"verdict"` // see package verify
	Origin  atoll.Origin `json:"origin,omitzero"`
	Version uint64       `json:"version,omitempty"`
	Sum     string       `json:"sum,omitempty"` // the row's checksum at the centre
	// Done says that the centre has done its part, or tried; Words what came of it.
	Done  bool   `json:"done,omitempty"`
	Words string `json:"words,omitempty"`
}

// Outcome is what a comparison came to.
type Outcome struct {
	Records   int `json:"records"`
	Differing int `json:"differing"`
	Repaired  int `json:"repaired"`
	UnderWay  int `json:"under_way,omitempty"`
}
