package network_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/network"
	"github.com/muster-log/muster/witness/witnesstest"
)

// vkey makes the key of a log.
func vkey(tb testing.TB, name string) string {
	tb.Helper()
	return witnesstest.NewKey(tb, name, tlog.TypeEd25519).Verifier().String()
}

// text writes a list as the format says.
func text(list *network.List) string {
	var b strings.Builder
	b.WriteString("logs/v0\n")
	for _, log := range list.Logs {
		fmt.Fprintf(&b, "\nvkey %s\n", log.Key)
		if log.Origin != log.Key.Name || log.Origin == "none" {
			fmt.Fprintf(&b, "origin %s\n", log.Origin)
		}
		fmt.Fprintf(&b, "qpd %d\ncontact %s\n", log.RequestsPerDay, log.Contact)
	}
	return b.String()
}

// item is what the tests compare: a key has parts of its own.
type item struct {
	Origin, Key, Contact string
	RequestsPerDay       uint64
	Line                 int
}

func items(list *network.List) []item {
	var all []item
	for _, log := range list.Logs {
		all = append(all, item{log.Origin, log.Key.String(), log.Contact, log.RequestsPerDay, log.Line})
	}
	return all
}

func TestParse(t *testing.T) {
	a, b, c := vkey(t, "log.example/a"), vkey(t, "log.example/b"), vkey(t, "log.example/c")
	for name, test := range map[string]struct {
		list string
		want []item
	}{
		"no log":           {"logs/v0", nil},
		"no log, comments": {"# a list\n\n  # of nothing\nlogs/v0\n#logs/v1\n", nil},
		"logs": {"#\n# List: mine\n#\nlogs/v0\n\n# the first\nvkey " + a + "\nqpd 86400\ncontact https://log.example/a#contact\n" +
			"vkey " + b + "\norigin a log with spaces\nqpd 1\ncontact ops (at) log.example | phone\n",
			[]item{{"log.example/a", a, "https://log.example/a#contact", 86400, 7}, {"a log with spaces", b, "ops (at) log.example | phone", 1, 10}}},
		"white space at both ends": {"\tlogs/v0 \r\n   vkey " + a + "\r\n\tqpd   7\r\n  # within an item\r\n\r\ncontact  x  \r\n",
			[]item{{"log.example/a", a, "x", 7, 2}}},
		"the first text's lines": {"logs/v0\nvkey " + a + "\norigin none\nbastion none\nqpd 5\ncontact x\n" +
			"vkey " + b + "\norigin none\nqpd 6\nbastion https://bastion.log.example/\ncontact y\n",
			[]item{{"log.example/a", a, "x", 5, 2}, {"log.example/b", b, "y", 6, 7}}},
		"a log with two keys": {"logs/v0\nvkey " + a + "\nqpd 5\ncontact x\nvkey " + b + "\norigin log.example/a\nqpd 5\ncontact x\n",
			[]item{{"log.example/a", a, "x", 5, 2}, {"log.example/a", b, "x", 5, 5}}},
		"a key of two logs": {"logs/v0\nvkey " + c + "\norigin tree 1\nqpd 5\ncontact x\nvkey " + c + "\norigin tree 2\nqpd 6\ncontact x\n",
			[]item{{"tree 1", c, "x", 5, 2}, {"tree 2", c, "x", 6, 6}}},
		"the greatest rate, no last line break": {"logs/v0\nvkey " + a + "\nqpd 2147483647\ncontact x",
			[]item{{"log.example/a", a, "x", network.MaxRequestsPerDay, 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := network.Parse([]byte(test.list))
			if err != nil {
				t.Fatal(err)
			}
			if difference := cmp.Diff(test.want, items(list)); difference != "" {
				t.Errorf("(- want, + got)\n%s", difference)
			}
			again, err := network.Parse([]byte(text(list)))
			if err != nil || len(again.Logs) != len(list.Logs) {
				t.Errorf("written again: %v\n%s", err, text(list))
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	a, b := vkey(t, "log.example/a"), vkey(t, "log.example/b")
	cosigner := witnesstest.NewKey(t, "log.example/a", tlog.TypeCosignatureEd25519).Verifier().String()
	mldsa := witnesstest.NewKey(t, "log.example/a", tlog.TypeCosignatureMLDSA44).Verifier().String()
	one := "vkey " + a + "\nqpd 5\ncontact x\n"
	for name, test := range map[string]struct {
		list string
		line int
		want string
	}{
		"empty":                   {"", 0, "no line"},
		"comments alone":          {"# nothing\n", 0, "no line"},
		"another version":         {"\nlogs/v1\n", 2, `want "logs/v0"`},
		"no header":               {one, 1, "no log list"},
		"a page of HTML":          {"<!DOCTYPE html>\n", 1, "no log list"},
		"two headers":             {"logs/v0\nlogs/v0\n", 2, "want vkey"},
		"a byte order mark":       {"\ufefflogs/v0\n", 1, "no log list"},
		"no vkey":                 {"logs/v0\nqpd 5\ncontact x\n", 2, "want vkey"},
		"vkey without a value":    {"logs/v0\nvkey\nqpd 5\ncontact x\n", 2, "verifier key"},
		"vkey and more":           {"logs/v0\nvkey " + a + " more\nqpd 5\ncontact x\n", 2, "verifier key"},
		"a witness's key":         {"logs/v0\nvkey " + cosigner + "\nqpd 5\ncontact x\n", 2, "Ed25519 (0x01) alone"},
		"an ML-DSA-44 key":        {"logs/v0\nvkey " + mldsa + "\nqpd 5\ncontact x\n", 2, "Ed25519 (0x01) alone"},
		"another key id":          {"logs/v0\nvkey log.example/c" + a[len("log.example/a"):] + "\n", 2, "key id"},
		"two vkeys":               {"logs/v0\nvkey " + a + "\nvkey " + b + "\nqpd 5\ncontact x\n", 3, "want origin or qpd"},
		"origin without a value":  {"logs/v0\nvkey " + a + "\norigin\nqpd 5\ncontact x\n", 3, "origin without a value"},
		"origin twice":            {"logs/v0\nvkey " + a + "\norigin x\norigin y\nqpd 5\ncontact x\n", 4, "want qpd"},
		"origin behind qpd":       {"logs/v0\nvkey " + a + "\nqpd 5\norigin x\ncontact x\n", 4, "want contact"},
		"an origin too long":      {"logs/v0\nvkey " + a + "\norigin " + strings.Repeat("o", witness.MaxOrigin+1) + "\nqpd 5\ncontact x\n", 5, "item of line 2"},
		"a control character":     {"logs/v0\nvkey " + a + "\norigin a\x1b[2Jb\nqpd 5\ncontact x\n", 3, "control character"},
		"a carriage return":       {"logs/v0\nvkey " + a + "\norigin a\rqpd 5\ncontact x\n", 3, "control character"},
		"a C1 control":            {"logs/v0\nvkey " + a + "\nqpd 5\ncontact a\u009bb\n", 4, "control character"},
		"no UTF-8":                {"logs/v0\nvkey " + a + "\norigin \xff\nqpd 5\ncontact x\n", 3, "UTF-8"},
		"bastion twice":           {"logs/v0\nvkey " + a + "\nbastion none\nqpd 5\nbastion none\ncontact x\n", 5, "want contact"},
		"bastion without a value": {"logs/v0\nvkey " + a + "\nbastion\nqpd 5\ncontact x\n", 3, "bastion without a value"},
		"no qpd":                  {"logs/v0\nvkey " + a + "\ncontact x\n", 3, "want origin or qpd"},
		"qpd twice":               {"logs/v0\nvkey " + a + "\nqpd 5\nqpd 5\ncontact x\n", 4, "want contact"},
		"no contact":              {"logs/v0\nvkey " + a + "\nqpd 5\n" + one, 4, "want contact"},
		"contact without a value": {"logs/v0\nvkey " + a + "\nqpd 5\ncontact \n", 4, "contact without a value"},
		"cut off":                 {"logs/v0\n" + one + "vkey " + b + "\n", 5, "item of line 5, want origin or qpd"},
		"cut off behind qpd":      {"logs/v0\nvkey " + a + "\nqpd 5\n", 3, "want contact"},
		"an unknown line":         {"logs/v0\nvkey " + a + "\nqpd 5\nurl https://log.example/\ncontact x\n", 4, `got a line "url"`},
		"capitals":                {"logs/v0\nVKEY " + a + "\nqpd 5\ncontact x\n", 2, "want vkey"},
		"a tab behind the word":   {"logs/v0\nvkey\t" + a + "\nqpd 5\ncontact x\n", 2, "control character"},
		"a line too long":         {"logs/v0\nvkey " + a + "\nqpd 5\ncontact " + strings.Repeat("x", network.MaxLine) + "\n", 4, "at most 2048"},
		"an item twice":           {"logs/v0\n" + one + one, 7, "lines 2 and 5"},
		"two rates":               {"logs/v0\n" + one + "vkey " + b + "\norigin log.example/a\nqpd 6\ncontact x\n", 8, "qpd 5 and 6"},
		"two contacts":            {"logs/v0\n" + one + "vkey " + b + "\norigin log.example/a\nqpd 5\ncontact y\n", 8, "two contacts"},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, test.list, test.line, test.want) })
	}
	for _, value := range []string{"", "0", "-1", "+1", "01", "1.5", "1e3", "0x10", "1_000", "٣", "2147483648", "18446744073709551616", "5 6", "none"} {
		t.Run("qpd "+value, func(t *testing.T) {
			wantError(t, "logs/v0\nvkey "+a+"\nqpd "+value+"\ncontact x\n", 3, "from 1 to 2147483647")
		})
	}
}

func wantError(t *testing.T, list string, line int, want string) {
	t.Helper()
	got, err := network.Parse([]byte(list))
	failure, ok := errors.AsType[*network.Error](err)
	if !ok || got != nil || failure.Line != line || !strings.Contains(failure.Error(), want) {
		t.Errorf("got %v, %v, want an error of line %d with %q", got, err, line, want)
	}
	if ok && strings.ContainsFunc(failure.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("the error is not plain: %q", failure.Error())
	}
}

func TestBounds(t *testing.T) {
	key := vkey(t, "log.example/a")
	list := []byte("logs/v0\n")
	for i := range network.MaxLogs {
		list = fmt.Appendf(list, "vkey %s\norigin %d\nqpd 1\ncontact x\n", key, i)
	}
	if read, err := network.Parse(list); err != nil || len(read.Logs) != network.MaxLogs {
		t.Fatalf("as many logs as can be: %v", err)
	}
	wantError(t, string(list)+"vkey "+key+"\n", 2+4*network.MaxLogs, "more than 100000 logs")
	wantError(t, "logs/v0\n"+strings.Repeat("#\n", network.MaxList/2), 0, "more than 67108864 bytes")

	keys := []byte("logs/v0\n")
	for i := range network.MaxKeys {
		keys = fmt.Appendf(keys, "vkey %s\norigin one\nqpd 1\ncontact x\n", vkey(t, fmt.Sprint("key", i)))
	}
	if _, err := network.Parse(keys); err != nil {
		t.Fatalf("as many keys as can be: %v", err)
	}
	wantError(t, string(keys)+"vkey "+key+"\norigin one\nqpd 1\ncontact x\n", 5+4*network.MaxKeys, "more than 16 items of origin")
}

// FuzzParse: what is read holds what Parse promises, and says the same once written
// again.
func FuzzParse(f *testing.F) {
	a, b := vkey(f, "log.example/a"), vkey(f, "log.example/b")
	f.Add([]byte("logs/v0\n"))
	f.Add([]byte("# x\nlogs/v0\n\nvkey " + a + "\norigin none\nqpd 24\nbastion none\ncontact x y\n"))
	f.Add([]byte("logs/v0\nvkey " + a + "\norigin two keys\nqpd 24\ncontact x\nvkey " + b + "\norigin two keys\nqpd 24\ncontact x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := network.Parse(data)
		if err != nil {
			failure, ok := errors.AsType[*network.Error](err)
			if !ok || failure.Line < 0 || failure.Line > strings.Count(string(data), "\n")+1 {
				t.Fatalf("got error %v", err)
			}
			return
		}
		for _, log := range list.Logs {
			if err := witness.CheckOrigin(log.Origin); err != nil || log.Contact == "" || log.Key.Type != tlog.TypeEd25519 ||
				log.RequestsPerDay < 1 || log.RequestsPerDay > network.MaxRequestsPerDay {
				t.Fatalf("got %+v, %v", log, err)
			}
		}
		if strings.Contains(text(list), "\norigin none\n") {
			return // a key named none: the word means the key's name
		}
		again, err := network.Parse([]byte(text(list)))
		if err != nil {
			t.Fatalf("%v\n%s", err, text(list))
		}
		lines := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Line" }, cmp.Ignore())
		if difference := cmp.Diff(items(list), items(again), lines); difference != "" {
			t.Errorf("(- read, + written and read)\n%s", difference)
		}
	})
}

// Who gives a key file in place of a list does not find the key in a log.
func TestParseKeepsSecret(t *testing.T) {
	key := witnesstest.NewKey(t, "w1", tlog.TypeEd25519).String()
	// PRIVATE+KEY+<name>+<key id>+<base64, which may hold a plus sign>
	secret := strings.SplitN(key, "+", 5)[4][:8]
	for _, list := range []string{key + "\n", "logs/v0\n" + key + "\n", "logs/v0\nvkey " + key + "\n"} {
		_, err := network.Parse([]byte(list))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("got %v, want an error without the key", err)
		}
	}
}
