package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/goccy/go-yaml"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
)

// settings are what a configuration file may say: defaults, then the file, then
// the environment (ATOLL_…), then flags. An unknown key is an error.
type settings struct {
	Data       string `yaml:"data" help:"directory of the installation"`
	Listen     string `yaml:"listen" help:"address to serve on, HOST:PORT"`
	URL        string `yaml:"url" help:"address at which sites reach this centre, when it is another than listen"`
	TLS        string `yaml:"tls" help:"auto, on or off; as in the last run unless given"`
	TLSCert    string `yaml:"tls_cert" help:"file with a certificate of one's own"`
	TLSKey     string `yaml:"tls_key" help:"file with its key"`
	AllowPlain string `yaml:"allow_plain" help:"true allows unencrypted traffic beyond this machine"`
	Catalogue  string `yaml:"catalogue" help:"directory with record types of one's own"`
	Device     string `yaml:"device" help:"identity of the machine, where the system cannot tell"`
	LogLevel   string `yaml:"log_level" help:"debug, info, warn or error"`

	origin map[string]string // where each value comes from
	file   string            // that was read, if it is there
}

func defaults() settings {
	return settings{
		Data: "atoll-data", TLS: "auto", AllowPlain: "false", LogLevel: "warn", origin: map[string]string{},
	}
}

// loadSettings gathers the configuration.
func loadSettings(g Globals, env []string) (settings, error) {
	s := defaults()
	environment := map[string]string{}
	for _, e := range env {
		if k, v, ok := strings.Cut(e, "="); ok && strings.HasPrefix(k, "ATOLL_") {
			environment[k] = v
		}
	}
	// The data directory decides which file is read, so it is settled first.
	data, origin := s.Data, "default"
	if v, ok := environment["ATOLL_DATA"]; ok {
		data, origin = v, "ATOLL_DATA"
	}
	if g.Data != "" {
		data, origin = g.Data, "--data"
	}
	file := g.ConfigFile
	if file == "" {
		file = filepath.Join(data, "atoll.yaml")
	}
	if err := s.read(file, g.ConfigFile != ""); err != nil {
		return s, err
	}
	if s.origin["data"] == "" || origin != "default" {
		s.Data, s.origin["data"] = data, origin
	}
	if err := s.environment(environment); err != nil {
		return s, err
	}
	if g.Data != "" {
		s.Data, s.origin["data"] = g.Data, "--data"
	}
	if g.LogLevel != "" {
		s.LogLevel, s.origin["log_level"] = g.LogLevel, "--log-level"
	}
	return s, s.check()
}

func (s *settings) read(file string, must bool) error {
	b, err := os.ReadFile(file)
	// Where --data names a file (see demoCmd), there is no configuration in it.
	if !must && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		return nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return atoll.Errorf(atoll.Denied, "%s may not be read by this user", filepath.Dir(file)).
			Do("run atoll as the user the directory belongs to, or name another with --data DIR")
	}
	if err != nil {
		return atoll.Errorf(atoll.NotFound, "the configuration file cannot be read: %w", err)
	}
	s.file = file
	if len(b) > 1<<20 {
		return atoll.Errorf(atoll.TooLarge, "the configuration file %s has %d bytes", file, len(b))
	}
	var there map[string]any
	if err := yaml.Unmarshal(b, &there); err != nil {
		return atoll.Errorf(atoll.Invalid, "%s: %s", file, yaml.FormatError(err, false, true))
	}
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(s); err != nil && len(there) > 0 {
		return atoll.Errorf(atoll.Invalid, "%s: %s", file, yaml.FormatError(err, false, true)).
			Do("the keys are listed by: atoll config")
	}
	for k := range there {
		s.origin[k] = file
	}
	return nil
}

func (s *settings) environment(env map[string]string) error {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "" {
			continue
		}
		name := "ATOLL_" + strings.ToUpper(key)
		if value, ok := env[name]; ok {
			v.Field(i).SetString(value)
			s.origin[key] = name
			delete(env, name)
		}
	}
	for name := range env {
		if slices.Contains(elsewhere, name) {
			continue
		}
		return atoll.Errorf(atoll.Invalid, "unknown setting %s in the environment", name).Do("the keys are listed by: atoll config")
	}
	return nil
}

// elsewhere are variables that a flag of one command reads, not the settings.
var elsewhere = []string{"ATOLL_ADMIN_PASSWORD", "ATOLL_USER_PASSWORD", "ATOLL_UNLOCK_CODE", "ATOLL_MAIL_PASSWORD", "ATOLL_CENTRE_USER", "ATOLL_CENTRE_PASSWORD"}

func (s *settings) check() error {
	switch s.TLS {
	case "auto", "on", "off":
	default:
		return atoll.Errorf(atoll.Invalid, "tls is %q", s.TLS).On("tls").Do("choose auto, on or off")
	}
	if s.AllowPlain != "true" && s.AllowPlain != "false" {
		return atoll.Errorf(atoll.Invalid, "allow_plain is %q", s.AllowPlain).On("allow_plain").Do("choose true or false")
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return atoll.Errorf(atoll.Invalid, "tls_cert and tls_key belong together").On("tls_cert")
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return atoll.Errorf(atoll.Invalid, "log_level is %q", s.LogLevel).On("log_level").Do("choose debug, info, warn or error")
	}
	return nil
}

// host turns the settings into what a host is run with.
func (s *session) host() host.Config {
	c := host.Config{
		Data: s.settings.Data, Catalogue: s.settings.Catalogue, Listen: s.settings.Listen, URL: s.settings.URL,
		TLS: s.settings.TLS, TLSCert: s.settings.TLSCert, TLSKey: s.settings.TLSKey,
		AllowPlain: s.settings.AllowPlain == "true", App: version(), Log: s.logger(),
	}
	if file := s.settings.file; file != "" {
		c.File = file
	}
	if s.settings.origin["tls"] == "" {
		c.TLS = "" // as in the last run
	}
	if s.settings.Device != "" {
		c.Device = s.settings.Device
	}
	return c
}

func (s *session) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.settings.LogLevel)) // checked before
	if !s.serving && s.settings.origin["log_level"] == "" {
		level = slog.LevelError
	}
	o := &slog.HandlerOptions{Level: level}
	if isTerminal(s.errOut) {
		return slog.New(slog.NewTextHandler(s.errOut, o))
	}
	return slog.New(slog.NewJSONHandler(s.errOut, o))
}

type configCmd struct{}

// Run prints what is in force and where it came from.
func (configCmd) Run(s *session) error {
	type row struct {
		Key   string `json:"key"`
		Value string `json:"value"`
		From  string `json:"from"`
		Help  string `json:"help"`
	}
	var rows []row
	v := reflect.ValueOf(s.settings)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := f.Tag.Get("yaml")
		if key == "" {
			continue
		}
		from := s.settings.origin[key]
		if from == "" {
			from = "default"
		}
		rows = append(rows, row{key, v.Field(i).String(), from, f.Tag.Get("help")})
	}
	return s.print(rows, func() {
		w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		for _, r := range rows {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Key, r.Value, r.From, r.Help)
		}
		_ = w.Flush()
		_, _ = fmt.Fprintf(s.out, "\nFile: %s. In the environment: ATOLL_ and the key in capitals.\n", filepath.Join(s.settings.Data, "atoll.yaml"))
	})
}
