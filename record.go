package atoll

import (
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in the order in which one database committed its changes.
// Positions are handed out at commit: a reader that has seen position n will
// never see a position below n appear (R-A-14).
type Position uint64

// Origin names the journal entry that made one version of a record (R-K-14).
// Its text form is "site/seq". The zero Origin means "there was none".
type Origin struct {
	Site SiteID
	Seq  uint64
}

// String returns "site/seq", or "" for the zero Origin.
func (o Origin) String() string {
	if o == (Origin{}) {
		return ""
	}
	return strconv.Itoa(int(o.Site)) + "/" + strconv.FormatUint(o.Seq, 10)
}

// ParseOrigin reads the text form of an Origin. It fails with [Invalid].
func ParseOrigin(s string) (Origin, error) {
	if s == "" {
		return Origin{}, nil
	}
	site, seq, ok := strings.Cut(s, "/")
	n, err1 := strconv.ParseUint(seq, 10, 63)
	id, err2 := ParseSiteID(site)
	if !ok || err1 != nil || err2 != nil || n == 0 {
		return Origin{}, Errorf(Invalid, "origin %.40q: want site/seq", s)
	}
	return Origin{Site: id, Seq: n}, nil
}

// MarshalText writes the text form.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the text form.
func (o *Origin) UnmarshalText(b []byte) (err error) {
	*o, err = ParseOrigin(string(b))
	return err
}

// Record is the state of one record in one database.
type Record struct {
	Key
	// Version counts the changes by the record's owners: 1 when inserted, one
	// more with each change.
	Version uint64
	// Deleted records are tombstones: their last body is kept, and they stay
	// known (R-A-15).
	Deleted bool
	// Hidden records are replicas of an audience this site has lost: kept for the
	// documents that name them, shown in no list (R-C-19).
	Hidden bool
	// Body is the canonical encoding of the record's [Fields], without nulls.
	Body []byte
	// Origin is the entry that made this version.
	Origin Origin
	// Position is where this database committed this version. It differs from
	// database to database.
	Position Position
	// Audiences are those under which the centre lists the record. At a remote site
	// they are those it must have there for all the site knows, and empty for a record
	// that stays at the site: what both compare.
	Audiences []Audience
}

// Fields takes the body apart. It trusts it to be valid JSON, as bodies in a
// database are; bytes from elsewhere go through [ParseFields] first.
func (r Record) Fields() (Fields, error) {
	f, err := split(r.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Key, err)
	}
	return f, nil
}

// MustFields is Fields for records that come from the database, which holds
// nothing that does not parse. It returns no fields for a damaged body.
func (r Record) MustFields() Fields {
	f, err := split(r.Body)
	if err != nil {
		return Fields{}
	}
	return f
}

// Audience is a named set of readers of the feed, such as "all" or "store/<id>".
// See docs/protocol.md for the list.
type Audience string

// The audiences. Those with an argument are made by the functions below.
const (
	All        Audience = "all"
	Dispensary Audience = "dispensary"
)

// StoreAudience is for sites that hold the store's data: where it is active, and
// where a collector copy is.
func StoreAudience(store ID) Audience { return Audience("store/" + string(store)) }

// CoreAudience is for sites that hold the store's core record: every instance.
func CoreAudience(store ID) Audience { return Audience("core/" + string(store)) }

// ToAudience is for the site where the store is active: documents addressed to it.
func ToAudience(store ID) Audience { return Audience("to/" + string(store)) }

// NameAudience is for sites with a store in which the name is visible.
func NameAudience(name ID) Audience { return Audience("name/" + string(name)) }

// PatientAudience is for sites with a store in which the patient is visible.
func PatientAudience(patient ID) Audience { return Audience("patient/" + string(patient)) }

// SiteAudience is for one site.
func SiteAudience(site SiteID) Audience { return Audience("site/" + site.String()) }

// JobAudience is for the site that a job resends records to (R-H-43).
func JobAudience(job ID) Audience { return Audience("job/" + string(job)) }

// Split returns the kind of the audience ("store") and its argument, "" if none.
func (a Audience) Split() (kind, arg string) {
	kind, arg, _ = strings.Cut(string(a), "/")
	return kind, arg
}

// Narrow reports whether the audience is one of the many small ones (names and
// patients) that the centre resolves to sites when it routes, so that no site
// has to ask for each of ten thousand patients in every cycle.
func (a Audience) Narrow() bool {
	kind, _ := a.Split()
	return kind == "name" || kind == "patient"
}
