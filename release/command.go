package release

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-log/muster/internal/strictjson"
)

// CommandFile is the name, in the root of a config image, of the file that says what
// a node runs once its ledger is locked.
const CommandFile = "muster-command.json"

// The bounds of a command file.
const (
	MaxCommandFile   = 64 << 10 // bytes
	maxArguments     = 256
	maxArgument      = 4096
	maxEnvironment   = 128
	maxVariableName  = 64
	maxUserID        = 1<<32 - 2 // the highest is no user
	maxCommandValues = 2 + maxArguments + maxEnvironment + 16
)

// Command says what a node runs (docs/formats/command.md).
type Command struct {
	// Path is that of the program: absolute, as short as it can be written.
	Path string
	// Arguments are those after the program's name.
	Arguments []string
	// Environment is all of the program's environment.
	Environment map[string]string
	// UserID and GroupID are who it runs as, without further groups.
	UserID, GroupID uint32
	// Directory is where it runs; empty: /.
	Directory string
}

// ParseCommand reads a command file: canonical JSON, which one line feed may follow.
func ParseCommand(data []byte) (*Command, error) {
	if len(data) > MaxCommandFile {
		return nil, fmt.Errorf("command file: got %d bytes, want at most %d", len(data), MaxCommandFile)
	}
	document, err := strictjson.Parse(bytes.TrimSuffix(data, []byte("\n")), strictjson.Limits{Depth: 2, Values: maxCommandValues})
	if err != nil {
		return nil, fmt.Errorf("command file: want canonical JSON (RFC 8785): %w", err)
	}
	c, err := readCommand(document.Root())
	if err != nil {
		return nil, fmt.Errorf("command file: %w", err)
	}
	return c, nil
}

func readCommand(root strictjson.Value) (*Command, error) {
	if root.Kind() != strictjson.Object {
		return nil, fmt.Errorf("got %s, want an object", root.Kind())
	}
	for name := range root.Members() {
		if !slices.Contains([]string{"arguments", "command", "environment", "gid", "uid", "workingDirectory"}, name) {
			return nil, fmt.Errorf("got member %q, want none of that name", name)
		}
	}
	c := &Command{Environment: map[string]string{}}
	var err error
	if c.Path, err = commandPath(root.Member("command")); err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	if directory := root.Member("workingDirectory"); directory.Exists() {
		if c.Directory, err = commandPath(directory); err != nil {
			return nil, fmt.Errorf("workingDirectory: %w", err)
		}
	}
	arguments := root.Member("arguments")
	if arguments.Kind() != strictjson.List {
		return nil, errors.New("arguments: want a list of text, perhaps an empty one")
	}
	for _, argument := range arguments.Elements() {
		text, err := commandText(argument)
		if err != nil {
			return nil, fmt.Errorf("arguments: %w", err)
		}
		c.Arguments = append(c.Arguments, text)
	}
	if len(c.Arguments) > maxArguments {
		return nil, fmt.Errorf("arguments: got %d, want at most %d", len(c.Arguments), maxArguments)
	}
	environment := root.Member("environment")
	if environment.Kind() != strictjson.Object {
		return nil, errors.New("environment: want an object of text, perhaps an empty one")
	}
	for name, value := range environment.Members() {
		if !isVariable(name) {
			return nil, fmt.Errorf("environment: got name %q, want 1 to %d of A-Z, 0-9 and _, no digit first, and none of the dynamic linker's", name, maxVariableName)
		}
		if c.Environment[name], err = commandText(value); err != nil {
			return nil, fmt.Errorf("environment: %s: %w", name, err)
		}
	}
	if len(c.Environment) > maxEnvironment {
		return nil, fmt.Errorf("environment: got %d variables, want at most %d", len(c.Environment), maxEnvironment)
	}
	if c.UserID, err = userID(root.Member("uid")); err != nil {
		return nil, fmt.Errorf("uid: %w", err)
	}
	if c.GroupID, err = userID(root.Member("gid")); err != nil {
		return nil, fmt.Errorf("gid: %w", err)
	}
	return c, nil
}

// Marshal returns the canonical bytes of a command file.
func (c *Command) Marshal() ([]byte, error) {
	out := []byte(`{"arguments":[`)
	for i, argument := range c.Arguments {
		if i > 0 {
			out = append(out, ',')
		}
		out = strictjson.AppendString(out, argument)
	}
	out = strictjson.AppendString(append(out, `],"command":`...), c.Path)
	out = append(out, `,"environment":{`...)
	for i, name := range slices.Sorted(maps.Keys(c.Environment)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(strictjson.AppendString(out, name), ':')
		out = strictjson.AppendString(out, c.Environment[name])
	}
	out = strconv.AppendUint(append(out, `},"gid":`...), uint64(c.GroupID), 10)
	out = strconv.AppendUint(append(out, `,"uid":`...), uint64(c.UserID), 10)
	if c.Directory != "" {
		out = strictjson.AppendString(append(out, `,"workingDirectory":`...), c.Directory)
	}
	out = append(out, '}')
	// What the reader would refuse is not written.
	if _, err := ParseCommand(out); err != nil {
		return nil, err
	}
	return out, nil
}

func commandText(v strictjson.Value) (string, error) {
	if v.Kind() != strictjson.String {
		return "", errors.New("want text")
	}
	text := v.Text()
	if len(text) > maxArgument || strings.ContainsRune(text, 0) {
		return "", fmt.Errorf("got %d bytes, want at most %d and no NUL", len(text), maxArgument)
	}
	return text, nil
}

func commandPath(v strictjson.Value) (string, error) {
	text, err := commandText(v)
	if err == nil && (!path.IsAbs(text) || path.Clean(text) != text) {
		err = fmt.Errorf("got %q, want a clean absolute path", text)
	}
	return text, err
}

func userID(v strictjson.Value) (uint32, error) {
	if v.Kind() != strictjson.Number || v.Uint() > maxUserID {
		return 0, fmt.Errorf("want a number from 0 to %d", uint64(maxUserID))
	}
	return uint32(v.Uint()), nil
}

// isVariable accepts the names of variables. Those of the dynamic linker are not a
// program's settings: they say which program it is.
func isVariable(name string) bool {
	if name == "" || len(name) > maxVariableName || name[0] >= '0' && name[0] <= '9' || strings.HasPrefix(name, "LD_") {
		return false
	}
	return strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}
