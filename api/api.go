package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/station"
)

// prefix is where the API lives. What is under it stays compatible; a change that
// is not gets another number.
const prefix = "/api/v1"

// Bounds on what is read before anything is done with it (R-K-58).
const (
	smallBody  = 64 << 10                   // bytes of most bodies
	recordBody = atoll.MaxBody + smallBody  // one record, and what stands around it
	entryBody  = atoll.MaxEntry + smallBody // one transaction
	bodyTime   = 5 * time.Minute            // a record takes a minute at 128 kbit/s
	longest    = max(entryBody, recordBody) // of any body
	signedIn   = station.MayRead            // the power that every user has
	anyone     = station.Power("")          // no sign-in is needed
	powerLabel = "power"                    // key in an operation's metadata
)

// server is the API of one installation.
type server struct {
	Options
	mux     *http.ServeMux
	api     huma.API
	gate    *http.CrossOriginProtection
	streams chan struct{} // one place for each open stream of events
}

// New returns the handler of everything under /api/v1. It panics when the
// operations contradict each other, which a test would have found.
func New(o Options) http.Handler {
	s := newServer(o)
	return s.around(s.mux)
}

func newServer(o Options) *server {
	ownProblems()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Address == nil {
		o.Address = signin.Address
	}
	if o.Door == nil {
		o.Door = signin.New(o.Now)
	}
	s := &server{
		Options: o, mux: http.NewServeMux(), gate: http.NewCrossOriginProtection(), streams: make(chan struct{}, 64),
	}
	s.api = humago.NewWithPrefix(s.mux, prefix, configuration(o.App))
	s.api.UseMiddleware(s.admit)
	s.sessionOperations()
	s.userOperations()
	s.upkeepOperations()
	s.typeOperations()
	s.recordOperations()
	s.changeOperations()
	s.documentOperations()
	s.pastOperations()
	s.transferOperations()
	s.storeOperations()
	s.configureOperations()
	s.shapeOperations()
	s.closeOperations()
	s.lockOperations()
	s.delegationOperations()
	s.preferenceOperations()
	s.foundOperations()
	s.mergeOperations()
	s.peopleOperations()
	s.siteOperations()
	s.mailOperations()
	s.moveOperations()
	s.jobOperations()
	s.planOperations()
	s.syncOperations()
	s.quarantineOperations()
	s.reportOperations()
	s.describe()
	s.mux.HandleFunc("/", s.nowhere)
	return s
}

func configuration(app string) huma.Config {
	c := huma.DefaultConfig("Atoll", app)
	// Schema links, huma's own pages and its way of serving the document are not
	// used: answers hold what is documented and nothing else.
	c.CreateHooks, c.OpenAPIPath, c.DocsPath, c.SchemasPath = nil, "", "", ""
	c.RejectUnknownQueryParameters = true // a misspelt filter must not list everything
	c.Info.Description = introduction
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":  {Type: "http", Scheme: "bearer", Description: "The token that POST /session answered with"},
		"cookie": {Type: "apiKey", In: "cookie", Name: signin.CookieName, Description: "Set by POST /session, for browsers"},
	}
	return c
}

// handle registers an operation that needs the power, or anyone. What fn fails
// with is answered as a problem.
func handle[I, O any](s *server, power station.Power, op huma.Operation, fn func(context.Context, *I) (*O, error)) {
	op.Metadata = map[string]any{powerLabel: power}
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = smallBody
	}
	op.BodyReadTimeout = bodyTime
	if power != anyone {
		op.Extensions = map[string]any{"x-power": power}
		op.Security = []map[string][]string{{"token": {}}, {"cookie": {}}}
		op.Description += "\n\nNeeds the power " + string(power) + ": " + holders(power) + "."
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		if u := visitOf(ctx).User; u.Name != "" {
			ctx = station.As(ctx, u)
		}
		out, err := fn(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// problem is problemOf for an answer: what is Internal is logged with its cause,
// which the answer leaves out.
func (s *server) problem(ctx context.Context, err error) *Problem {
	p := problemOf(err)
	if p.Code == atoll.Internal {
		s.Log.ErrorContext(ctx, "request failed", "err", err)
	}
	return p
}

// nowhere answers what no operation takes: 405 when another method would be
// taken, else 404.
func (s *server) nowhere(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := s.mux.Handler(probe); pattern != "/" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		writeProblem(w, problemOf(atoll.Errorf(atoll.NotFound, "there is nothing at this address").
			Do("the addresses are listed at %s/docs", prefix)))
		return
	}
	p := as(http.StatusMethodNotAllowed, atoll.Errorf(atoll.Invalid, "%.20s is not possible here", r.Method).
		Do("possible are %s", fmt.Sprint(allowed)))
	p.header["Allow"] = allowed
	writeProblem(w, p)
}
