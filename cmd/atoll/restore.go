package main

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
)

type restoreCmd struct {
	File    string `arg:"" help:"The backup." type:"existingfile"`
	Replace bool   `help:"Put it in the place of the installation that is in the data directory; that is kept beside. Stop its server first."`
	Drill   bool   `help:"Only prove the backup, as atoll backup check does: nothing is restored." xor:"drill"`
}

// Help tells how to restore.
func (restoreCmd) Help() string {
	return `Makes an installation of a backup in the data directory. The whole backup is unpacked and compared before anything there is changed; a restore that was interrupted is begun again. The database goes on under a new timeline, so that nobody takes it for the one before. What happens next is told at the end.

Examples: atoll restore --data /var/lib/atoll /mnt/usb/atoll-centre-20261121-020000.tar.zst
          atoll restore --data /var/lib/atoll --replace FILE
          atoll restore --drill FILE`
}

// Run restores.
func (c restoreCmd) Run(s *session) error {
	if c.Drill {
		return backupCheckCmd{File: c.File}.Run(s)
	}
	tell, done := s.bar()
	r, err := host.Restore(s.ctx, s.host(), c.File, c.Replace, tell)
	done()
	if err != nil {
		return err
	}
	next := afterRestore(r)
	return s.print(map[string]any{"restored": r, "next": next}, func() {
		printBackup(s, r.Backup)
		s.say("It is restored in %s, and goes on under a new timeline.", r.Data)
		for _, k := range r.Kept {
			s.say("What was in its place is kept as %s", k)
		}
		for _, f := range r.Backup.Outside {
			s.say("Not in the backup, put it back yourself: %s", f)
		}
		s.say("Next:")
		for i, n := range next {
			s.say("  %d. %s", i+1, n)
		}
	})
}

// afterRestore says what is to be done next, in order.
func afterRestore(r host.Restored) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	data := r.Data
	for _, f := range r.Backup.Files {
		if strings.HasPrefix(f.Name, "catalogue/") {
			say("The record types of your own are in %s/catalogue: name that directory in the configuration (catalogue).", data)
			break
		}
	}
	site := r.Backup.Site
	switch {
	case r.Backup.Role == "central":
		say("Serve it where its sites look for it: atoll serve --data %s", data)
		say("Each site sends again what this database lost of its work, with its next synchronisation; atoll status shows when each was here.")
		say("When they were, see what they hold of the centre's own that was lost: atoll found --data %s", data)
		say("Users, passwords, decisions about quarantine and sites made since the backup are to be made again.")
	case site == 0:
		say("The site was not enrolled when the backup was made: atoll enrol --data %s TICKET", data)
	case r.OtherMachine:
		say("This is another machine than the backup was made on. At the centre: atoll site reset-device %d, then atoll site code %d", site, site)
		say("Here, with the ticket: atoll enrol --data %s --no-sync TICKET", data)
		say("Fill it from the centre: atoll init site --data %s --again. Work that the centre does not have is written to a file; read it with: atoll unsent --data %s", data, data)
	default:
		say("Before anybody works here, synchronise: atoll sync --data %s. If the site had exchanged nothing since the backup, it goes on, and sends what it had not sent.", data)
		say("If that is refused (the backup is older than what the centre has of this site): atoll init site --data %s --again fills it from the centre. Work that the centre does not have is written to a file; read it with: atoll unsent --data %s", data, data)
	}
	return out
}

