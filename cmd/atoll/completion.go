package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

// catalogue is the catalogue in force, with the operator's own types.
func (s *session) catalogue() (*catalogue.Catalogue, error) {
	return catalogue.WithDirectory(s.settings.Catalogue)
}

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says how to use the script.
func (completionCmd) Help() string {
	return "bash: source <(atoll completion bash). zsh: the same, after compinit. fish: atoll completion fish | source."
}

// Run prints the script. It is made from the commands themselves, so it is never
// out of date.
func (c completionCmd) Run(s *session) error {
	lines := map[string][]string{}
	collect(s.parser.Model.Node, "", lines)
	switch c.Shell {
	case "fish":
		for _, path := range sorted(lines) {
			for _, word := range lines[path] {
				s.say("complete -c atoll -f -n '__atoll_at \"%s\"' -a '%s'", path, word)
			}
		}
		s.say("function __atoll_at; set -l w (commandline -opc | string match -v -- '-*'); test (string join ' ' $w[2..]) = \"$argv[1]\"; end")
		return nil
	case "bash", "zsh":
		if c.Shell == "zsh" {
			s.say("autoload -U +X bashcompinit && bashcompinit")
		}
		s.say("_atoll() {")
		s.say("  local cur=\"${COMP_WORDS[COMP_CWORD]}\" path=\"\" i")
		s.say("  for ((i=1; i<COMP_CWORD; i++)); do [[ ${COMP_WORDS[i]} == -* ]] || path=\"${path:+$path }${COMP_WORDS[i]}\"; done")
		s.say("  case \"$path\" in")
		for _, path := range sorted(lines) {
			s.say("    '%s') COMPREPLY=($(compgen -W '%s' -- \"$cur\"));;", path, strings.Join(lines[path], " "))
		}
		s.say("    *) COMPREPLY=($(compgen -f -- \"$cur\"));;")
		s.say("  esac\n}\ncomplete -F _atoll atoll")
		return nil
	}
	return atoll.Errorf(atoll.Invalid, "unknown shell %q", c.Shell)
}

func collect(n *kong.Node, path string, into map[string][]string) {
	var words []string
	for _, child := range n.Children {
		if child.Hidden {
			continue
		}
		words = append(words, child.Name)
		collect(child, strings.TrimSpace(path+" "+child.Name), into)
	}
	for _, f := range n.Flags {
		if !f.Hidden {
			words = append(words, fmt.Sprintf("--%s", f.Name))
		}
	}
	into[path] = words
}
