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

	Init     initCmd     `cmd:"" help:"Set up a central server or a remote site in an empty directory."`
	Serve    serveCmd    `cmd:"" help:"Serve this installation: sync and API at the centre; API and the sync schedule at a site."`
	Discover discoverCmd `cmd:"" help:"Servers on the local network, and their addresses."`
	Enrol    enrolCmd    `cmd:"" help:"Give this site its place in a system, with a ticket from its centre."`
	Sync     syncCmd     `cmd:"" help:"Exchange with the centre now; pause, resume, or watch."`
	Status   statusCmd   `cmd:"" help:"How this installation stands, in words."`
	Log      logCmd      `cmd:"" help:"The sync log: one row for each cycle."`
	Record   recordCmd   `cmd:"" help:"Read and write records."`
	Invoice  invoiceCmd  `cmd:"" help:"What goes in and out of a store: invoices, credits, adjustments."`

	Requisition  requisitionCmd  `cmd:"" help:"What a store asks of another, and the answers."`
	Order        orderCmd        `cmd:"" help:"Purchase orders."`
	Receipt      receiptCmd      `cmd:"" help:"Goods received for orders."`
	Stocktake    stocktakeCmd    `cmd:"" help:"Counts of stock, and the adjustments they lead to."`
	Prescription prescriptionCmd `cmd:"" help:"What is dispensed to patients."`
	Payment      paymentCmd      `cmd:"" help:"Payments and receipts of money."`
	Repack       repackCmd       `cmd:"" help:"Pack stock anew, in packs of another size."`

	Transfer   transferCmd   `cmd:"" help:"Documents between stores: what is under way, what differs, what is asked."`
	Stock      stockCmd      `cmd:"" help:"List, adjust and check stock."`
	Report     reportCmd     `cmd:"" help:"Stock, its value and its use, over one, several or all stores; SQL over the views."`
	Site       siteCmd       `cmd:"" help:"Sites of the system (at the centre)."`
	Store      storeCmd      `cmd:"" help:"Stores: where they are active, and who holds copies."`
	Visibility visibilityCmd `cmd:"" help:"Which stores may trade with each other."`
	Merge      mergeCmd      `cmd:"" help:"Make one record of two: duplicate items, names, units, locations, patients, prescribers."`
	Patient    patientCmd    `cmd:"" help:"Patients: find, fetch, register, edit; their home store and its transfer."`
	Prescriber prescriberCmd `cmd:"" help:"Prescribers, likewise."`
	Delegate   delegateCmd   `cmd:"" help:"Who may edit central data: the primary, or a site it was delegated to."`
	Move       moveCmd       `cmd:"" help:"Stores that move from site to site (at the centre)."`
	Job        jobCmd        `cmd:"" help:"Send records again, and compare what sites hold (at the centre)."`
	Quarantine quarantineCmd `cmd:"" help:"Changes that were refused, and what becomes of them."`
	Preference preferenceCmd `cmd:"" help:"Choices of the system and of stores: what is set, and what each does."`
	Found      foundCmd      `cmd:"" help:"What a restored centre lost and its sites still have (at the centre)."`
	User       userCmd       `cmd:"" help:"People who may sign in here."`
	Import     importCmd     `cmd:"" help:"Read data of other systems into a central server."`
	Catalogue  catalogueCmd  `cmd:"" help:"The record types of the system."`
	Plan       planCmd       `cmd:"" help:"From the answers of a checklist to a system of sites and stores (at the centre)."`
	Connection connectionCmd `cmd:"" help:"Check how this site reaches its centre, or change where."`
	Retire     retireCmd     `cmd:"" help:"Remove replicas that this site lost the right to long ago."`
	Reset      resetCmd      `cmd:"" help:"Empty this site as if it had never been set up."`
	Support    supportCmd    `cmd:"" help:"A copy of the database for support, which can never synchronise."`
	Backup     backupCmd     `cmd:"" help:"Write a consistent copy of the database to a file, while it is in use."`
	Check      checkCmd      `cmd:"" help:"Examine the database: its indexes, and the hash chains of its journals."`
	Demo       demoCmd       `cmd:"" help:"Run the worked example: a centre, two sites, six stores, and what happens between them."`
	Config     configCmd     `cmd:"" help:"The configuration in force, and where each value comes from."`
	Completion completionCmd `cmd:"" help:"A script that completes commands in your shell."`
	Version    versionCmd    `cmd:"" help:"The version of this program."`
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
		kong.Exit(func(code int) { panic(exit(code)) }), kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.UsageOnError())
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
