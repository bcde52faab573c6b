package anchor

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
)

const (
	// version is the first line of an anchor.
	version = "muster-witness anchor v1"
	// maxLine is well above the longest line: a size and a time of 20 digits, a
	// root, a check, and an origin.
	maxLine = 512
	// maxHeader is above the longest header line, which holds a witness's name.
	maxHeader = 4096
	// maxWrite is the length of the longest write, in bytes.
	maxWrite = 1 << 20
	// checkLength is the length of a line's check in hex digits.
	checkLength = 16
)

// A Record says that a log was cosigned so far at least.
type Record struct {
	Origin string
	witness.Latest
}

// DamageError is an anchor that is not what this package wrote.
type DamageError struct {
	// Line counts from 1.
	Line int
	Err  error
}

func (e *DamageError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *DamageError) Unwrap() error { return e.Err }

// identity is the second line: the name and the key ids of the witness.
func identity(keys []tlog.VerifierKey) string {
	var line strings.Builder
	line.WriteString("witness")
	for _, key := range keys {
		fmt.Fprintf(&line, " %08x", key.KeyID)
	}
	if len(keys) > 0 {
		line.WriteString(" " + keys[0].Name)
	}
	return line.String()
}

// A chain makes the checks: each covers its line and all lines before.
type chain [sha256.Size]byte

// start is the chain after the two header lines.
func start(identity string) chain {
	return sha256.Sum256([]byte(version + "\n" + identity + "\n"))
}

// next takes a line without its check into the chain and returns the check.
func (c *chain) next(line string) string {
	hash := sha256.New()
	hash.Write(c[:])
	io.WriteString(hash, line)
	hash.Sum(c[:0])
	return hex.EncodeToString(c[:checkLength/2])
}

// appendLine appends the line of a record. last marks the end of what was
// written at once.
func (c *chain) appendLine(buffer []byte, record Record, last bool) []byte {
	mark := ","
	if last {
		mark = "."
	}
	rest := fmt.Sprintf("%s %d %d %s %s", mark, record.Size, record.Time, record.Root, record.Origin)
	buffer = append(buffer, c.next(rest)...)
	buffer = append(buffer, ' ')
	buffer = append(buffer, rest...)
	return append(buffer, '\n')
}

// parseRecord reads what follows the check of a line. Which mark it begins with
// matters only where what follows is damaged: see onlyOneWrite.
func parseRecord(line string) (record Record, err error) {
	fields := strings.SplitN(line, " ", 5)
	if len(fields) != 5 {
		return record, fmt.Errorf("want a mark, a size, a time, a root and an origin, got %d fields", len(fields))
	}
	if fields[0] != "," && fields[0] != "." {
		return record, errors.New("the mark is neither a comma nor a full stop")
	}
	for i, number := range []*uint64{&record.Size, &record.Time} {
		*number, err = strconv.ParseUint(fields[i+1], 10, 63)
		if err != nil || strconv.FormatUint(*number, 10) != fields[i+1] {
			return record, errors.New("want decimal numbers without sign or leading zero, below 2^63")
		}
	}
	if record.Time == 0 {
		return record, errors.New("the time is zero")
	}
	if record.Root, err = tlog.ParseHash(fields[3]); err != nil {
		return record, err
	}
	record.Origin = fields[4]
	return record, witness.CheckOrigin(record.Origin)
}

// read reads an anchor of the witness with that identity. The records are the
// newest of each origin. torn says that the end of the file is what a crash
// leaves of a write that was never answered for, and was left out.
func read(file io.Reader, identity string) (records map[string]Record, torn bool, err error) {
	reader := bufio.NewReaderSize(file, maxHeader)
	for i, want := range []string{version, identity} {
		line, err := readLine(reader, maxHeader)
		if err != nil || line != want {
			if i == 0 {
				return nil, false, &DamageError{1, fmt.Errorf("want %q: this is no anchor of a witness", want)}
			}
			return nil, false, &DamageError{2, fmt.Errorf("want %q: it is the anchor of another witness, or of other keys", want)}
		}
	}
	records = make(map[string]Record)
	links := start(identity)
	for number := 3; ; number++ {
		line, err := readLine(reader, maxLine)
		if err == io.EOF && line == "" {
			return records, torn, nil
		}
		if err == nil && len(line) > checkLength && line[checkLength] == ' ' {
			check, rest := line[:checkLength], line[checkLength+1:]
			if after := links; after.next(rest) == check {
				record, err := parseRecord(rest)
				if err != nil {
					return nil, false, &DamageError{number, err}
				}
				links = after
				records[record.Origin] = record
				continue
			}
		}
		// What follows may be the rest of the last write, of which a crash left
		// some pages and not others. Of a write that was answered for, nothing
		// may be missing: had another one followed it, it was.
		if err := onlyOneWrite(line, reader); err != nil {
			return nil, false, &DamageError{number, err}
		}
		return records, true, nil
	}
}

// onlyOneWrite checks that a bad line and what follows it are of one write: the
// mark of a write's end stands in the last line, if anywhere.
func onlyOneWrite(line string, rest io.Reader) error {
	left, err := io.ReadAll(io.LimitReader(rest, maxWrite+1))
	if err != nil {
		return err
	}
	ended := false
	for one := range bytes.SplitSeq(append([]byte(line+"\n"), left...), []byte("\n")) {
		if ended && len(bytes.Trim(one, "\x00")) > 0 || len(left) > maxWrite {
			return errors.New("it is damaged, and further lines follow: that is not what a crash leaves of the last write")
		}
		ended = ended || len(one) > checkLength+2 && string(one[checkLength:checkLength+3]) == " . "
	}
	return nil
}

// readLine reads a line of at most so many bytes, without its newline. A line
// that ends with the file is returned with [io.EOF].
func readLine(reader *bufio.Reader, most int) (string, error) {
	line, err := reader.ReadSlice('\n')
	if err == nil && len(line) <= most {
		return string(line[:len(line)-1]), nil
	}
	if err == nil || errors.Is(err, bufio.ErrBufferFull) {
		err = errors.New("the line is too long")
	}
	return string(line), err
}
