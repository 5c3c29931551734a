package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/merge"
	"github.com/atollsync/atoll/notify"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// Records reads records and changes them.
type Records interface {
	Record(ctx context.Context, key atoll.Key) (station.Record, error)
	Records(ctx context.Context, q storage.Query) (page []station.Record, next atoll.ID, err error)
	History(ctx context.Context, key atoll.Key, limit int) ([]journal.Change, error)
	Document(ctx context.Context, key atoll.Key) (station.Document, error)
	Named(ctx context.Context, t atoll.Type, store atoll.ID, what string) (atoll.ID, error)
	CheckStock(ctx context.Context, store atoll.ID) (documents.Examination, error)
	Ledger(ctx context.Context, stockLine atoll.ID) (documents.StockLedger, error)
	AskPast(ctx context.Context, actor string, p documents.Past) error
	Preferences(ctx context.Context, store atoll.ID) ([]station.Preference, error)
	SetPreference(ctx context.Context, actor, key string, value json.RawMessage, store atoll.ID) (journal.Result, error)
	Act(ctx context.Context, actor string, cause atoll.Cause, act func(documents.Desk) ([]journal.Proposal, error)) (journal.Result, error)
	Duplicates(ctx context.Context) ([]station.Duplicate, error)
}

// Stores tells who is where.
type Stores interface {
	Stores(ctx context.Context) ([]station.StoreView, error)
	Topology(ctx context.Context) (*topology.Topology, error)
}

// Users knows the people who may sign in, and their sessions.
type Users interface {
	SignInUser(ctx context.Context, name, password string) (token string, u station.User, err error)
	Session(ctx context.Context, token string) (station.User, error)
	SignOut(ctx context.Context, token string) error
	Users(ctx context.Context) ([]station.User, error)
	AddUser(ctx context.Context, name string, role station.UserRole, password string) (string, error)
	AddMobileUser(ctx context.Context, name string, store atoll.ID, password string) (string, error)
	MaySend(u station.User, d documents.Desk, do ...journal.Proposal) error
	MayChange(u station.User, d documents.Desk, do ...journal.Proposal) error
	DisableUser(ctx context.Context, name string, disabled bool) error
	LimitUser(ctx context.Context, name string, stores []atoll.ID) error
	SeesRecord(u station.User, t atoll.Type, f atoll.Fields) bool
	SeesKey(u station.User, r storage.RecordReader, key atoll.Key) (bool, error)
	SeesRefusal(u station.User, r storage.RecordReader, no storage.Refusal) (bool, error)
}

// Snapshots reads the database: what quarantine holds, and what stands now.
type Snapshots interface {
	View(ctx context.Context, fn func(storage.Reader) error) error
}

// Station is what every installation has.
type Station interface {
	Records
	Reports
	Stores
	Users
	Merges
	People
	Transfers
}

// Merges makes one record of two, and two again.
type Merges interface {
	Open(ctx context.Context, key atoll.Key) (station.Record, error)
	Merge(ctx context.Context, actor string, m station.Merge) (station.MergeResult, error)
	PreviewMerge(ctx context.Context, m station.Merge) (merge.Preview, error)
	Unmerge(ctx context.Context, actor string, key atoll.Key, allow station.Allow) (station.MergeResult, error)
	Merges(ctx context.Context, t atoll.Type) ([]merge.Merged, error)
	MergeDetails(ctx context.Context, key atoll.Key) (merge.Details, error)
}

// Sites is the registry of sites.
type Sites interface {
	Sites(ctx context.Context) ([]central.SiteStatus, error)
	SiteStatus(ctx context.Context, site atoll.SiteID) (central.SiteStatus, error)
	AddSite(ctx context.Context, actor, name string, kind topology.Kind) (topology.Site, string, error)
	NewCode(ctx context.Context, actor string, site atoll.SiteID) (string, error)
	ReplaceKey(ctx context.Context, actor string, site atoll.SiteID, grace time.Duration) (code string, until time.Time, err error)
	ResetDevice(ctx context.Context, actor string, site atoll.SiteID) error
	Pause(ctx context.Context, actor string, site atoll.SiteID, reason string) error
	Order(ctx context.Context, actor string, site atoll.SiteID, order string) error
	LimitHistory(ctx context.Context, actor string, site atoll.SiteID, months int) error
	Fetch(ctx context.Context, site atoll.SiteID, p documents.Past) (int, error)
	SyncLog(ctx context.Context, site atoll.SiteID, limit int) ([]central.Cycle, error)
	Connections(ctx context.Context, site atoll.SiteID) (map[atoll.SiteID]central.Connection, error)
	Whereabouts(ctx context.Context, key atoll.Key, limit int) (central.Whereabouts, error)
	// Authenticate returns the site that holds a token of synchronisation. It is
	// asked only to tell such a token apart from a wrong one; it opens nothing.
	Authenticate(ctx context.Context, token string) (atoll.SiteID, error)
}

