// Package notifytest has a mail server for tests, which takes letters, refuses them, or
// hangs up.
package notifytest

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
)

// Letter is one that the server took.
type Letter struct {
	From   string
	To     []string
	Header mail.Header
	Body   string
}

// Server is a mail server on this machine.
type Server struct {
	Address string // HOST:PORT

	mu       sync.Mutex
	letters  []Letter
	user     string
	password string
	refuse   map[string]string
	hangUp   bool
	tries    int
	cert     *tls.Certificate
	implicit bool
	clear    []string
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: l.Addr().String(), refuse: map[string]string{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				s.serve(c)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return s
}

// Want has the server ask for a name and a password.
func (s *Server) Want(user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user, s.password = user, password
}

// Refuse has the server answer a command (MAIL, RCPT, DATA, or END for the letter
// itself) with a line such as "451 try later"; "" takes it back.
func (s *Server) Refuse(command, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse[command] = line
}

// Encrypt has the server show the certificate: after STARTTLS, or at once.
func (s *Server) Encrypt(cert tls.Certificate, atOnce bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cert, s.implicit = &cert, atOnce
}

// InTheClear are the lines that reached it unencrypted.
func (s *Server) InTheClear() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.clear...)
}

// HangUp has the server take letters and say nothing of it.
func (s *Server) HangUp(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangUp = on
}

// Letters are those it took, in turn.
func (s *Server) Letters() []Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Letter(nil), s.letters...)
}

// Tries is how many connections there were.
func (s *Server) Tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

func (s *Server) refusal(command string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refuse[command]
}

func (s *Server) serve(c net.Conn) {
	s.mu.Lock()
	s.tries++
	user, password := s.user, s.password
	cert, encrypted := s.cert, s.implicit
	s.mu.Unlock()
	if encrypted {
		c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12})
	}
	in := bufio.NewReader(c)
	say := func(format string, args ...any) { fmt.Fprintf(c, format+"\r\n", args...) }
	say("220 mail.example ready")
	var l Letter
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		if !encrypted {
			s.mu.Lock()
			s.clear = append(s.clear, line)
			s.mu.Unlock()
		}
		command, rest, _ := strings.Cut(line, " ")
		command = strings.ToUpper(command)
		if no := s.refusal(command); no != "" {
			say("%s", no)
			continue
		}
		switch command {
		case "EHLO":
			say("250-mail.example")
			if cert != nil && !encrypted {
				say("250-STARTTLS")
			}
			if user != "" {
				say("250-AUTH PLAIN")
			}
			say("250 8BITMIME")
		case "STARTTLS":
			if cert == nil || encrypted {
				say("503 not here")
				continue
			}
			say("220 go ahead")
			encrypted = true
			c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12})
			in = bufio.NewReader(c)
		case "AUTH":
			_, b64, _ := strings.Cut(rest, " ")
			said, _ := base64.StdEncoding.DecodeString(b64)
			if string(said) != "\x00"+user+"\x00"+password {
				say("535 wrong")
				continue
			}
			say("235 welcome")
		case "MAIL":
			l = Letter{From: address(rest)}
			say("250 ok")
		case "RCPT":
			l.To = append(l.To, address(rest))
			say("250 ok")
		case "DATA":
			say("354 go on")
			if !s.take(in, &l) {
				return
			}
			if no := s.refusal("END"); no != "" {
				say("%s", no)
				continue
			}
			s.mu.Lock()
			s.letters = append(s.letters, l)
			silent := s.hangUp
			s.mu.Unlock()
			if silent {
				return
			}
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 what?")
		}
	}
}

func address(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}

// take reads a letter to its end; false when it broke off.
func (s *Server) take(in *bufio.Reader, l *Letter) bool {
	var raw strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		raw.WriteString(strings.TrimPrefix(line, "."))
	}
	m, err := mail.ReadMessage(strings.NewReader(raw.String()))
	if err != nil {
		return true
	}
	body, _ := io.ReadAll(quotedprintable.NewReader(m.Body))
	l.Header, l.Body = m.Header, string(body)
	return true
}
