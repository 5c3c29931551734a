package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/atollsync/atoll"
)

// Times of a stream of events.
const (
	eventEvery = time.Second      // between looks at the status
	eventQuiet = 15 * time.Second // after which a line shows that the stream lives
	eventEnd   = 10 * time.Minute // after which the browser opens the stream again
	eventWrite = 10 * time.Second // that a write may take
)

type eventsAnswer struct {
	Body func(huma.Context)
}

// watch streams the status.
func (s *server) watch(ctx context.Context, _ *struct{}) (*eventsAnswer, error) {
	select {
	case s.streams <- struct{}{}:
	default:
		return nil, later(5, atoll.Errorf(atoll.Busy, "too many streams are open").Do("poll %s/sync/status instead", prefix))
	}
	first, err := s.status(ctx)
	if err != nil {
		<-s.streams
		return nil, err
	}
	return &eventsAnswer{Body: func(c huma.Context) {
		defer func() { <-s.streams }()
		_, w := humago.Unwrap(c)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Accel-Buffering", "no") // a proxy must not hold events back
		w.WriteHeader(http.StatusOK)
		s.stream(ctx, w, first)
	}}, nil
}

// stream writes events until the reader leaves, the session ends or the time is
// over.
func (s *server) stream(ctx context.Context, w http.ResponseWriter, v SyncView) {
	out := http.NewResponseController(w)
	tick := time.NewTicker(eventEvery)
	defer tick.Stop()
	end := time.NewTimer(eventEnd)
	defer end.Stop()
	token := visitOf(ctx).Token
	var last []byte
	quiet := time.Duration(0)
	for {
		now, err := json.Marshal(v)
		if err != nil {
			return
		}
		var line []byte
		switch {
		case v.Site != nil && v.Site.Running, !bytes.Equal(now, last):
			line = append(append([]byte("event: status\ndata: "), now...), "\n\n"...)
		case quiet >= eventQuiet:
			line = []byte(": still here\n\n")
		}
		if quiet += eventEvery; line != nil {
			last, quiet = now, 0
			// Not every writer has deadlines; a reader that stalls is then ended with
			// the connection.
			_ = out.SetWriteDeadline(time.Now().Add(eventWrite)) //nolint:forbidigo // deadlines are by the machine's clock
			if _, err := w.Write(line); err != nil {
				return
			}
			if out.Flush() != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-tick.C:
		}
		if _, err := s.Station.Session(ctx, token); err != nil {
			return
		}
		if v, err = s.status(ctx); err != nil {
			return
		}
	}
}
