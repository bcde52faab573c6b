package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// source is an entry of apt's sources of packages (sources.list(5)).
type source struct {
	uris, suites, components []string
}

// machineSources returns, in apt's deb822 form, the mirrors that this machine
// takes Debian from, with the suites of one Debian release and Debian's own keys.
func machineSources(directory string) (string, error) {
	files := []string{filepath.Join(directory, "sources.list")}
	for _, pattern := range []string{"*.list", "*.sources"} {
		found, err := filepath.Glob(filepath.Join(directory, "sources.list.d", pattern))
		if err != nil {
			return "", err
		}
		files = append(files, found...)
	}
	var all []source
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if strings.HasSuffix(file, ".sources") {
			all = append(all, parseStanzas(string(text))...)
		} else {
			all = append(all, parseLines(string(text))...)
		}
	}
	return debianSources(all)
}

// parseStanzas reads the deb822 form.
func parseStanzas(text string) []source {
	var found []source
	for stanza := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		fields := map[string][]string{}
		last := ""
		for line := range strings.Lines(stanza) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			if name, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
				last = strings.ToLower(name)
				fields[last] = strings.Fields(value)
			} else {
				fields[last] = append(fields[last], strings.Fields(line)...)
			}
		}
		enabled := strings.ToLower(strings.Join(fields["enabled"], ""))
		if slices.Contains(fields["types"], "deb") && !slices.Contains([]string{"no", "false", "off", "0", "without", "disable"}, enabled) {
			found = append(found, source{fields["uris"], fields["suites"], fields["components"]})
		}
	}
	return found
}

// parseLines reads the form of one line an entry.
func parseLines(text string) []source {
	var found []source
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != "deb" {
			continue
		}
		words = words[1:]
		if len(words) > 0 && strings.HasPrefix(words[0], "[") {
			end := slices.IndexFunc(words, func(word string) bool { return strings.HasSuffix(word, "]") })
			words = words[end+1:]
		}
		if len(words) >= 3 {
			found = append(found, source{words[:1], words[1:2], words[2:]})
		}
	}
	return found
}

// debianSources picks the mirrors of Debian itself and of its security updates.
// A mirror that only looks like one gets nowhere: it lacks Debian's signature.
func debianSources(all []source) (string, error) {
	var main, security []string
	for _, s := range all {
		if !slices.Contains(s.components, "main") {
			continue
		}
		for _, uri := range s.uris {
			switch last := filepath.Base(strings.TrimRight(uri, "/")); {
			case last == "debian" && !slices.Contains(main, uri):
				main = append(main, uri)
			case last == "debian-security" && !slices.Contains(security, uri):
				security = append(security, uri)
			}
		}
	}
	if len(main) == 0 {
		return "", errors.New("no source of Debian in /etc/apt: want one whose URI ends in /debian, as deb.debian.org's does")
	}
	stanza := func(uris []string, suites string) string {
		return fmt.Sprintf("Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n", strings.Join(uris, " "), suites, archiveKeyring)
	}
	// One mirror is enough; the first is the one that this machine prefers.
	text := stanza(main[:1], codename+" "+codename+"-updates")
	if len(security) > 0 {
		text += stanza(security[:1], codename+"-security")
	}
	return text, nil
}
