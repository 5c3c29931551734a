package acceptance_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// walk is somebody who reads the page and types what it says.
type walk struct {
	t            *testing.T
	dir          string
	ports        *strings.Replacer // of the page to free ones
	back         *strings.Replacer
	servers      map[string]*server
	ticket       string
	ids          map[string]string // of the page to those of this run
	seen         string            // what was printed last
	commands, ok int
}

var (
	uuid   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	passes = regexp.MustCompile(`[0-9.]+ ?(B|kB|µs|ms|s)\b|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|a moment|\d+ seconds?`)
	blanks = regexp.MustCompile(`[ \t]+`)
)

// TestTheReadmeIsTrue does what README.md tells under "A centre and a site of your
// own", command for command, and compares what is printed with the page: all but
// ids, times and amounts.
func TestTheReadmeIsTrue(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(page), "## A centre and a site of your own")
	text, _, ends := strings.Cut(text, "\n## ")
	if !found || !ends {
		t.Fatal("the README has no such section")
	}
	one, two := freePort(t), freePort(t)
	w := &walk{
		t: t, dir: t.TempDir(), ports: strings.NewReplacer("127.0.0.1:8741", one, "127.0.0.1:8742", two),
		back: strings.NewReplacer(one, "127.0.0.1:8741", two, "127.0.0.1:8742"), servers: map[string]*server{}, ids: map[string]string{},
	}
	t.Cleanup(func() {
		for _, s := range w.servers {
			_ = s.stop()
		}
	})
	for i, part := range strings.Split(text, "```") {
		switch {
		case i%2 == 1:
			w.block(part)
		case strings.Contains(part, "**Stop the centre**"):
			if err := w.servers["centre"].stop(); err != nil {
				t.Fatal(err)
			}
			delete(w.servers, "centre")
		}
	}
	w.do("atoll serve --data centre")
	w.do("atoll sync --data clinic")
	if !strings.Contains(w.seen, "In step") {
		t.Errorf("the centre is back at its address, and the site does not reach it: %s", w.seen)
	}
	w.do("atoll record list location --data centre --json")
	if !strings.Contains(w.seen, "Shelf A1, left") {
		t.Errorf("the centre is back, and the change is not there: %s", w.seen)
	}
	if w.commands < 18 || w.ok < 7 {
		t.Errorf("%d commands with %d answers; the page has more", w.commands, w.ok)
	}
}

// block does one block: commands only, or commands after $ with what they print.
func (w *walk) block(text string) {
	w.t.Helper()
	if !strings.Contains(text, "\n$ ") {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				w.do(line)
			}
		}
		return
	}
	for _, step := range strings.Split(text, "\n$ ")[1:] {
		command, want, _ := strings.Cut(step, "\n")
		w.do(command)
		w.learn(want)
		got, want := plain(w.seen), plain(want)
		// The site's own server may have sent the change a moment before.
		sent := strings.HasPrefix(command, "atoll sync") && strings.HasPrefix(got, "In step") && strings.HasPrefix(want, "In step")
		if got != want && !sent {
			w.t.Errorf("%s prints\n%s\nand the page says\n%s", command, got, want)
		}
		w.ok++
	}
}

// do runs a command of the page.
func (w *walk) do(command string) {
	w.t.Helper()
	w.commands++
	for page, own := range w.ids {
		command = strings.ReplaceAll(command, page, own)
	}
	if strings.Contains(command, "'atoll:") {
		command = command[:strings.Index(command, "'")] + "'" + w.ticket + "'"
	}
	command = w.ports.Replace(command)
	if strings.HasPrefix(command, "atoll serve") {
		args := strings.Fields(command)[1:]
		for i, a := range args {
			if a == "--data" {
				name := args[i+1]
				args[i+1] = filepath.Join(w.dir, name)
				s, err := begin(environment("ATOLL_DEVICE=test machine"), append(args, "--json")...)
				if err != nil {
					w.t.Fatalf("%s: %v", command, err)
				}
				w.servers[name] = s
			}
		}
		return
	}
	cmd := exec.CommandContext(w.t.Context(), "sh", "-c", command)
	cmd.Dir = w.dir
	cmd.Env = environment("ATOLL_DEVICE=test machine", "PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	w.seen = w.back.Replace(string(out))
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		w.t.Fatal(err)
	}
	if m := regexp.MustCompile(`atoll:http\S+`).FindString(string(out)); m != "" {
		w.ticket = m
	}
}

// learn notes which id of this run an id of the page stands for, by its place.
func (w *walk) learn(page string) {
	own := uuid.FindAllString(w.seen, -1)
	for i, id := range uuid.FindAllString(page, -1) {
		if i < len(own) {
			w.ids[id] = own[i]
		}
	}
}

// plain is a text without what differs from run to run.
func plain(text string) string {
	text = uuid.ReplaceAllString(text, "ID")
	text = passes.ReplaceAllString(text, "~")
	text = blanks.ReplaceAllString(text, " ")
	return strings.TrimSpace(text)
}

// freePort is an address of this machine that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return fmt.Sprint(ln.Addr())
}
