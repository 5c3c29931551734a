package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/notify"
	"github.com/atollsync/atoll/station"
)

// MailView is where mail goes and what is worth a letter (R-I-23). The password is
// never told.
type MailView struct {
	Server      string   `json:"server" maxLength:"300" doc:"HOST:PORT of the mail server; empty: mail is off, and all about it is forgotten" example:"mail.example.org:587"`
	Security    string   `json:"security,omitempty" enum:"starttls,tls,none" default:"starttls" example:"starttls"`
	User        string   `json:"user,omitempty" maxLength:"200" example:"atoll"`
	From        string   `json:"from,omitempty" maxLength:"300" example:"atoll@example.org"`
	To          []string `json:"to,omitempty" maxItems:"20" example:"[\"amina@example.org\"]"`
	Language    string   `json:"language,omitempty" enum:"en,fr,es" default:"en" example:"fr"`
	SilentHours int      `json:"silent_hours" minimum:"0" doc:"A site was not heard for so long; 0 does not look at it, as with the others" example:"72"`
	Refused     int      `json:"refused" minimum:"0" doc:"So many refused changes of one site" example:"1"`
	Waiting     int      `json:"waiting" minimum:"0" doc:"So many changes wait at one site, or for it" example:"10000"`
	HeldUp      int      `json:"held_up" minimum:"0" doc:"So many documents are held up between stores" example:"1"`
	RepeatHours int      `json:"repeat_hours" minimum:"0" doc:"What lasts is told again after so long" example:"168"`
}

type mailInput struct {
	Body struct {
		MailView
		Password string `json:"password,omitempty" maxLength:"1000" doc:"Empty keeps the one that is there, while server and user stay the same"`
	}
}

type mailAnswer struct {
	Body struct {
		MailView
		HasPassword bool       `json:"has_password" doc:"A password is kept"`
		Letters     int        `json:"letters" doc:"Letters that wait to be sent"`
		LastAt      *time.Time `json:"last_at,omitempty" doc:"When the last letter was tried"`
		LastOK      bool       `json:"last_ok" doc:"The mail server took it"`
		LastUnsure  bool       `json:"last_unsure" doc:"The mail server did not say whether it took it; it is not sent twice"`
		LastError   string     `json:"last_error,omitempty"`
	}
}

// mailOperations are about telling people by mail.
func (s *server) mailOperations() {
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "get-mail", Method: http.MethodGet, Path: "/mail", Tags: []string{"sites"},
		Summary: "Where mail goes", Description: "What is worth a letter, and what became of the last one. The password is not told." + only1,
	}, func(ctx context.Context, _ *struct{}) (*mailAnswer, error) { return s.mail(ctx) })
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "put-mail", Method: http.MethodPut, Path: "/mail", Tags: []string{"sites"},
		Summary: "Set where mail goes", Description: "Letters go out when something asks for attention, and only then. An empty server switches mail off." + only1,
	}, func(ctx context.Context, in *mailInput) (*mailAnswer, error) {
		o, err := s.office(ctx)
		if err != nil {
			return nil, err
		}
		b := in.Body
		err = o.Set(ctx, actor(ctx), notify.Settings{
			Server: b.Server, Security: notify.Security(b.Security), User: b.User, Password: b.Password, From: b.From, To: b.To, Language: b.Language,
			SilentHours: b.SilentHours, Refused: b.Refused, Waiting: b.Waiting, HeldUp: b.HeldUp, RepeatHours: b.RepeatHours,
		})
		if err != nil {
			return nil, err
		}
		return s.mail(ctx)
	})
	handle(s, station.MayConfigure, huma.Operation{
		OperationID: "test-mail", Method: http.MethodPost, Path: "/mail/test", Tags: []string{"sites"}, DefaultStatus: http.StatusNoContent,
		Summary: "Send a test letter", Description: "At once, with the settings that are in force." + only1,
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		o, err := s.office(ctx)
		if err != nil {
			return nil, err
		}
		return &struct{}{}, o.Test(ctx)
	})
}

// office is what sends mail, at the central server.
func (s *server) office(ctx context.Context) (*notify.Office, error) {
	if _, err := s.centre(ctx); err != nil {
		return nil, err
	}
	if s.Mail == nil {
		return nil, atoll.Errorf(atoll.NotFound, "this server sends no mail")
	}
	return s.Mail, nil
}

func (s *server) mail(ctx context.Context) (*mailAnswer, error) {
	o, err := s.office(ctx)
	if err != nil {
		return nil, err
	}
	st, err := o.Standing(ctx)
	if err != nil {
		return nil, err
	}
	set, out := st.Settings, &mailAnswer{}
	out.Body.MailView = MailView{
		Server: set.Server, Security: string(set.Security), User: set.User, From: set.From, To: set.To, Language: set.Language,
		SilentHours: set.SilentHours, Refused: set.Refused, Waiting: set.Waiting, HeldUp: set.HeldUp, RepeatHours: set.RepeatHours,
	}
	out.Body.HasPassword, out.Body.Letters = st.HasPassword, st.Letters
	out.Body.LastAt, out.Body.LastOK, out.Body.LastUnsure, out.Body.LastError = moment(st.Last.At), st.Last.OK, st.Last.Unsure, st.Last.Message
	return out, nil
}
