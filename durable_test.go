package muster_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// fragile are the functions of package os by which a file comes to its name, or loses
// its old content, with nothing said of what is there after a crash: an empty file
// under a good name is what lost signed rolls, keys and memories are made of. So they
// are called by internal/atomicfile, which knows the order of steps that is safe.
var fragile = []string{"Create", "Link", "Rename", "WriteFile"}

// mayBeFragile are the other callers: of a folder, which is its whole name, or one file.
var mayBeFragile = map[string]string{
	"internal/atomicfile":      "is what the others use instead",
	"demo":                     "works in a directory that it makes and removes; nothing there outlives it",
	"release/measure/model.go": "makes the image of a model, too large for memory, and syncs it before it names it",
	"witness/state/anchor":     "appends to the file it has named, and does each step on a file system that tests can make fail",
	"witness/state/faultdisk":  "is the disk of tests that lose power: what it says of its files is the point of it",
	"cmd/muster-log/layout.go": "gives a whole new directory its name, after each file in it was made durable",
}

// TestFilesAreDurable: only who is named above puts files in their place without
// internal/atomicfile. Tests may, and packages for tests.
func TestFilesAreDurable(t *testing.T) {
	used := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			if base := path.Base(name); name != "." && (strings.HasPrefix(base, ".") || forTests(base) || base == "testdata" || base == "node_modules" || name == "scripts") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		calls, err := fragileCalls(name, nil)
		if err != nil {
			return err
		}
		for _, call := range calls {
			allowed := ""
			for exception := range mayBeFragile {
				if name == exception || strings.HasPrefix(name, exception+"/") {
					allowed = exception
				}
			}
			if used[allowed] = true; allowed == "" {
				t.Errorf("%s: a crash may leave an empty file or half of one: use internal/atomicfile", call)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for exception := range mayBeFragile {
		if !used[exception] {
			t.Errorf("%s needs no exception: it calls none of %v", exception, fragile)
		}
	}
}

// fragileCalls returns where a Go file names a fragile function, whatever name it gives
// package os. The source is read from the file where it is nil.
func fragileCalls(name string, source any) ([]string, error) {
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var calls []string
	for _, imported := range file.Imports {
		if path, err := strconv.Unquote(imported.Path.Value); err != nil || path != "os" {
			continue
		}
		own := "os"
		if imported.Name != nil {
			own = imported.Name.Name
		}
		if own == "." {
			calls = append(calls, positions.Position(imported.Pos()).String()+": os is imported without a name")
		}
		ast.Inspect(file, func(node ast.Node) bool {
			selected, ok := node.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if of, ok := selected.X.(*ast.Ident); ok && of.Name == own && slices.Contains(fragile, selected.Sel.Name) {
				calls = append(calls, positions.Position(selected.Pos()).String()+": os."+selected.Sel.Name)
			}
			return true
		})
	}
	return calls, nil
}

// TestFragileCallsAreFound: also as values, and under another name of the package.
func TestFragileCallsAreFound(t *testing.T) {
	for source, want := range map[string]int{
		"package p\nimport \"os\"\nvar _ = os.Remove":                                              0,
		"package p\nimport \"os\"\nfunc f() { os.WriteFile(\"\", nil, 0); os.Rename(\"\", \"\") }": 2,
		"package p\nimport \"os\"\nvar place = os.Rename":                                          1,
		"package p\nimport system \"os\"\nvar _ = system.WriteFile":                                1,
		"package p\nimport . \"os\"\nvar _ = WriteFile":                                            1,
		"package p\nimport os \"example.com/os\"\nvar _ = os.WriteFile":                            0,
	} {
		calls, err := fragileCalls("p.go", source)
		if err != nil || len(calls) != want {
			t.Errorf("%q: found %q, %v, want %d", source, calls, err, want)
		}
	}
}
