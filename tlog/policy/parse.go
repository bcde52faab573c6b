package policy

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/muster-log/muster/tlog"
)

// reader collects a policy line by line.
type reader struct {
	policy  Policy
	defined map[string]bool   // names of witnesses and groups
	members map[string]string // member -> the group it is in
	used    map[string]string // raw public key -> who has it
	names   map[keyName]bool
}

type keyName struct {
	name string
	id   uint32
}

func (r *reader) line(fields []string) error {
	switch fields[0] {
	case "log":
		return r.log(fields[1:])
	case "witness":
		return r.witness(fields[1:])
	case "group":
		return r.group(fields[1:])
	case "quorum":
		return r.quorum(fields[1:])
	}
	return fmt.Errorf("got %+.40q, want log, witness, group or quorum", fields[0])
}

func (r *reader) log(fields []string) error {
	if len(fields) < 1 || len(fields) > 2 {
		return errors.New("want: log <vkey> [<url>]")
	}
	if len(r.policy.Logs) == MaxLogs {
		return fmt.Errorf("more than %d logs", MaxLogs)
	}
	key, err := tlog.ParseVerifierKey(fields[0])
	if err != nil {
		return err
	}
	if key.Type != tlog.TypeEd25519 && key.Type != tlog.TypeCosignatureMLDSA44 {
		return fmt.Errorf("log %+.80q: key type %v cannot sign for a log: want 0x01 or 0x06", key.Name, key.Type)
	}
	if err := r.claim(key, fmt.Sprintf("log %+.80q", key.Name)); err != nil {
		return err
	}
	r.policy.Logs = append(r.policy.Logs, Log{Key: key, URL: optional(fields, 1)})
	return nil
}

func (r *reader) witness(fields []string) error {
	if len(fields) < 2 || len(fields) > 3 {
		return errors.New("want: witness <name> <vkey> [<url>]")
	}
	if len(r.policy.Witnesses) == MaxWitnesses {
		return fmt.Errorf("more than %d witnesses", MaxWitnesses)
	}
	if err := r.define(fields[0]); err != nil {
		return err
	}
	key, err := tlog.ParseVerifierKey(fields[1])
	if err != nil {
		return fmt.Errorf("witness %+.80q: %w", fields[0], err)
	}
	if !key.Type.Cosigns() {
		return fmt.Errorf("witness %+.80q: key type %v cannot cosign: want 0x04 or 0x06", fields[0], key.Type)
	}
	if err := r.claim(key, fmt.Sprintf("witness %+.80q", fields[0])); err != nil {
		return err
	}
	r.policy.Witnesses = append(r.policy.Witnesses, Witness{Name: fields[0], Key: key, URL: optional(fields, 2)})
	return nil
}

func (r *reader) group(fields []string) error {
	if len(fields) < 3 {
		return errors.New("want: group <name> all|any|<k> <member>..., with at least one member")
	}
	if len(r.policy.Groups) == MaxGroups {
		return fmt.Errorf("more than %d groups", MaxGroups)
	}
	g := Group{Name: fields[0], Members: fields[2:]}
	for _, member := range g.Members {
		if member == None {
			return fmt.Errorf("group %+.80q: none cannot be a member", g.Name)
		}
		if !r.defined[member] {
			return fmt.Errorf("group %+.80q: member %+.80q is not defined on an earlier line", g.Name, member)
		}
		if other, ok := r.members[member]; ok {
			return fmt.Errorf("group %+.80q: member %+.80q is already one of group %+.80q: it has one vote", g.Name, member, other)
		}
		if r.members == nil {
			r.members = make(map[string]string)
		}
		r.members[member] = g.Name
	}
	switch fields[1] {
	case "any":
		g.Threshold = 1
	case "all":
		g.Threshold = len(g.Members)
	default:
		k, err := strconv.Atoi(fields[1])
		if err != nil || strconv.Itoa(k) != fields[1] || k < 1 || k > len(g.Members) {
			return fmt.Errorf("group %+.80q: got threshold %+.40q, want all, any or 1 to %d", g.Name, fields[1], len(g.Members))
		}
		g.Threshold = k
	}
	if err := r.define(g.Name); err != nil {
		return err
	}
	r.policy.Groups = append(r.policy.Groups, g)
	return nil
}

func (r *reader) quorum(fields []string) error {
	if len(fields) != 1 {
		return errors.New("want: quorum <name>")
	}
	if r.policy.Quorum != "" {
		return errors.New("a second quorum line")
	}
	if fields[0] != None && !r.defined[fields[0]] {
		return fmt.Errorf("quorum %+.80q is not defined on an earlier line", fields[0])
	}
	r.policy.Quorum = fields[0]
	return nil
}

// define enters a name into the one name space of witnesses and groups.
func (r *reader) define(name string) error {
	if name == None {
		return errors.New("the name none is taken: it stands for no witness at all")
	}
	if r.defined[name] {
		return fmt.Errorf("the name %+.80q is defined twice", name)
	}
	r.defined[name] = true
	return nil
}

// claim refuses a raw key or a key name with id that somebody has already: one
// key must not count twice, and a log must not witness itself.
func (r *reader) claim(key tlog.VerifierKey, who string) error {
	if other, ok := r.used[string(key.Public)]; ok {
		return fmt.Errorf("%s has the same public key as %s", who, other)
	}
	r.used[string(key.Public)] = who
	at := keyName{key.Name, key.KeyID}
	if r.names[at] {
		return fmt.Errorf("%s has the key name and id of another key", who)
	}
	if r.names == nil {
		r.names = make(map[keyName]bool)
	}
	r.names[at] = true
	return nil
}

func optional(fields []string, i int) string {
	if i < len(fields) {
		return fields[i]
	}
	return ""
}
