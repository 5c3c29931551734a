package exchange

import (
	"context"
	"encoding/json"

	"github.com/atollsync/atoll"
)

// People answers, at the centre and on line, what somebody at a site asks about
// patients and prescribers who are not there (R-G-20, R-G-21). The transport has
// made sure which site asks; who asks there shows credentials of the centre's own.
type People interface {
	// LookUp answers one question. It fails with atoll.Denied when the person has no
	// right to ask, and with atoll.Busy when the person or the site has asked too
	// often. Every question is logged, refused ones too.
	LookUp(ctx context.Context, site atoll.SiteID, ask LookUp) (LookedUp, error)
}

// What a look-up may ask for.
const (
	FindPatients    = "patients"
	FindPrescribers = "prescribers"
	TellHistory     = "history"
	Fetch           = "fetch" // make the person visible in a store of the site
)

// LookUp is one question. It is signed by a person with name and password, or with
// the token that an earlier answer gave, and says why it is asked (R-G-23).
type LookUp struct {
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
	Reason   string `json:"reason"`
	What     string `json:"what"`
	// Ask is what is looked for, as JSON: a search, or whom and for which store.
	Ask json.RawMessage `json:"ask,omitempty"`
}

// LookedUp is the answer: Token is good for further questions of the same person
// for some hours.
type LookedUp struct {
	Token  string          `json:"token,omitempty"`
	Answer json.RawMessage `json:"answer,omitempty"`
}
