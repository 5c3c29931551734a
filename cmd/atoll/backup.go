package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/cheggaaa/pb/v3"
	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/backup"
	"github.com/atollsync/atoll/host"
)

type backupCmd struct {
	Make  backupMakeCmd  `cmd:"" default:"withargs" help:"Write a backup (the default): atoll backup FILE, or atoll backup DIR --keep N."`
	Check backupCheckCmd `cmd:"" help:"Prove a backup, without touching the installation: unpack it elsewhere and examine everything in it."`
	List  backupListCmd  `cmd:"" help:"The backups in a directory, and what they are of."`
}

type backupMakeCmd struct {
	File        string `arg:"" help:"File to write; it must not exist. Or a directory, in which the backup gets a name with its date." type:"path"`
	Keep        int    `help:"In a directory: then remove backups of this installation but for the newest N." placeholder:"N"`
	KeepMonthly int    `help:"Besides those, keep the last one of each of the last N months." placeholder:"N"`
}

// Help tells what is in a backup, and how it is used.
func (backupMakeCmd) Help() string {
	return `The backup is one file: the database as it was at one moment, the configuration, keys, record types of your own, and work that could not be sent; with a manifest and a checksum for each. It is made while the installation is in use, read back and compared, and has its name only when it is whole. It is as secret as the installation: it is not encrypted.

Every night: atoll backup --data /var/lib/atoll /mnt/usb/atoll --keep 14 --keep-monthly 12
Prove one:   atoll backup check /mnt/usb/atoll/atoll-centre-20261121-020000.tar.zst
Restore it:  atoll restore --data DIR FILE`
}

// Validate refuses what says nothing.
func (c backupMakeCmd) Validate() error {
	if c.Keep < 0 || c.KeepMonthly < 0 || c.KeepMonthly > 0 && c.Keep == 0 {
		return fmt.Errorf("--keep says how many of the newest backups are kept, 1 or more; --keep-monthly keeps more beside them")
	}
	return nil
}

// Run writes a backup.
func (c backupMakeCmd) Run(s *session) error {
	info, err := os.Stat(c.File)
	dir := err == nil && info.IsDir() || c.Keep > 0
	if c.Keep > 0 && err == nil && !info.IsDir() {
		return atoll.Errorf(atoll.Invalid, "%s is a file; backups are kept in a directory", c.File).Do("name a directory, or leave --keep out")
	}
	if !dir {
		if err := backup.Free(c.File); err != nil { // before the database is opened
			return err
		}
	}
	return s.with(func(h *host.Host) error {
		began := time.Now()
		tell, done := s.bar()
		path, m, removed := c.File, backup.Manifest{}, []string(nil)
		if dir {
			path, m, removed, err = h.BackupInto(s.ctx, c.File, c.Keep, c.KeepMonthly, tell)
		} else {
			m, err = h.Backup(s.ctx, c.File, tell)
		}
		done()
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		took := time.Since(began)
		out := map[string]any{"file": path, "bytes": info.Size(), "took": took, "removed": append([]string{}, removed...), "backup": m}
		return s.print(out, func() {
			printBackup(s, m)
			s.say("%s bytes (%s) written to %s in %s, read back and compared.", humanize.Comma(info.Size()), humanize.Bytes(uint64(info.Size())), path, took.Round(time.Millisecond))
			for _, f := range m.Outside {
				s.say("Not in it, as it is elsewhere: %s", f)
			}
			if len(removed) > 0 {
				s.say("%s removed.", english.Plural(len(removed), "older backup was", "older backups were"))
			}
			s.say("Prove it with: atoll backup check %s", path)
		})
	})
}

// printBackup tells in words what a backup is of.
func printBackup(s *session, m backup.Manifest) {
	s.say("%s, as of %s:", whose(m), moment(m.Made))
	s.say("  %s records at position %d; its own journal ends at entry %d (timeline %s); %s, %s bytes unpacked.",
		humanize.Comma(int64(m.Records)), m.Position, m.Seq, m.Timeline, english.Plural(len(m.Files), "file", ""), humanize.Comma(m.Size()))
}

func whose(m backup.Manifest) string {
	switch m.Site {
	case atoll.CentreID:
		return "Backup of the central server of " + m.Name
	case 0:
		return "Backup of a site that is not enrolled yet"
	default:
		return fmt.Sprintf("Backup of site %d, %s", m.Site, m.Name)
	}
}

