// Command atoll is a central server and a remote site in one program: its
// commands set up an installation, serve it, and do from the command line
// everything the REST API does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/atollsync/atoll"
)

// Exit statuses. They never change their meaning; `atoll --help` tells them.
const (
	exitOK      = 0
	exitFailed  = 1 // something went wrong; the message says what to do
	exitUsage   = 2 // the command was not understood
	exitRefused = 3 // a rule forbids it: nothing was changed
	exitOffline = 4 // the other end cannot be reached; trying later may help
	exitBadness = 5 // it ran, and what it found is not well: a scenario not held, a site in trouble
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// cli is the command line.
type cli struct {
	Globals

	Init   initCmd   `cmd:"" group:"start" help:"Set up a central server or a remote site in an empty directory."`
	Serve  serveCmd  `cmd:"" group:"start" help:"Serve this installation: sync and API at the centre; API and the sync schedule at a site."`
	Enrol  enrolCmd  `cmd:"" group:"start" help:"Give this site its place in a system, with a ticket from its centre."`
	Sync   syncCmd   `cmd:"" group:"start" help:"Exchange with the centre now; pause, resume, or watch."`
	Status statusCmd `cmd:"" group:"start" help:"How this installation stands, in words."`
	Demo   demoCmd   `cmd:"" group:"start" help:"Run the worked example: a centre, two sites, six stores, and what happens between them."`

	Invoice      invoiceCmd      `cmd:"" group:"store" help:"What goes in and out of a store: invoices, credits, adjustments."`
	Requisition  requisitionCmd  `cmd:"" group:"store" help:"What a store asks of another, and the answers."`
	Order        orderCmd        `cmd:"" group:"store" help:"Purchase orders."`
	Receipt      receiptCmd      `cmd:"" group:"store" help:"Goods received for orders."`
	Stocktake    stocktakeCmd    `cmd:"" group:"store" help:"Counts of stock, and the adjustments they lead to."`
	Prescription prescriptionCmd `cmd:"" group:"store" help:"What is dispensed to patients."`
	Payment      paymentCmd      `cmd:"" group:"store" help:"Payments and receipts of money."`
	Repack       repackCmd       `cmd:"" group:"store" help:"Pack stock anew, in packs of another size."`
	Stock        stockCmd        `cmd:"" group:"store" help:"List, adjust and check stock."`
	Transfer     transferCmd     `cmd:"" group:"store" help:"Documents between stores: what is under way, what differs, what is asked."`
	Patient      patientCmd      `cmd:"" group:"store" help:"Patients: find, fetch, register, edit; their home store and its transfer."`
	Prescriber   prescriberCmd   `cmd:"" group:"store" help:"Prescribers, likewise."`
	Report       reportCmd       `cmd:"" group:"store" help:"Stock, its value and its use, over one, several or all stores; SQL over the views."`

	Site       siteCmd       `cmd:"" group:"system" help:"Sites of the system (at the centre)."`
	Store      storeCmd      `cmd:"" group:"system" help:"Stores: where they are active, and who holds copies."`
	Visibility visibilityCmd `cmd:"" group:"system" help:"Which stores may trade with each other."`
	Move       moveCmd       `cmd:"" group:"system" help:"Stores that move from site to site (at the centre)."`
	Job        jobCmd        `cmd:"" group:"system" help:"Send records again, and compare what sites hold (at the centre)."`
	Delegate   delegateCmd   `cmd:"" group:"system" help:"Who may edit central data: the primary, or a site it was delegated to."`
	Merge      mergeCmd      `cmd:"" group:"system" help:"Make one record of two: duplicate items, names, units, locations, patients, prescribers."`
	Preference preferenceCmd `cmd:"" group:"system" help:"Choices of the system and of stores: what is set, and what each does."`
	Plan       planCmd       `cmd:"" group:"system" help:"From the answers of a checklist to a system of sites and stores (at the centre)."`
	User       userCmd       `cmd:"" group:"system" help:"People who may sign in here."`
	Import     importCmd     `cmd:"" group:"system" help:"Read data of other systems into a central server."`

	Log        logCmd        `cmd:"" group:"trouble" help:"The sync log: one row for each cycle."`
	Quarantine quarantineCmd `cmd:"" group:"trouble" help:"Changes that were refused, and what becomes of them."`
	Found      foundCmd      `cmd:"" group:"trouble" help:"What a restored centre lost and its sites still have (at the centre)."`
	Mail       mailCmd       `cmd:"" group:"trouble" help:"Tell people by mail what asks for attention (at the centre)."`
	Connection connectionCmd `cmd:"" group:"trouble" help:"Check how this site reaches its centre, or change where."`
	Discover   discoverCmd   `cmd:"" group:"trouble" help:"Servers on the local network, and their addresses."`
	Retire     retireCmd     `cmd:"" group:"trouble" help:"Remove replicas that this site lost the right to long ago."`
	Reset      resetCmd      `cmd:"" group:"trouble" help:"Empty this site as if it had never been set up."`
	Support    supportCmd    `cmd:"" group:"trouble" help:"A copy of the database for support, which can never synchronise."`
	Backup     backupCmd     `cmd:"" group:"trouble" help:"Back this installation up into one file, while it is in use; prove a backup; list backups."`
	Restore    restoreCmd    `cmd:"" group:"trouble" help:"Make an installation of a backup."`
	Unsent     unsentCmd     `cmd:"" group:"trouble" help:"Read what a site could not send before it was initialised again."`
	Simulate   simulateCmd   `cmd:"" group:"trouble" help:"Hunt for lost records: play made-up stories of work and misfortune, and hold the end to the laws."`
	Bench      benchCmd      `cmd:"" group:"trouble" help:"Measure what this program does on this machine, beside what a bare loop does."`
	Check      checkCmd      `cmd:"" group:"trouble" help:"Hold this database to everything that must hold inside it: chains, records, digests, feed, stock."`
	Verify     verifyCmd     `cmd:"" group:"trouble" help:"Prove that site and centre hold the same records, and repair what differs."`

	Record     recordCmd     `cmd:"" group:"any" help:"Read and write records."`
	Catalogue  catalogueCmd  `cmd:"" group:"any" help:"The record types of the system."`
	Config     configCmd     `cmd:"" group:"any" help:"The configuration in force, and where each value comes from."`
	Completion completionCmd `cmd:"" group:"any" help:"A script that completes commands in your shell."`
	Version    versionCmd    `cmd:"" group:"any" help:"The version of this program."`
}

// groups are the parts of the list of commands, in the order in which people meet
// them.
var groups = []kong.Group{
	{Key: "start", Title: "To begin with:"},
	{Key: "store", Title: "Work in a store:"},
	{Key: "system", Title: "The system:"},
	{Key: "trouble", Title: "Upkeep and trouble:"},
	{Key: "any", Title: "Besides:"},
}

// Globals are the flags every command takes.
type Globals struct {
	Data       string `help:"Directory of the installation." placeholder:"DIR" type:"path"`
	ConfigFile string `name:"config" help:"Configuration file; atoll.yaml in the data directory unless given." placeholder:"FILE" type:"path"`
	JSON       bool   `help:"Print one JSON value instead of text; errors too."`
	LogLevel   string `help:"What to log: debug, info, warn or error." placeholder:"LEVEL"`
	User       string `name:"as" help:"Who does this, for the journal." placeholder:"NAME" env:"USER" default:"console"`
}

const description = `Atoll keeps a central server and many sites that are often offline in step. Every record has one owner, nothing is lost, nothing is applied twice.

Begin with: atoll demo

Exit status: 0 done; 1 failed; 2 the command was not understood; 3 refused by a rule, nothing changed; 4 the other end cannot be reached; 5 it ran and found something not well.`

// session is what a command runs with.
type session struct {
	ctx         context.Context //nolint:containedctx // one session is one run of the program
	globals     *Globals
	settings    settings
	in          io.Reader
	out, errOut io.Writer
	parser      *kong.Kong
	serving     bool // a server's log is read later; any other command says itself what went wrong
}

// exit is how kong ends the program for --help; run turns it into a status.
type exit int

func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) (status int) {
	var c cli
	defer func() {
		if r := recover(); r != nil {
			code, ok := r.(exit)
			if !ok {
				panic(r)
			}
			status = int(code)
		}
	}()
	parser, err := kong.New(&c, kong.Name("atoll"), kong.Description(description), kong.Writers(out, errOut),
		kong.Exit(func(code int) { panic(exit(code)) }), kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, NoExpandSubcommands: true}),
		kong.UsageOnError(), kong.ExplicitGroups(groups))
	if err != nil {
		_, _ = fmt.Fprintln(errOut, err)
		return exitFailed
	}
	s := &session{ctx: ctx, globals: &c.Globals, in: in, out: out, errOut: errOut, parser: parser}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(args)
	if err != nil {
		c.JSON = c.JSON || slices.Contains(args, "--json") // it may come after what was not understood
		return s.fail(atoll.Errorf(atoll.Invalid, "%w", err).Do("%s", helpFor(err, args)), exitUsage)
	}
	if s.settings, err = loadSettings(c.Globals, os.Environ()); err != nil {
		return s.fail(err, exitUsage)
	}
	if err := kctx.Run(s); err != nil {
		return s.fail(err, statusOf(err))
	}
	return exitOK
}

