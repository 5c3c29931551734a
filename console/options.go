package console

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/notify"
	"github.com/atollsync/atoll/report"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/support"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/transfer"
)

// Records reads records and changes them.
type Records interface {
	Record(ctx context.Context, key atoll.Key) (station.Record, error)
	Records(ctx context.Context, q storage.Query) (page []station.Record, next atoll.ID, err error)
	History(ctx context.Context, key atoll.Key, limit int) ([]journal.Change, error)
	Counts(ctx context.Context) (map[atoll.Type]int, error)
	Document(ctx context.Context, key atoll.Key) (station.Document, error)
	MayAskBack(ctx context.Context, invoice atoll.ID) error
	Register(ctx context.Context, actor string, person atoll.Type, store atoll.ID, fields atoll.Fields) (atoll.ID, error)
	PrepareShipment(ctx context.Context, actor string, requisition atoll.ID) (atoll.ID, error)
	Act(ctx context.Context, actor string, cause atoll.Cause, act func(documents.Desk) ([]journal.Proposal, error)) (journal.Result, error)
}

// Stores tells who is where.
type Stores interface {
	Stores(ctx context.Context) ([]station.StoreView, error)
	Topology(ctx context.Context) (*topology.Topology, error)
}

// Users knows the people who may sign in, and their sessions.
type Users interface {
	signin.Users
	Session(ctx context.Context, token string) (station.User, error)
	SignOut(ctx context.Context, token string) error
	MayChange(u station.User, d documents.Desk, do ...journal.Proposal) error
	SeesRecord(u station.User, t atoll.Type, f atoll.Fields) bool
	SeesKey(u station.User, r storage.RecordReader, key atoll.Key) (bool, error)
	SeesRefusal(u station.User, r storage.RecordReader, no storage.Refusal) (bool, error)
}

// Transfers lists the transfers under way.
type Transfers interface {
	Transfers(ctx context.Context, f transfer.Filter) ([]transfer.Transfer, error)
}

// Reports answers questions about stock, its value and its use.
type Reports interface {
	Ask(ctx context.Context, name string, a station.Asking) (*report.Table, error)
	Mark(ctx context.Context) (report.Mark, error)
	Rows(r storage.Reader, q storage.RowQuery, fn func(storage.Row) error) error
	KnownRows(r storage.Reader, q storage.RowQuery, fn func(storage.Row) error) (done bool, err error)
}

// Station is what every installation has.
type Station interface {
	Records
	Transfers
	Reports
	Stores
	Users
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
	Acknowledged(ctx context.Context) (seq uint64, err error)
}

// Centre is what the central server has besides.
type Centre interface {
	Transfers
	Sites(ctx context.Context) ([]central.SiteStatus, error)
	Summaries(ctx context.Context) ([]central.SiteSummary, *topology.Topology, error)
	SiteStatus(ctx context.Context, site atoll.SiteID) (central.SiteStatus, error)
	SyncLog(ctx context.Context, site atoll.SiteID, limit int) ([]central.Cycle, error)
	SiteOrders(ctx context.Context, site atoll.SiteID, limit int) ([]central.SiteOrder, error)
	Connections(ctx context.Context, site atoll.SiteID) (map[atoll.SiteID]central.Connection, error)
	Pause(ctx context.Context, actor string, site atoll.SiteID, reason string) error
	Order(ctx context.Context, actor string, site atoll.SiteID, order string) error
	Verify(ctx context.Context, actor string, site atoll.SiteID, repair bool) error
	AddSite(ctx context.Context, actor, name string, kind topology.Kind) (topology.Site, string, error)
	NewCode(ctx context.Context, actor string, site atoll.SiteID) (string, error)
	ResetDevice(ctx context.Context, actor string, site atoll.SiteID) error
	Configure(ctx context.Context, actor string, change central.Configuration) (central.Preview, error)
	Try(ctx context.Context, actor string, change central.Configuration) (central.Preview, error)
	IncludeTransactions(ctx context.Context, actor string, store atoll.ID, include bool, reason string, try bool) (central.Preview, error)
	ResyncPatients(ctx context.Context, actor string, store atoll.ID, try bool) (jobs []atoll.ID, records map[atoll.Type]int, err error)
	Unlock(ctx context.Context, actor, code string) (until time.Time, err error)
	Grant(actor string, d central.Delegation, store atoll.ID) central.Configuration
	ChangeDelegate(actor string, d central.Delegation, store atoll.ID) central.Configuration
	Withdraw(actor string, d central.Delegation) central.Configuration
	KeepDelegate(actor string, d central.Delegation) central.Configuration
	Jobs(ctx context.Context) ([]central.JobView, error)
	StartMove(ctx context.Context, actor string, o handover.Order, try bool) (atoll.ID, central.Preview, error)
	StartJob(ctx context.Context, actor string, o central.JobOrder, try bool) (id atoll.ID, records map[atoll.Type]int, err error)
	AbortJob(ctx context.Context, actor string, id atoll.ID) error
	Moves(ctx context.Context) ([]central.MoveView, error)
	AbortMove(ctx context.Context, actor string, id atoll.ID) error
	RepeatMove(ctx context.Context, actor string, id atoll.ID) error
	Decide(ctx context.Context, id int64, d central.Decision, by, note string) (applied bool, err error)
	Whereabouts(ctx context.Context, key atoll.Key, limit int) (central.Whereabouts, error)
	// Authenticate returns the site that holds a token of synchronisation. It is
	// asked only to tell such a token apart from a wrong one; it opens nothing.
	Authenticate(ctx context.Context, token string) (atoll.SiteID, error)
}