func (c initSiteCmd) again(s *session) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	if h.Site == nil {
		return atoll.Errorf(atoll.NotHere, "this is the central server; only a remote site is initialised again")
	}
	// One last push; it may well be refused, which is why we are here.
	_, syncErr := h.Site.Cycle(s.ctx)
	file, n, err := h.Reinitialise(s.ctx)
	if err != nil {
		return err
	}
	out := map[string]any{"data": s.settings.Data, "unsent": n, "file": file, "filled": false}
	if syncErr != nil {
		out["last_push"] = syncErr.Error()
	}
	records, fillErr := 0, error(nil)
	if !c.NoSync {
		if records, n, fillErr = fill(s, file, n); fillErr == nil {
			out["filled"], out["records"], out["unsent"] = true, records, n
		}
	}
	err = s.print(out, func() {
		if syncErr != nil {
			s.say("A last push was tried and failed: %v", syncErr)
		}
		switch {
		case n > 0:
			s.say("%s that the centre does not have %s in %s. Read it with: atoll unsent --data %s",
				english.Plural(n, "entry", "entries"), english.PluralWord(n, "is", "are"), file, s.settings.Data)
		default:
			s.say("The centre has everything this site made.")
		}
		s.say("The old database is kept beside the new one.")
		if out["filled"] == true {
			s.say("%d records received. The site is ready: atoll serve --data %s", records, s.settings.Data)
		} else {
			s.say("Fill it now with: atoll sync --data %s", s.settings.Data)
		}
	})
	if err == nil {
		err = fillErr
	}
	return err
}

// fill receives the site's data into its new database, and counts which of the
// entries in the file the centre turned out not to have.
func fill(s *session, file string, n int) (records, unsent int, err error) {
	unsent = n
	return records, unsent, s.atSite(func(h *host.Host) error {
		row, err := cycle(s, h)
		records = row.Received
		if err != nil || file == "" {
			return err
		}
		unsent = 0
		return h.ReadUnsent(s.ctx, file, func(t host.Told) error {
			if t.Fate != host.AtCentre {
				unsent++
			}
			return nil
		})
	})
}

type unsentCmd struct {
	File string `arg:"" optional:"" help:"The file unsent-….jsonl; the newest in the data directory unless given." type:"existingfile"`
	All  bool   `help:"Also what turned out to be at the centre."`
}

// Help tells what is in the file.
func (unsentCmd) Help() string {
	return `When a site is initialised again (atoll init site --again), transactions that the centre had not acknowledged are written to unsent-….jsonl in its data directory, a line of JSON for each: seq (its number in the site's journal), time, actor, cause, and changes (verb, type, id, version, fields). Of an entry that cannot be read it has unreadable (why) and raw (its bytes, in base64) instead. This prints them for a person who enters the work again, and says of each whether the centre turned out to have it. Give the file with --json to a program.

Example: atoll unsent --data /var/lib/atoll`
}

// Run prints what was not sent.
func (c unsentCmd) Run(s *session) error {
	return s.atSite(func(h *host.Host) error {
		file := c.File
		if file == "" {
			var err error
			if file, err = h.UnsentFile(); err != nil {
				return err
			}
		}
		var told []host.Told
		there := 0
		err := h.ReadUnsent(s.ctx, file, func(t host.Told) error {
			if t.Fate == host.AtCentre && !c.All {
				there++
				return nil
			}
			told = append(told, t)
			return nil
		})
		if err != nil {
			return err
		}
		return s.print(told, func() {
			for _, t := range told {
				if t.Unreadable != "" {
					s.say("Entry %d, written %s: %s. It cannot be read (%s); its %s as they stood in the journal are in the file.", t.Seq, moment(t.Time), t.Fate,
						t.Unreadable, english.Plural(len(t.Raw), "byte", ""))
					continue
				}
				s.say("Entry %d, %s, by %s (%s): %s", t.Seq, moment(t.Time), t.Actor, t.Cause.Kind, t.Fate)
				for _, o := range t.Changes {
					s.say("  %s %s/%s", o.Verb, o.Type, o.ID)
					for _, f := range sorted(o.Fields) {
						value := o.Fields.Text(f)
						if value == "" {
							value = string(o.Fields[f])
						}
						s.say("      %s = %s", f, value)
					}
				}
			}
			s.say("%s to be entered again, in %s. %d more turned out to be at the centre.", english.Plural(len(told), "entry", "entries"), file, there)
		})
	})
}
