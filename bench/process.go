package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/atollsync/atoll"
)

// program is the atoll program serving in a process of its own.
type program struct {
	cmd   *exec.Cmd
	over  chan error
	ready time.Duration // from the start until it could be used
	ended bool
}

// start serves what is in the directory, and waits until it answers.
func (r *run) start(dir, listen string) (*program, error) {
	if r.Program == "" {
		return nil, atoll.Errorf(atoll.Invalid, "this is measured in a process of its own, and the program is not known").Do("run: atoll bench")
	}
	p := &program{over: make(chan error, 1)}
	p.cmd = exec.Command(r.Program, "serve", "--data", dir, "--listen", listen, "--tls", "off", "--no-announce") //nolint:noctx // it is stopped by hand
	p.cmd.Stderr = os.Stderr
	p.cmd.Env = []string{"HOME=" + dir}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.over <- p.cmd.Wait() }()
	for {
		select {
		case err := <-p.over:
			return nil, errors.Join(err, atoll.Errorf(atoll.Internal, "the program ended before it was ready"))
		case <-r.Done():
			return nil, errors.Join(r.Err(), p.stop())
		case <-time.After(2 * time.Millisecond):
		}
		if answers(r, "http://"+listen+"/readyz") {
			p.ready = time.Since(began)
			return p, nil
		}
	}
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	t := &http.Transport{DisableKeepAlives: true}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// stop ends the program as an operator does.
func (p *program) stop() error {
	if p.ended {
		return nil
	}
	p.ended = true
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.over:
		return err
	case <-time.After(30 * time.Second):
		return errors.Join(p.cmd.Process.Kill(), atoll.Errorf(atoll.Internal, "the program did not end"))
	}
}

// usage is what a process has used so far.
type usage struct {
	cpu            time.Duration
	resident, peak uint64 // bytes; 0 when the system does not tell
}

func (p *program) usage() usage { return usageOf(p.cmd.Process.Pid) }

func usageOf(pid int) (u usage) {
	status := fmt.Sprintf("/proc/%d/status", pid)
	u.resident, u.peak = kib(value(status, "VmRSS")), kib(value(status, "VmHWM"))
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u
	}
	_, after, _ := strings.Cut(string(b), ") ") // the name may have spaces
	if f := strings.Fields(after); len(f) > 12 {
		user, _ := strconv.ParseInt(f[11], 10, 64)
		system, _ := strconv.ParseInt(f[12], 10, 64)
		u.cpu = time.Duration(user+system) * (time.Second / 100) // the kernel counts in hundredths
	}
	return u
}

// most runs a program to its end and returns the most memory it had, 0 when the
// system does not tell. (What the system tells of an ended process is of no use: it
// counts in whoever started it.)
func most(c *exec.Cmd) (bytes uint64, err error) {
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		return 0, err
	}
	over := make(chan error, 1)
	go func() { over <- c.Wait() }()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-over:
			if err != nil {
				err = fmt.Errorf("%w: %s", err, said.String())
			}
			return bytes, err
		case <-look.C:
			bytes = max(bytes, usageOf(c.Process.Pid).peak)
		}
	}
}