// Configurator changes the configuration, or tries a change.
type Configurator interface {
	Configure(ctx context.Context, actor string, change central.Configuration) (central.Preview, error)
	Try(ctx context.Context, actor string, change central.Configuration) (central.Preview, error)
	IncludeTransactions(ctx context.Context, actor string, store atoll.ID, include bool, reason string, try bool) (central.Preview, error)
}

// Lock is the lock on the configuration (R-C-07).
type Lock interface {
	Unlock(ctx context.Context, actor, code string) (until time.Time, err error)
	SetUnlockCode(ctx context.Context, actor, code string) error
	LockLog(ctx context.Context, limit int) ([]central.LockEvent, error)
}

// Court settles what is in quarantine.
type Court interface {
	Decide(ctx context.Context, id int64, d central.Decision, by, note string) (applied bool, err error)
}

// Centre is what the central server has besides.
type Centre interface {
	Sites
	Configurator
	Lock
	Court
	Rights
	Moves
	Resyncs
	Finder
	TransferList
}

// Finder settles what a restored database lost and sites still have.
type Finder interface {
	FoundRecords(ctx context.Context) ([]central.Found, string, error)
	TakeBack(ctx context.Context, actor, reason string, keys ...atoll.Key) ([]central.Taken, error)
	LeaveFound(ctx context.Context, reason string, keys ...atoll.Key) (int, error)
}

// Rights are the acts about who may edit central data.
type Rights interface {
	Grant(actor string, d central.Delegation, store atoll.ID) central.Configuration
	ChangeDelegate(actor string, d central.Delegation, store atoll.ID) central.Configuration
	Withdraw(actor string, d central.Delegation) central.Configuration
	KeepDelegate(actor string, d central.Delegation) central.Configuration
}

// Sync is the synchronisation of a remote site.
type Sync interface {
	Status(ctx context.Context) (site.Status, error)
	SyncLog(ctx context.Context, limit int) ([]site.Cycle, error)
	SyncSoon()
	Settings(ctx context.Context) (site.Settings, error)
	Configure(ctx context.Context, by string, fn func(*site.Settings)) error
	Refused(ctx context.Context, limit int) ([]exchange.Refusal, error)
	Waiting(ctx context.Context, limit int) (list []site.Unsent, total uint64, err error)
}

// The engines are what the API asks for.
var (
	_ Station   = (*station.Station)(nil)
	_ Centre    = (*central.Centre)(nil)
	_ Sync      = (*site.Site)(nil)
	_ Snapshots = storage.Store(nil)
)

// Options make the API. Exactly one of Centre and Sync is set.
type Options struct {
	Here      atoll.SiteID
	Name      string // of this installation; a remote site's topology does not tell it
	URL       string // of the central server, at a remote site; told to who must work there
	Catalogue *catalogue.Catalogue
	Station   Station
	Database  Snapshots
	Centre    Centre           // of the central server; nil at a remote site
	Sync      Sync             // of a remote site; nil at the central server
	Now       func() time.Time // the clock; must be set
	Mail      *notify.Office   // of the central server; without it its pages say that it is not known
	Log       *slog.Logger     // of requests; nil discards
	App       string           // this program's version, told in the OpenAPI document
	Door      *signin.Door     // shared with the other faces of the installation; one of its own when nil
	// Address returns who a request comes from, for the limit on sign-ins and the
	// log; the connection's address when nil. Set it behind a proxy that is trusted.
	Address func(*http.Request) string
	// Secure marks the session cookie for HTTPS also where this program sees plain
	// HTTP: behind a proxy that ends TLS.
	Secure bool
}

// From returns the options for a station that is the centre or a remote site;
// the other is nil.
func From(s *station.Station, centre *central.Centre, remote *site.Site) Options {
	o := Options{
		Here: s.Identity.Site, Name: s.Identity.Name, URL: s.Identity.URL, Catalogue: s.Catalogue, Station: s, Database: s.Store, Now: s.Now, Log: s.Log,
	}
	if centre != nil { // a nil pointer in an interface would not be nil
		o.Centre, o.App = centre, centre.App
	}
	if remote != nil {
		o.Sync, o.App = remote, remote.App
	}
	return o
}
