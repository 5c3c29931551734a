package demo

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/dustin/go-humanize"

	"github.com/atollsync/atoll/gateway/msupply"
	"github.com/atollsync/atoll/site"
)

// width is how wide the story is told.
const width = 100

// teller writes what was found, and the story if that is wanted.
type teller struct {
	out    io.Writer
	colour bool
	story  bool
	part   string // that was opened last
}

func (t *teller) line(format string, args ...any) { _, _ = fmt.Fprintf(t.out, format+"\n", args...) }

// mark colours text on a terminal.
func (t *teller) mark(code, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// The colours.
const (
	bold   = "1"
	faint  = "2"
	green  = "32"
	red    = "1;31"
	yellow = "33"
)

func (t *teller) opening(o Options) {
	name := "The worked example: a centre, two remote sites, six stores."
	if o.Mirrored {
		name = "The worked example, mirrored: a centre, two remote sites, a primary, seven stores."
	}
	t.line("%s", t.mark(bold, name))
	t.line("Each installation is a server of its own on this machine; they speak HTTP with each other.")
	if t.story {
		t.line("A line with + is a fact that was looked up in the databases.")
	} else {
		t.line("A scenario is held when every fact of it was looked up in the databases and found to be so.")
	}
	t.line("")
}

func (t *teller) server(s *server, what string) {
	if what == "" {
		what = s.name + ", enrolled with a ticket"
	}
	t.step(place(s.site), fmt.Sprintf("%-38s %s", what, s.url))
}

func (t *teller) received(c site.Cycle) {
	t.line("%13sfirst load: %s, %s in, %d ms", "", count(c.Received, "record", "records"), size(c.BytesIn), c.Took.Milliseconds())
}

func (t *teller) stocked(store string, lines int) {
	t.line("  %-8s   %-26s %s", "Stock", store, count(lines, "stock line", "stock lines"))
}

// begin tells the title of a part where it begins.
func (t *teller) begin(part string) {
	if t.part == part {
		return
	}
	t.part = part
	t.line("")
	t.line("%s", t.mark(bold, part))
	if !t.story {
		t.line("")
	}
}

// scene opens a scenario.
func (t *teller) scene(s scenario) {
	t.begin(s.part)
	if !t.story {
		return
	}
	t.line("")
	t.line("%s  %s", t.mark(bold, fmt.Sprintf("%-8s", s.id)), t.mark(bold, s.title))
}

// tell tells what is done in a scenario, in the story.
func (t *teller) tell(place, text string) {
	if t.story {
		t.step(place, text)
	}
}

// found tells what was looked up in a scenario, in the story.
func (t *teller) found(place, text string, ok bool) {
	if t.story {
		t.fact(place, text, ok)
	}
}

// step tells what is done.
func (t *teller) step(place, text string) {
	code := ""
	if strings.HasPrefix(place, "Sync") {
		code = faint
	}
	t.lines(place, " ", text, code)
}

// fact tells what was looked up, and whether it is so.
func (t *teller) fact(place, text string, ok bool) {
	if ok {
		t.lines(place, "+", text, "")
	} else {
		t.lines(place, "!", "NOT SO: "+text, red)
	}
}

// lines tells a text beside its place.
func (t *teller) lines(place, sign, text, code string) {
	head := fmt.Sprintf("  %-8s %s ", place, sign)
	for i, l := range wrap(text, width-13) {
		if i > 0 {
			head = strings.Repeat(" ", 13)
		}
		if code != "" {
			l = t.mark(code, l)
		}
		t.line("%s%s", head, l)
	}
}

// verdict closes a scenario.
func (t *teller) verdict(r Result) {
	if !t.story {
		t.row(r)
		return
	}
	switch r.Verdict {
	case Held:
		text := fmt.Sprintf("held: %s, %.1f s", count(r.Checks, "fact looked up", "facts looked up"), r.Seconds)
		t.lines("", " ", text, green)
		if r.Note != "" {
			t.lines("", " ", "("+r.Note+")", "")
		}
	case NotHeld:
		t.lines("", " ", string(NotHeld), red)
	case Absent, Elsewhere:
		t.lines("", " ", strings.Join(append([]string{string(r.Verdict)}, r.Why...), ": "), yellow)
	}
}

// wrap breaks text into lines of at most so many characters, at spaces.
func wrap(text string, most int) []string {
	if utf8.RuneCountInString(text) <= most {
		return []string{text} // columns inside it stay
	}
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > most:
			out = append(out, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(out, line)
}

// row tells what became of a scenario in one line, and below it what it takes to
// understand that.
func (t *teller) row(r Result) {
	verdict := string(r.Verdict)
	switch r.Verdict {
	case Held:
		verdict = t.mark(green, verdict)
	case NotHeld:
		verdict = t.mark(red, verdict)
	case Absent, Elsewhere:
		verdict = t.mark(yellow, verdict)
	}
	t.line("  %-9s %-62s %s", r.ID, r.Title, verdict)
	var below []string
	if r.Verdict == NotHeld || r.Verdict == Absent {
		below = append(below, r.Why...)
	}
	if r.Note != "" {
		below = append(below, r.Note)
	}
	for _, text := range below {
		for _, l := range wrap(text, width-12) {
			t.line("%12s%s", "", l)
		}
	}
}

// report tells the table, unless it was told line by line, and the summary.
func (t *teller) report(r *Report) {
	if t.story {
		t.story = false
		t.part = ""
		for _, s := range r.Scenarios {
			t.begin(s.Part)
			t.row(s)
		}
	}
	t.line("")
	total := fmt.Sprintf("%d held, %d not held", r.Held, r.NotHeld)
	if r.Absent > 0 {
		total += fmt.Sprintf(", %d not in this version", r.Absent)
	}
	if r.Elsewhere > 0 {
		total += fmt.Sprintf(", %d only with --mirrored", r.Elsewhere)
	}
	t.line("  %s; %s looked up, in %.1f s", total, count(r.Checks, "fact", "facts"), r.Seconds)
	t.summary(&r.Summary)
}

func (t *teller) summary(s *Summary) {
	t.line("")
	t.line("%s", t.mark(bold, "How the system stands"))
	t.line("")
	t.line("  %-8s   %-14s %8s %8s %7s %8s %8s  %s", "", "NAME", "RECORDS", "ENTRIES", "CYCLES", "UP", "DOWN", "STORES")
	for _, p := range s.Sites {
		codes := []string{}
		for _, name := range p.Stores {
			codes = append(codes, name[:1])
		}
		t.line("  %-8s   %-14s %8s %8s %7s %8s %8s  %s", place(p.Site), p.Name, humanize.Comma(int64(p.Records)),
			humanize.Comma(int64(p.Entries)), humanize.Comma(int64(p.Traffic.Cycles)), size(p.Traffic.BytesOut), size(p.Traffic.BytesIn),
			strings.Join(codes, " "))
	}
	t.line("")
	t.line("  Traffic    %s, %d of them failed on purpose; %s up, %s down", count(s.Traffic.Cycles, "cycle", "cycles"),
		s.Traffic.Failed, count(s.Traffic.Entries, "entry", "entries"), count(s.Traffic.Records, "record", "records"))
	if len(s.Quarantine) == 0 {
		t.fact("Refused", "nothing: quarantine at the centre is empty", true)
	}
	for _, q := range s.Quarantine {
		t.fact("Refused", fmt.Sprintf("entry %d of site %d: %s", q.Seq, q.Site, q.Reason), false)
	}
	for _, u := range s.Unanswered {
		t.fact("Open", fmt.Sprintf("%s: %s %s", spot(u.Site), u.Record, u.Reason), false)
	}
	if len(s.Unanswered) == 0 {
		t.fact("Open", "nothing: every document sent to a store was answered, every record received was taken", true)
	}
	for _, c := range s.Chains {
		text := fmt.Sprintf("journal of site %d at %s: %s, each follows from the one before", c.Of, spot(c.At), count(c.Entries, "entry", "entries"))
		if c.From > 0 {
			text += fmt.Sprintf(" (it goes on from entry %d)", c.From)
		}
		if c.Error != "" {
			text = fmt.Sprintf("journal of site %d at %s: %s", c.Of, spot(c.At), c.Error)
		}
		t.fact("Chain", text, c.Error == "")
	}
	for _, c := range s.Compared {
		text := fmt.Sprintf("%s: %s equal to the centre's, to the byte", spot(c.Site), count(c.Equal, "record", "records"))
		if c.Stay > 0 {
			text += fmt.Sprintf("; %s there and nowhere else", count(c.Stay, "stays", "stay"))
		}
		t.fact("Rows", text, len(c.Differ) == 0)
		for _, d := range c.Differ {
			t.fact("", d, false)
		}
	}
	if !s.Checked {
		t.lines("Laws", " ", "not asked: imported documents take no effect, and so have no pairs", "")
	}
	if s.Checked && len(s.Laws) == 0 {
		t.fact("Laws", "before site 2's device was lost: every transfer paired once, stock balanced by batch", true)
	}
	for _, l := range s.Laws {
		t.fact("Law", l, false)
	}
}

// imported tells what became of a capture.
func (t *teller) imported(file string, r msupply.Report) {
	t.line("  %-8s  %s: %s, %s made, %s kept as they came", "Import", filepath.Base(file), count(r.Records, "record", "records"),
		count(r.Total.Inserted, "record", "records"), count(r.Total.Kept, "record", "records"))
}
