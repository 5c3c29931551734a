package api

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/station"
)

type transferInput struct {
	IDPath
	Body struct {
		To     string `json:"to" maxLength:"36" doc:"The new home store" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
		Reason string `json:"reason" minLength:"1" maxLength:"1000" example:"Moved to the coast"`
	}
}

type transferAskedAnswer struct {
	Body struct {
		Request atoll.ID `json:"request" doc:"What becomes of it is told by GET /home-requests"`
	}
}

type transfersInput struct {
	All bool `query:"all" doc:"Also those that are over"`
}

type transfersAnswer struct {
	Body struct {
		Transfers []station.HomeTransfer `json:"transfers"`
	}
}

type homeRequestsAnswer struct {
	Body struct {
		Requests []station.HomeRequest `json:"requests"`
	}
}

type changesAskedInput struct {
	Patient    string `query:"patient" maxLength:"36" doc:"Only those about this patient"`
	Prescriber string `query:"prescriber" maxLength:"36" doc:"Only those about this prescriber"`
}

type changesAskedAnswer struct {
	Body struct {
		Changes []PendingView `json:"changes"`
	}
}

type decideChangeInput struct {
	IDPath
	Body struct {
		Take []string `json:"take,omitempty" maxItems:"200" doc:"Names of the fields to take over; the others are refused" example:"[\"phone\"]"`
		All  bool     `json:"all,omitempty" doc:"Take over everything"`
		Note string   `json:"note,omitempty" maxLength:"1000" example:"Asked her"`
	}
}

type seenInput struct {
	A string `path:"a" maxLength:"36" doc:"The patient or prescriber" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	B string `path:"b" maxLength:"36" doc:"The store" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a91"`
}

type reviewInput struct {
	IDPath
	Body struct {
		Note string `json:"note" minLength:"1" maxLength:"1000" example:"Told her; next in May"`
	}
}

type personRecordsInput struct {
	All   bool `query:"all" doc:"Also those that were reviewed"`
	Limit int  `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type personRecordsAnswer struct {
	Body struct {
		Records []RecordView `json:"records"`
	}
}

type resyncInput struct {
	IDPath
	Preview bool `query:"preview" doc:"Only count the records"`
}

type resyncAnswer struct {
	Body struct {
		Preview bool               `json:"preview"`
		Records map[atoll.Type]int `json:"records" doc:"How many will be sent, by type"`
		Total   int                `json:"total"`
		Jobs    []atoll.ID         `json:"jobs,omitempty"`
	}
}

func (s *server) homeOperations(t atoll.Type, one, path string) {
	on := func(id, method, tail, summary, words string, power station.Power, fn func(ctx context.Context, who atoll.Key) error) {
		handle(s, power, huma.Operation{
			OperationID: id, Method: method, Path: path + "/{id}" + tail, Tags: []string{"patients"}, Summary: summary, Description: words,
			DefaultStatus: http.StatusNoContent,
		}, func(ctx context.Context, in *IDPath) (*struct{}, error) {
			who, err := person(t, *in)
			if err != nil {
				return nil, err
			}
			return nil, fn(ctx, who)
		})
	}
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "transfer-" + one, Method: http.MethodPost, Path: path + "/{id}/transfer", Tags: []string{"patients"}, DefaultStatus: http.StatusAccepted,
		Summary:     "Ask for another home store of a " + one,
		Description: "At the site of the new home store, at that of the old one, or at the centre, which carries it out: the old home site freezes the details and sends all of them, the home store is switched, the new site receives everything. Dispensing goes on meanwhile.",
	}, func(ctx context.Context, in *transferInput) (*transferAskedAnswer, error) {
		who, err := person(t, in.IDPath)
		if err != nil {
			return nil, err
		}
		return s.askTransfer(ctx, patients.Wanted{Person: who, Reason: in.Body.Reason}, in.Body.To)
	})
	on("force-"+one+"-transfer", http.MethodPost, "/transfer/force", "Go on with a transfer without the site that does not answer",
		"After the wait, 14 days unless the preference "+patients.TransferWait+" says otherwise. What the old home site did meanwhile is quarantined when it comes, and offered to the new one."+only1,
		station.MayConfigure, func(ctx context.Context, who atoll.Key) error { return s.Station.ForceTransfer(ctx, actor(ctx), who) })
	on("cancel-"+one+"-transfer", http.MethodPost, "/transfer/cancel", "Stop a transfer",
		"While the home store is not switched yet."+only1,
		station.MayConfigure, func(ctx context.Context, who atoll.Key) error { return s.Station.CancelTransfer(ctx, actor(ctx), who) })
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-" + one + "-transfers", Method: http.MethodGet, Path: "/home-transfers/" + one + "s", Tags: []string{"patients"},
		Summary: "List transfers of home stores of " + one + "s", Description: "Those under way, as known here, or all.",
	}, func(ctx context.Context, in *transfersInput) (*transfersAnswer, error) {
		out := &transfersAnswer{}
		var err error
		out.Body.Transfers, err = s.Station.HomeTransfers(ctx, t, in.All)
		if out.Body.Transfers == nil {
			out.Body.Transfers = []station.HomeTransfer{}
		}
		return out, err
	})
	for _, v := range []struct {
		id, method, summary string
		visible             bool
	}{
		{"show-" + one, http.MethodPut, "Make a " + one + " visible in a store", true},
		{"hide-" + one, http.MethodDelete, "Make a " + one + " invisible in a store", false},
	} {
		handle(s, station.MayConfigure, huma.Operation{
			OperationID: v.id, Method: v.method, Path: path + "/{a}/visibility/{b}", Tags: []string{"patients"}, DefaultStatus: http.StatusNoContent,
			Summary: v.summary, Description: "In dispensary stores only." + only1,
		}, func(ctx context.Context, in *seenInput) (*struct{}, error) {
			who, err := person(t, IDPath{in.A})
			if err != nil {
				return nil, err
			}
			store, err := atoll.ParseID(in.B)
			if err != nil {
				return nil, err
			}
			return nil, s.Station.ShowPerson(ctx, actor(ctx), who, store, v.visible)
		})
	}
}

func (s *server) askTransfer(ctx context.Context, w patients.Wanted, to string) (*transferAskedAnswer, error) {
	var err error
	if w.To, err = atoll.ParseID(to); err != nil {
		return nil, err
	}
	out := &transferAskedAnswer{}
	out.Body.Request, err = s.Station.AskTransfer(ctx, actor(ctx), w)
	return out, err
}

func (s *server) careOperations() {
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "transfer-all-patients", Method: http.MethodPost, Path: "/stores/{id}/patients/transfer", Tags: []string{"patients"}, DefaultStatus: http.StatusAccepted,
		Summary: "Ask for another home store of all patients of a store", Description: "They are transferred some at a time.",
	}, func(ctx context.Context, in *transferInput) (*transferAskedAnswer, error) {
		from, err := atoll.ParseID(in.ID)
		if err != nil {
			return nil, err
		}
		return s.askTransfer(ctx, patients.Wanted{AllOf: from, Reason: in.Body.Reason}, in.Body.To)
	})
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-home-requests", Method: http.MethodGet, Path: "/home-requests", Tags: []string{"patients"},
		Summary: "List requests for other home stores", Description: "With what became of each; newest first.",
	}, func(ctx context.Context, _ *struct{}) (*homeRequestsAnswer, error) {
		out := &homeRequestsAnswer{}
		var err error
		out.Body.Requests, err = s.Station.HomeRequests(ctx)
		if out.Body.Requests == nil {
			out.Body.Requests = []station.HomeRequest{}
		}
		return out, err
	})
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-requested-changes", Method: http.MethodGet, Path: "/requested-changes", Tags: []string{"patients"},
		Summary: "List requested changes of details", Description: "That are not settled, as known here: of one patient or prescriber, or all.",
	}, func(ctx context.Context, in *changesAskedInput) (*changesAskedAnswer, error) {
		out := &changesAskedAnswer{}
		out.Body.Changes = []PendingView{}
		for t, text := range map[atoll.Type]string{patients.Patient: in.Patient, patients.Prescriber: in.Prescriber} {
			if text == "" && in.Patient+in.Prescriber != "" {
				continue
			}
			id, err := optional(text)
			if err != nil {
				return nil, err
			}
			list, err := s.Station.RequestedChanges(ctx, atoll.Key{Type: t, ID: id})
			if err != nil {
				return nil, err
			}
			out.Body.Changes = append(out.Body.Changes, pendingViews(list)...)
		}
		return out, nil
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "decide-requested-change", Method: http.MethodPost, Path: "/requested-changes/{id}/decide", Tags: []string{"patients"}, DefaultStatus: http.StatusNoContent,
		Summary: "Decide about a requested change", Description: "At the home site, field by field: what is named is taken over, the rest is refused.",
	}, func(ctx context.Context, in *decideChangeInput) (*struct{}, error) {
		id, err := atoll.ParseID(in.ID)
		if err != nil {
			return nil, err
		}
		return nil, s.Station.DecideChange(ctx, actor(ctx), id, in.Body.Take, in.Body.All, in.Body.Note)
	})
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-over-dispensed", Method: http.MethodGet, Path: "/repeats/over-dispensed", Tags: []string{"patients"},
		Summary: "List repeats that were dispensed once too often", Description: "Found at the home site of the patient; those nobody has reviewed, or all.",
	}, func(ctx context.Context, in *personRecordsInput) (*personRecordsAnswer, error) {
		list, err := s.Station.OverDispensed(ctx, in.All)
		return recordViews(ctx, list), err
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "review-over-dispensed", Method: http.MethodPost, Path: "/repeats/over-dispensed/{id}/review", Tags: []string{"patients"}, DefaultStatus: http.StatusNoContent,
		Summary: "Note what was found about a repeat dispensed twice", Description: "At the home site. Nothing else changes: the medicine was handed out.",
	}, func(ctx context.Context, in *reviewInput) (*struct{}, error) {
		id, err := atoll.ParseID(in.ID)
		if err != nil {
			return nil, err
		}
		return nil, s.Station.ReviewRepeat(ctx, actor(ctx), id, in.Body.Note)
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "list-patient-accesses", Method: http.MethodGet, Path: "/patient-accesses", Tags: []string{"patients"},
		Summary: "Who looked patients up at the centre", Description: "Every look-up, history and fetch, also those refused, with who, why and when; newest first." + only1,
	}, func(ctx context.Context, in *personRecordsInput) (*personRecordsAnswer, error) {
		if _, err := s.centre(ctx); err != nil {
			return nil, err
		}
		list, err := s.Station.Accesses(ctx, in.Limit)
		return recordViews(ctx, list), err
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "resync-patients", Method: http.MethodPost, Path: "/stores/{id}/resync-patients", Tags: []string{"patients"}, DefaultStatus: http.StatusAccepted,
		Summary:     "Send a store's site its patients again",
		Description: "Once: patients and prescribers with all that hangs on them, and the lists of dispensaries. With preview=true the records are only counted." + only1,
	}, func(ctx context.Context, in *resyncInput) (*resyncAnswer, error) {
		centre, err := s.centre(ctx)
		if err != nil {
			return nil, err
		}
		id, err := atoll.ParseID(in.ID)
		if err != nil {
			return nil, err
		}
		out := &resyncAnswer{}
		out.Body.Preview = in.Preview
		if out.Body.Jobs, out.Body.Records, err = centre.ResyncPatients(ctx, actor(ctx), id, in.Preview); err != nil {
			return nil, err
		}
		for _, n := range slices.Collect(maps.Values(out.Body.Records)) {
			out.Body.Total += n
		}
		return out, nil
	})
}

func recordViews(ctx context.Context, list []station.Record) *personRecordsAnswer {
	out := &personRecordsAnswer{}
	out.Body.Records = []RecordView{}
	for _, r := range list {
		out.Body.Records = append(out.Body.Records, recordView(r))
	}
	visitOf(ctx).Records = len(list)
	return out
}