// Snapshots reads the database: the names of records that others name.
type Snapshots interface {
	View(ctx context.Context, fn func(storage.Reader) error) error
}

// The engines are what the console asks for.
var (
	_ Station   = (*station.Station)(nil)
	_ Centre    = (*central.Centre)(nil)
	_ Sync      = (*site.Site)(nil)
	_ Snapshots = storage.Store(nil)
)

// Options make the console. Exactly one of Centre and Sync is set.
type Options struct {
	Here      atoll.SiteID
	Name      string // of this installation
	Catalogue *catalogue.Catalogue
	Station   Station
	Database  Snapshots
	Centre    Centre           // of the central server; nil at a remote site
	Sync      Sync             // of a remote site; nil at the central server
	Now       func() time.Time // the clock; must be set
	Mail      *notify.Office   // of the central server; without it its pages say that it is not known
	Log       *slog.Logger     // of requests; nil discards
	App       string           // this program's version
	Door      *signin.Door     // shared with the other faces of the installation; one of its own when nil
	// Zone is the time zone for readers whose browser does not tell theirs; UTC when
	// nil.
	Zone *time.Location
	// Address returns who a request comes from, for the limit on sign-ins and the
	// log; the connection's address when nil. Set it behind a proxy that is trusted.
	Address func(*http.Request) string
	// Secure marks cookies for HTTPS also where this program sees plain HTTP: behind
	// a proxy that ends TLS.
	Secure bool
	// Ticket makes of a code the ticket with which a site enrols; without it the code
	// alone is shown.
	Ticket func(code string) (string, error)
	// Problem answers programs that ask for what is not there; nil answers them with
	// a page too.
	Problem func(http.ResponseWriter, error)
	// Machine is the installation itself; without it its page says that it is not
	// known.
	Machine Machine
}

// Machine tells how well the installation is, what it logged, and all that support
// needs in one file.
type Machine interface {
	Conditions(ctx context.Context) []support.Condition
	Logged() *support.Log
	Bundle(ctx context.Context, actor string, w io.Writer) error
}

// From returns the options for a station that is the centre or a remote site;
// the other is nil.
func From(s *station.Station, centre *central.Centre, remote *site.Site) Options {
	o := Options{
		Here: s.Identity.Site, Name: s.Identity.Name, Catalogue: s.Catalogue, Station: s, Database: s.Store, Now: s.Now, Log: s.Log,
	}
	if centre != nil { // a nil pointer in an interface would not be nil
		o.Centre, o.App = centre, centre.App
	}
	if remote != nil {
		o.Sync, o.App = remote, remote.App
	}
	return o
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Address == nil {
		o.Address = signin.Address
	}
	if o.Door == nil {
		o.Door = signin.New(o.Now)
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return o
}
