// Package acceptance_test tries the program as people use it: the built binary,
// in processes of its own, over real connections.
package acceptance_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // spoils databases past the program
)

// binary is where the program was built to.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "acceptance")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "atoll")
	build := exec.Command("go", "build", "-o", binary, "../cmd/atoll")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the program cannot be built: %v\n%s", err, out)
		os.RemoveAll(dir)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// environment is this process's, without settings of an installation here.
func environment(more ...string) []string {
	var out []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "ATOLL_") {
			out = append(out, e)
		}
	}
	return append(out, more...)
}

// TestScripts runs the scripts in testdata/script: each is a walk through some
// commands, with a sentence above each step, and doubles as their manual.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
			e.Setenv("ATOLL_DEVICE", "test machine")
			e.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status, "grab": grab, "serve": serve, "start": start, "halt": halt, "damage": damage, "spoil": spoil},
	})
}

// status runs a command and wants its exit status: status N COMMAND ARGS…
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command args...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

// grab takes a value out of the JSON that a command printed: grab NAME PATH, where
// the path is keys and places with dots between, such as records.0.id.
func grab(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: grab NAME path.to.value")
	}
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &v); err != nil {
		ts.Fatalf("what was printed is not JSON: %v", err)
	}
	for step := range strings.SplitSeq(args[1], ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(x) {
				ts.Fatalf("no place %s in a list of %d", step, len(x))
			}
			v = x[i]
		}
	}
	if v == nil {
		ts.Fatalf("nothing at %s", args[1])
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

// serve starts a server that runs until the script ends, and puts its address into
// URL: serve DIR, and flags if there are any
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve DIR flags...")
	}
	s, err := begin(environment("ATOLL_DEVICE=test machine"), append([]string{"--data", ts.MkAbs(args[0]), "serve", "--listen", "127.0.0.1:0", "--json"}, args[1:]...)...)
	if err != nil {
		ts.Fatalf("%v", err)
	}
	ts.Setenv("URL", s.url)
	ts.Defer(func() {
		if err := s.stop(); err != nil {
			ts.Logf("the server: %v", err)
		}
	})
}

// start starts a server that runs until halt, on a port of its own each time, and
// puts its address into URL: start DIR
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: start DIR")
	}
	s, err := begin(environment("ATOLL_DEVICE=test machine"), "--data", ts.MkAbs(args[0]), "serve", "--listen", "127.0.0.1:0", "--json")
	if err != nil {
		ts.Fatalf("%v", err)
	}
	ts.Setenv("URL", s.url)
	started.Store(ts.MkAbs(args[0]), s)
	ts.Defer(func() { _ = s.cmd.Process.Kill() })
}

// halt ends it: halt DIR
func halt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: halt DIR")
	}
	s, there := started.LoadAndDelete(ts.MkAbs(args[0]))
	if !there {
		ts.Fatalf("nothing was started in %s", args[0])
	}
	if err := s.(*server).stop(); err != nil {
		ts.Fatalf("the server: %v", err)
	}
}

// damage copies a file and changes one byte in its second half: damage FROM TO
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: damage FROM TO")
	}
	b := []byte(ts.ReadFile(args[0]))
	b[len(b)*3/4] ^= 0x10
	if err := os.WriteFile(ts.MkAbs(args[1]), b, 0o600); err != nil {
		ts.Fatalf("%v", err)
	}
}

// spoil changes a database past the program, as a bad disk would: spoil DIR SQL
func spoil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: spoil DIR SQL")
	}
	db, err := sql.Open("sqlite", filepath.Join(ts.MkAbs(args[0]), "atoll.db"))
	if err != nil {
		ts.Fatalf("%v", err)
	}
	defer db.Close()
	res, err := db.ExecContext(context.Background(), args[1])
	if err != nil {
		ts.Fatalf("%v", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		ts.Fatalf("%d rows, %v", n, err)
	}
}

// started are the servers that scripts run, by their directories.
var started sync.Map

// server is a running `atoll serve`.
type server struct {
	cmd  *exec.Cmd
	url  string
	errs *bytes.Buffer
}

// begin starts a server and waits until it says that it serves.
func begin(env []string, args ...string) (*server, error) {
	return beginAs(env, append([]string{binary}, args...)...)
}

// beginAs is begin with the program named first.
func beginAs(env []string, args ...string) (*server, error) {
	s := &server{cmd: exec.Command(args[0], args[1:]...), errs: &bytes.Buffer{}}
	s.cmd.Env, s.cmd.Stderr = env, s.errs
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	var ready struct{ URL string }
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		_ = s.cmd.Process.Kill()
		return nil, fmt.Errorf("the server does not say where it serves: %w (%v)\n%s", err, s.cmd.Wait(), s.errs)
	}
	s.url = ready.URL
	return s, nil
}

// stop ends the server as an operator does.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	return s.cmd.Wait()
}

// kill ends it as a power cut does.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// result is what a command came to.
type result struct {
	status      int
	out, errOut string
}

// run runs one command to its end. With hook, the process is handed over as soon
// as it runs.
func run(ctx context.Context, hook func(*os.Process), args ...string) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = environment("ATOLL_DEVICE=test machine")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	if hook != nil {
		hook(cmd.Process)
	}
	err := cmd.Wait()
	r := result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return r, err
}

// must runs a command that has to succeed, and reads the JSON it prints.
func must(t *testing.T, into any, args ...string) {
	t.Helper()
	r, err := run(t.Context(), nil, append(args, "--json")...)
	if err != nil || r.status != 0 {
		t.Fatalf("atoll %s: status %d, %v\n%s%s", strings.Join(args, " "), r.status, err, r.out, r.errOut)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(r.out), into); err != nil {
			t.Fatalf("atoll %s printed %q: %v", strings.Join(args, " "), r.out, err)
		}
	}
}
