package muster_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pageLink is a link of a page to a file of the repository.
var pageLink = regexp.MustCompile(`\]\(([^)#:\s]*)(?:#([^)\s]*))?\)`)

// TestDocsAreReached: every page of docs is reached from README by links, and every
// link leads to a file that is there.
func TestDocsAreReached(t *testing.T) {
	reached := map[string]bool{"README.md": true}
	for queue := []string{"README.md"}; len(queue) > 0; queue = queue[1:] {
		for _, match := range pageLink.FindAllStringSubmatch(readText(t, queue[0]), -1) {
			if match[1] == "" {
				continue
			}
			target := path.Join(path.Dir(queue[0]), match[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", queue[0], match[1], err)
				continue
			}
			if strings.HasSuffix(target, ".md") && !reached[target] {
				reached[target] = true
				queue = append(queue, target)
			}
		}
	}
	err := filepath.WalkDir("docs", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(name, ".md") && !reached[filepath.ToSlash(name)] {
			t.Errorf("no page that README leads to links to %s", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
