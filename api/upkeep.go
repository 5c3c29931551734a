package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/station"
)

// UserPath is the user an address names.
type UserPath struct {
	Name string `path:"name" maxLength:"48" example:"joseph"`
}

type includeInput struct {
	StorePath
	Previewing
	Body struct {
		Include bool   `json:"include" doc:"false keeps transactions and stock at the site from now on"`
		Reason  string `json:"reason" minLength:"1" maxLength:"400" doc:"Kept in the journal" example:"Agreed with the ministry on 3 May"`
	}
}

type limitUserInput struct {
	UserPath
	Body struct {
		Stores []string `json:"stores" maxItems:"1000" doc:"Ids, codes or names of stores; an empty list for all"`
	}
}

type duplicatesAnswer struct {
	Body struct {
		Duplicates []station.Duplicate `json:"duplicates"`
	}
}

// upkeepOperations look after an installation: its users, and what ought not be.
func (s *server) upkeepOperations() {
	for _, disabled := range []bool{true, false} {
		op := huma.Operation{
			OperationID: "disable-user", Method: http.MethodPut, Path: "/users/{name}/disabled", Tags: []string{"users"},
			DefaultStatus: http.StatusNoContent, Summary: "Disable a user",
			Description: "Sessions under way end. The only administrator cannot be disabled.",
		}
		if !disabled {
			op.OperationID, op.Method = "enable-user", http.MethodDelete
			op.Summary, op.Description = "Let a disabled user in again", "With the password as it was."
		}
		handle(s, station.MayConfigure, op, func(ctx context.Context, in *UserPath) (*struct{}, error) {
			return &struct{}{}, s.Station.DisableUser(ctx, in.Name, disabled)
		})
	}
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "limit-user", Method: http.MethodPut, Path: "/users/{name}/stores", Tags: []string{"users"}, DefaultStatus: http.StatusNoContent,
		Summary:     "Say whose data a user may see",
		Description: "The user sees and changes data of these stores only, in reports, documents and records; of all when there are none. Holds at once, for sessions under way too.",
	}, func(ctx context.Context, in *limitUserInput) (*struct{}, error) {
		var stores []atoll.ID
		for _, what := range in.Body.Stores {
			id, err := s.storeNamed(ctx, what)
			if err != nil {
				return nil, err
			}
			stores = append(stores, id)
		}
		return nil, s.Station.LimitUser(ctx, in.Name, stores)
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "include-transactions", Method: http.MethodPut, Path: "/stores/{id}/include-transactions", Tags: []string{"stores"},
		Summary: "Say whether a dispensary's transactions go to the central server",
		Description: "A decision of the vendor's, kept with its reason. Once they are included again, what stayed at the site follows by itself. " +
			"While they are not, a lost device takes with it what stays there, and only the transfers come back." +
			only1,
	}, func(ctx context.Context, in *includeInput) (*previewAnswer, error) {
		id, err := atoll.ParseID(in.ID)
		if err != nil {
			return nil, err
		}
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		return confirmed(in.Previewing, func(try bool) (central.Preview, error) {
			return centre.IncludeTransactions(ctx, actor(ctx), id, in.Body.Include, in.Body.Reason, try)
		})
	})
	handle(s, station.MaySync, huma.Operation{
		OperationID: "list-duplicates", Method: http.MethodGet, Path: "/documents/duplicates", Tags: []string{"documents"},
		Summary: "List equal documents",
		Description: "Documents of which there should be one: several answers to one document, or one number given twice in a store. " +
			"Reads every document here; ask once a day, at the central server.",
	}, func(ctx context.Context, _ *struct{}) (*duplicatesAnswer, error) {
		list, err := s.Station.Duplicates(ctx)
		out := &duplicatesAnswer{}
		out.Body.Duplicates = append([]station.Duplicate{}, list...)
		visitOf(ctx).Records = len(list)
		return out, err
	})
}