// number is what reads as a flag and was meant as a value.
var number = regexp.MustCompile(`unknown flag -[0-9]`)

// helpFor says what to do about a command line that was not understood: it names
// the page of the commands that were.
func helpFor(err error, args []string) string {
	if number.MatchString(err.Error()) {
		return "values that begin with - come last, after --"
	}
	see := "see: atoll"
	var p *kong.ParseError
	if errors.As(err, &p) && p.Context != nil {
		for _, step := range p.Context.Path {
			if step.Command != nil && slices.Contains(args, step.Command.Name) { // not one that is taken by default
				see += " " + step.Command.Name
			}
		}
	}
	return see + " --help"
}

// unwell is returned by commands that ran and found something that is not well;
// what they found is printed already.
var unwell = errors.New("not well") //nolint:staticcheck // reads as what it says

func statusOf(err error) int {
	if errors.Is(err, unwell) {
		return exitBadness
	}
	switch atoll.CodeOf(err) {
	case atoll.Unavailable, atoll.Interrupted, atoll.Busy:
		return exitOffline
	case atoll.Internal, atoll.DiskFull, atoll.Damaged:
		return exitFailed
	default:
		return exitRefused
	}
}

// fail prints an error as its reader wants it, and returns the status.
func (s *session) fail(err error, status int) int {
	if errors.Is(err, unwell) {
		return status
	}
	if errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintln(s.errOut, "stopped")
		return exitFailed
	}
	var e *atoll.Error
	if !errors.As(err, &e) {
		e = &atoll.Error{Code: atoll.Internal, Message: err.Error()}
	}
	if s.globals.JSON {
		b, _ := json.Marshal(map[string]any{"error": map[string]string{
			"code": string(e.Code), "message": e.Message, "subject": e.Subject, "field": e.Field, "hint": e.Hint,
		}})
		_, _ = fmt.Fprintf(s.errOut, "%s\n", b)
		return status
	}
	msg := e.Message
	if e.Subject != "" {
		msg = e.Subject + ": " + msg
	}
	_, _ = fmt.Fprintf(s.errOut, "atoll: %s\n", msg)
	if e.Hint != "" {
		_, _ = fmt.Fprintf(s.errOut, "       %s\n", e.Hint)
	}
	return status
}

// version is what the program calls itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "development"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && v == "development" {
			v += "-" + s.Value[:12]
		}
	}
	return v
}
