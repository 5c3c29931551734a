package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/station"
)

// visit is one request: what the log tells of it, and who makes it.
type visit struct {
	User      station.User
	Token     string
	Address   string
	Encrypted bool // it came over TLS
	Records   int  // in the answer
}

type visitKey struct{}

// visitOf returns the request's visit. Outside of one it returns an empty one.
func visitOf(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// actor is who the journal names for what the request changes.
func actor(ctx context.Context) string { return visitOf(ctx).User.Name }

// admit lets a request in if its user has the power that the operation needs. It
// runs before the body is read.
func (s *server) admit(ctx huma.Context, next func(huma.Context)) {
	power, stated := ctx.Operation().Metadata[powerLabel].(station.Power)
	if !stated {
		s.refuse(ctx, atoll.Errorf(atoll.Denied, "this operation is open to nobody"))
		return
	}
	if power == anyone {
		next(ctx)
		return
	}
	v := visitOf(ctx.Context())
	token := bearer(ctx.Header("Authorization"))
	if token == "" {
		if c, err := huma.ReadCookie(ctx, signin.CookieName); err == nil {
			token = c.Value
		}
	}
	if token == "" {
		s.refuse(ctx, atoll.Errorf(atoll.SignIn, "sign in first").Do("POST %s/session with name and password", prefix))
		return
	}
	u, err := s.Station.Session(ctx.Context(), token)
	if err != nil {
		if atoll.CodeOf(err) == atoll.SignIn && s.isSite(ctx.Context(), token) {
			err = atoll.Errorf(atoll.Denied, "a site's token opens synchronisation and nothing else").
				Do("sign in as a user: POST %s/session", prefix)
		}
		s.refuse(ctx, err)
		return
	}
	v.User, v.Token = u, token
	if !u.Role.May(power) {
		s.refuse(ctx, atoll.Errorf(atoll.Denied, "a %s may not do this", strings.ReplaceAll(string(u.Role), "_", " ")).
			Do("ask someone who is %s", holders(power)))
		return
	}
	if err := s.mobileMayDo(u, power, ctx.Operation().OperationID); err != nil {
		s.refuse(ctx, err)
		return
	}
	next(ctx)
}

// isSite reports whether the token belongs to a site (R-K-27, R-K-46).
func (s *server) isSite(ctx context.Context, token string) bool {
	if s.Centre == nil {
		return false
	}
	_, err := s.Centre.Authenticate(ctx, token)
	return err == nil
}

func (s *server) refuse(ctx huma.Context, err error) {
	_, w := humago.Unwrap(ctx)
	writeProblem(w, s.problem(ctx.Context(), err))
}

// bearer returns the token of an Authorization header, "" if it has none.
func bearer(header string) string {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "bearer") || len(token) > 200 {
		return ""
	}
	return strings.TrimSpace(token)
}

// holders names the roles that have the power.
func holders(p station.Power) string { return p.Holders() }

// foreign reports whether a browser sent the request on behalf of another page.
// A request that carries its own token cannot be one.
func (s *server) foreign(r *http.Request) bool {
	return r.Header.Get("Authorization") == "" && s.gate.Check(r) != nil
}
