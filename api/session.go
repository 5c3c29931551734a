package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/signin"
	"github.com/atollsync/atoll/station"
)

// UserView is a user as the API tells of one.
type UserView struct {
	Name     string           `json:"name" example:"amina"`
	Role     station.UserRole `json:"role" enum:"viewer,store_user,data_manager,technician,administrator,mobile" example:"store_user"`
	Powers   []station.Power  `json:"powers" doc:"What the role may do: read, edit, sync, configure"`
	Store    atoll.ID         `json:"store,omitempty" doc:"Of a mobile client: the store it works for"`
	Stores   []atoll.ID       `json:"stores,omitempty" doc:"Whose data the user may see and change; all when left out"`
	Created  time.Time        `json:"created"`
	Disabled bool             `json:"disabled,omitempty"`
}

func userView(u station.User) UserView {
	v := UserView{Name: u.Name, Role: u.Role, Store: u.Store, Stores: u.Stores, Created: u.Created, Disabled: u.Disabled, Powers: []station.Power{}}
	for _, p := range []station.Power{station.MayRead, station.MayEdit, station.MayCurate, station.MaySync, station.MayConfigure} {
		if u.Role.May(p) {
			v.Powers = append(v.Powers, p)
		}
	}
	return v
}

type signIn struct {
	Body struct {
		Name     string `json:"name" minLength:"1" maxLength:"48" example:"amina"`
		Password string `json:"password" minLength:"1" maxLength:"200" example:"k7dfm-q2xwe-83jhn"`
	}
}

type signedInAnswer struct {
	Cookie http.Cookie `header:"Set-Cookie"`
	Body   struct {
		Token string   `json:"token" doc:"To be sent as Authorization: Bearer …; good for twelve hours" example:"rV0cB1m8o0-DuX3LTK0Qz7gqVqQd2yLs"`
		User  UserView `json:"user"`
	}
}

type sessionAnswer struct {
	Body UserView
}

type signedOutAnswer struct {
	Cookie http.Cookie `header:"Set-Cookie"`
}

func (s *server) sessionOperations() {
	handle(s, anyone, huma.Operation{
		OperationID: "sign-in", Method: http.MethodPost, Path: "/session", Tags: []string{"session"}, DefaultStatus: http.StatusCreated,
		Summary: "Sign in", Description: "Trades name and password for a token. Browsers also get it as a cookie that pages cannot read. " +
			"An address may try ten times at once and then once each six seconds; five wrong passwords lock a user for a quarter of an hour.",
	}, s.signIn)
	handle(s, signedIn, huma.Operation{
		OperationID: "get-session", Method: http.MethodGet, Path: "/session", Tags: []string{"session"},
		Summary: "Who is signed in", Description: "The user of the token, with role and powers.",
	}, func(ctx context.Context, _ *struct{}) (*sessionAnswer, error) {
		return &sessionAnswer{Body: userView(visitOf(ctx).User)}, nil
	})
	handle(s, signedIn, huma.Operation{
		OperationID: "sign-out", Method: http.MethodDelete, Path: "/session", Tags: []string{"session"}, DefaultStatus: http.StatusNoContent,
		Summary: "Sign out", Description: "Ends the session of the token.",
	}, func(ctx context.Context, _ *struct{}) (*signedOutAnswer, error) {
		if err := s.Station.SignOut(ctx, visitOf(ctx).Token); err != nil {
			return nil, err
		}
		return &signedOutAnswer{Cookie: s.cookie(ctx, "")}, nil
	})
}

func (s *server) signIn(ctx context.Context, in *signIn) (*signedInAnswer, error) {
	v := visitOf(ctx)
	token, u, err := s.Door.SignIn(ctx, s.Station, v.Address, in.Body.Name, in.Body.Password)
	if atoll.CodeOf(err) == atoll.Busy {
		err = later(int(signin.Wait.Seconds()), err)
	}
	if err != nil {
		return nil, err
	}
	v.User = u
	out := &signedInAnswer{Cookie: s.cookie(ctx, token)}
	out.Body.Token, out.Body.User = token, userView(u)
	return out, nil
}

func (s *server) cookie(ctx context.Context, token string) http.Cookie {
	return signin.Cookie(token, s.Secure || visitOf(ctx).Encrypted)
}

type usersAnswer struct {
	Body struct {
		Users []UserView `json:"users"`
	}
}

type newUser struct {
	Body struct {
		Name     string           `json:"name" minLength:"1" maxLength:"48" example:"joseph"`
		Role     station.UserRole `json:"role" enum:"viewer,store_user,data_manager,technician,administrator,mobile" example:"technician"`
		Store    string           `json:"store,omitempty" maxLength:"36" doc:"Of a mobile client, which works for one store: its id; not needed where one store is active"`
		Password string           `json:"password,omitempty" maxLength:"200" doc:"Ten characters or more; drawn at random when it is left out"`
	}
}

type newUserAnswer struct {
	Body struct {
		Name     string `json:"name" example:"joseph"`
		Password string `json:"password" doc:"Shown this once" example:"k7dfm-q2xwe-83jhn"`
	}
}

func (s *server) userOperations() {
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "list-users", Method: http.MethodGet, Path: "/users", Tags: []string{"users"},
		Summary: "List users", Description: "Everybody who may sign in here. Users belong to this installation and are not synchronised.",
	}, func(ctx context.Context, _ *struct{}) (*usersAnswer, error) {
		users, err := s.Station.Users(ctx)
		if err != nil {
			return nil, err
		}
		out := &usersAnswer{}
		out.Body.Users = []UserView{}
		for _, u := range users {
			out.Body.Users = append(out.Body.Users, userView(u))
		}
		return out, nil
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "add-user", Method: http.MethodPost, Path: "/users", Tags: []string{"users"}, DefaultStatus: http.StatusCreated,
		Summary: "Add a user", Description: "Makes a user of this installation. A user of role mobile is a client that may write only the types the catalogue marks as sent by mobile clients.",
	}, func(ctx context.Context, in *newUser) (*newUserAnswer, error) {
		password, err := s.addUser(ctx, in)
		if err != nil {
			return nil, err
		}
		out := &newUserAnswer{}
		out.Body.Name, out.Body.Password = in.Body.Name, password
		return out, nil
	})
}

func (s *server) addUser(ctx context.Context, in *newUser) (password string, err error) {
	b := in.Body
	if b.Role != station.MobileClient {
		if b.Store != "" {
			return "", atoll.Errorf(atoll.Invalid, "only a mobile client has a store").On("store")
		}
		return s.Station.AddUser(ctx, b.Name, b.Role, b.Password)
	}
	var store atoll.ID
	if b.Store != "" {
		if store, err = atoll.ParseID(b.Store); err != nil {
			return "", err
		}
	}
	return s.Station.AddMobileUser(ctx, b.Name, store, b.Password)
}
