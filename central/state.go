package central

import (
	"errors"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/storage"
)

// Initialisation is how far a site has come (R-H-20).
type Initialisation string

// The states of initialisation at the centre.
const (
	InitNew       Initialisation = "new"
	InitStarted   Initialisation = "started"
	InitCompleted Initialisation = "completed"
	InitError     Initialisation = "error"
)

// SiteState is what the centre remembers about a site beside its record: it is
// kept on the shelf and never synchronised.
type SiteState struct {
	Site atoll.SiteID `json:"site"`
	// Enrolment: the digest of the one-time code, and until when it is good.
	CodeHash    []byte    `json:"code_hash,omitempty"`
	CodeExpires time.Time `json:"code_expires,omitzero"`
	// Identity: the site's public key, its device, and its database's timeline.
	Key      []byte         `json:"key,omitempty"`
	Device   string         `json:"device,omitempty"`
	Timeline atoll.Timeline `json:"timeline,omitempty"`
	Turn     uint64         `json:"turn,omitempty"`
	Nonce    string         `json:"nonce,omitempty"`
	// Failures counts wrong codes (R-H-15).
	Failures int `json:"failures,omitempty"`
	// TokenEpoch is part of every token: raising it ends them all.
	TokenEpoch uint32 `json:"token_epoch,omitempty"`

	Orders []string `json:"orders,omitempty"`
	// HistoryMonths limits the documents the site gets when it initialises to those
	// of the last months (R-H-26); 0 does not.
	HistoryMonths int `json:"history_months,omitempty"`
	// Told is the turn in which the site was told to send everything again; 0 until
	// it was. A later turn shows that it heard.
	Told uint64 `json:"told,omitempty"`

	// Compared is when the site last compared all it holds with this database, and
	// Outcome what that came to (R-M-02).
	Compared time.Time        `json:"compared,omitzero"`
	Outcome  exchange.Outcome `json:"outcome,omitzero"`

	// Lost are entries of the site's journal that neither this database has, which
	// was restored from a backup, nor the site, which has initialised since.
	Lost []Span `json:"lost,omitempty"`

	// Late says that late changes of the site may wait to be offered to the new home of
	// whom they are about (R-G-44).
	Late bool `json:"late,omitempty"`

	// Voucher is the number in the voucher the site was last given.
	Voucher uint64 `json:"voucher,omitempty"`

	// What the site last said of itself, beside what the summary has.
	Protocol      int    `json:"protocol,omitempty"`
	Catalogue     int    `json:"catalogue,omitempty"`
	CatalogueHash string `json:"catalogue_hash,omitempty"`
	Head          uint64 `json:"head,omitempty"` // the end of its journal there

	Summary
}

// Span is a part of a journal, both ends included.
type Span struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// lost reports whether the site's entry is lost here.
func (s SiteState) lost(seq uint64) bool {
	return slices.ContainsFunc(s.Lost, func(l Span) bool { return seq >= l.From && seq <= l.To })
}

// afterLoss reports whether the site's entry was made after entries were lost.
func (s SiteState) afterLoss(seq uint64) bool {
	return slices.ContainsFunc(s.Lost, func(l Span) bool { return seq > l.To })
}

// State returns what the centre remembers about the site, atoll.NotFound if the
// site was never made.
func State(r storage.Reader, site atoll.SiteID) (SiteState, error) {
	var s SiteState
	err := storage.Load(r, shelfSites, siteKey(site), &s)
	if errors.Is(err, atoll.NotFound) {
		return s, atoll.Errorf(atoll.SiteUnknown, "there is no site %d", site).
			Do("make it at the centre with: atoll site add NAME")
	}
	return s, err
}

func (s SiteState) save(tx storage.Tx) error { return storage.Save(tx, shelfSites, siteKey(s.Site), s) }