type backupCheckCmd struct {
	File string `arg:"" help:"The backup." type:"existingfile"`
	Temp string `help:"Directory to unpack it in, for the time of the examination; the system's own unless given. It needs room for the database." type:"existingdir" placeholder:"DIR"`
}

// Help tells what is examined.
func (backupCheckCmd) Help() string {
	return `Unpacks the backup in a directory of its own, compares every file with its checksum, opens the database, has the engine examine it, recomputes the hash chain of every journal, counts, and compares with what the manifest says. Says which moment the backup is from, and what the installation in the data directory has since, if there is one; that is only read. Ends with status 5 when the backup is not well.

Example: atoll backup check --data /var/lib/atoll /mnt/usb/atoll/atoll-centre-20261121-020000.tar.zst`
}

// Run proves a backup.
func (c backupCheckCmd) Run(s *session) error {
	tell, done := s.bar()
	d, err := host.Drill(s.ctx, s.host(), c.File, c.Temp, tell)
	done()
	if err != nil {
		return err
	}
	err = s.print(drillOf(d), func() {
		if !d.Backup.Made.IsZero() {
			printBackup(s, d.Backup)
			s.say("  That is %s ago.", humanize.RelTime(d.Backup.Made, d.Backup.Made.Add(time.Duration(d.Age*float64(time.Second))), "", ""))
		}
		if len(d.Problems) > 0 {
			s.say("This backup is NOT good:")
			for _, p := range d.Problems {
				s.say("  %s", p)
			}
		} else {
			s.say("This backup is good: %s with %s entries, hash chains recomputed; %s records; everything agrees with the manifest. It took %s.",
				english.Plural(d.Journals, "journal", ""), humanize.Comma(int64(d.Entries)), humanize.Comma(int64(d.Records)), d.Took.Round(time.Millisecond))
		}
		if d.Live != nil {
			s.say("Against %s: %s.", s.settings.Data, d.Live.Words)
		}
	})
	if err == nil && len(d.Problems) > 0 {
		return unwell
	}
	return err
}

type backupListCmd struct {
	Dir string `arg:"" help:"Directory of backups." type:"existingdir"`
}

// Run lists backups. It ends with status 5 when one cannot be read.
func (c backupListCmd) Run(s *session) error {
	kept, odd, err := backup.List(c.Dir)
	if err != nil {
		return err
	}
	err = s.print(map[string]any{"backups": append([]backup.Kept{}, kept...), "unreadable": append([]string{}, odd...)}, func() {
		var rows [][]string
		for _, k := range kept {
			rows = append(rows, []string{moment(k.What.Made), whose(k.What), fmt.Sprint(k.What.Position), humanize.Bytes(uint64(k.Bytes)), k.Path}) //nolint:gosec // a size
		}
		s.table("There are no backups in "+c.Dir+".", []string{"MADE", "OF", "POSITION", "SIZE", "FILE"}, rows)
		for _, f := range odd {
			s.say("cannot be read: %s", f)
		}
	})
	if err == nil && len(odd) > 0 {
		return unwell
	}
	return err
}

// bar returns what shows on a terminal how far work on files has come, and what ends
// it.
func (s *session) bar() (backup.Progress, func()) {
	if !isTerminal(s.errOut) || s.globals.JSON {
		return nil, func() {}
	}
	var mu sync.Mutex
	var bar *pb.ProgressBar
	now := ""
	end := func() {
		if bar != nil {
			bar.Finish()
		}
		bar = nil
	}
	return func(step string, done, total int64) {
			mu.Lock()
			defer mu.Unlock()
			if step != now {
				end()
				now = step
			}
			if total <= 0 {
				return
			}
			if bar == nil {
				bar = pb.New64(total).SetTemplateString(`{{string . "step"}} {{bar . }} {{percent . }} {{rtime . "%s left"}}`)
				bar.Set("step", fmt.Sprintf("%-9s", step)).SetWriter(s.errOut).Start()
			}
			bar.SetTotal(total).SetCurrent(done)
		}, func() {
			mu.Lock()
			defer mu.Unlock()
			end()
		}
}
