package console

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/atollsync/atoll"
)

// Times of a stream of events.
const (
	eventEvery = time.Second      // between looks
	eventQuiet = 15 * time.Second // after which a line shows that the stream lives
	eventEnd   = 10 * time.Minute // after which the browser opens the stream again
	eventWrite = 10 * time.Second // that a write may take
)

// syncEvents streams the card of synchronisation as it changes (R-I-04).
func (c *console) syncEvents(v *Visit) error {
	return c.stream(v, "status", func() ([]byte, error) {
		card, err := c.card(v)
		if err != nil {
			return nil, err
		}
		return c.press.make(v, "sync", "sync-card", card)
	})
}

// stream writes what look returns, whenever it is another than before, until the
// reader leaves, the session ends or the time is over.
func (c *console) stream(v *Visit, event string, look func() ([]byte, error)) error {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		return atoll.Errorf(atoll.Busy, "too many pages are open").Do("close some, or load the page anew to see how things stand")
	}
	out := http.NewResponseController(v)
	v.Header().Set("Content-Type", "text/event-stream")
	v.Header().Set("X-Accel-Buffering", "no") // a proxy must not hold events back
	v.WriteHeader(http.StatusOK)
	tick, end := time.NewTicker(eventEvery), time.NewTimer(eventEnd)
	defer tick.Stop()
	defer end.Stop()
	var last []byte
	quiet := time.Duration(0)
	for {
		now, err := look()
		if err != nil {
			return nil // the browser opens the stream again
		}
		line := []byte(nil)
		switch {
		case !bytes.Equal(now, last):
			line = eventLines(event, now)
		case quiet >= eventQuiet:
			line = []byte(": still here\n\n")
		}
		if quiet += eventEvery; line != nil {
			last, quiet = now, 0
			// Not every writer has deadlines; a reader that stalls is then ended with
			// the connection.
			_ = out.SetWriteDeadline(time.Now().Add(eventWrite)) //nolint:forbidigo // deadlines are by the machine's clock
			if _, err := v.Write(line); err != nil || out.Flush() != nil {
				return nil // the reader has left
			}
		}
		select {
		case <-v.ctx().Done():
			return nil
		case <-end.C:
			return nil
		case <-tick.C:
		}
		if _, err := c.Station.Session(v.ctx(), v.token); err != nil {
			return nil // the session has ended
		}
	}
}

func eventLines(event string, data []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\n", event)
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		fmt.Fprintf(&b, "data: %s\n", line)
	}
	b.WriteString("\n")
	return b.Bytes()
}
