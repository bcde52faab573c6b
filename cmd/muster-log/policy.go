package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
)

// quorumName is the group that the policy's quorum names.
const quorumName = "quorum"

// witnessFlag is one --witness NAME=VKEY=URL=OPERATOR.
type witnessFlag struct {
	policy.Witness
	operator string
}

// parseWitness reads a flag. A verifier key ends in equals signs now and then,
// so the URL is found by its scheme and the operator at the end.
func parseWitness(text string) (witnessFlag, error) {
	name, rest, ok := strings.Cut(text, "=")
	end := strings.LastIndexByte(rest, '=')
	at := -1
	if end >= 0 {
		at = max(strings.LastIndex(rest[:end], "=http://"), strings.LastIndex(rest[:end], "=https://"))
	}
	if !ok || name == "" || at < 0 || end == len(rest)-1 {
		return witnessFlag{}, fmt.Errorf("want NAME=VKEY=URL=OPERATOR, such as w1=witness.example/w1+3c93ca46+BJkt...=https://witness.example=Example")
	}
	key, err := tlog.ParseVerifierKey(rest[:at])
	if err != nil {
		return witnessFlag{}, err
	}
	if !key.Type.Cosigns() {
		return witnessFlag{}, fmt.Errorf("verifier key of %q is of type %v, a witness cosigns with 0x04 or 0x06: take a key of the witness, not of a log", key.Name, key.Type)
	}
	address := rest[at+1 : end]
	if err := checkURL(address); err != nil {
		return witnessFlag{}, err
	}
	return witnessFlag{Witness: policy.Witness{Name: name, Key: key, URL: address}, operator: rest[end+1:]}, nil
}

// checkURL wants an address below which paths stand.
func checkURL(address string) error {
	parsed, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("URL: %w", err)
	}
	if parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" || parsed.User != nil || parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "" {
		return fmt.Errorf("URL %q: want https or http, a host and a path, without user, query and fragment", address)
	}
	return nil
}

// policies makes the policy of the log and those of its witnesses, of whose
// operators so many have to cosign: with the addresses of witnesses for the log,
// and without for relying parties. It refuses what no relying party should use.
func policies(key tlog.VerifierKey, address string, witnesses []witnessFlag, quorum int, logOperator string) (own, public *policy.Policy, operators map[string]string, err error) {
	own = &policy.Policy{Logs: []policy.Log{{Key: key, URL: address}}, Quorum: quorumName}
	operators = make(map[string]string)
	var votes [][]string // names of witnesses, one list an operator
	var order []string
	for _, w := range witnesses {
		if _, ok := operators[w.Name]; ok {
			return nil, nil, nil, fmt.Errorf("--witness %s is given twice", w.Name)
		}
		own.Witnesses = append(own.Witnesses, w.Witness)
		operators[w.Name] = w.operator
		at := slices.Index(order, w.operator)
		if at < 0 {
			at, order, votes = len(order), append(order, w.operator), append(votes, nil)
		}
		votes[at] = append(votes[at], w.Name)
	}
	if quorum < 1 || quorum > len(votes) {
		return nil, nil, nil, fmt.Errorf("--quorum %d: want 1 to %d, the number of operators of the witnesses: several witnesses of one operator are one vote", quorum, len(votes))
	}
	// By the letter first, as somebody would who wrote the policy by hand.
	addQuorum(own, votes, quorum)
	if err := own.Check(); err != nil {
		return nil, nil, nil, err
	}
	if err := own.CheckOperators(operators, logOperator); err != nil {
		return nil, nil, nil, err
	}
	// A witness of the log's operator is asked and never counted, neither by the
	// log nor by those who know nothing of operators.
	if at := slices.Index(order, logOperator); at >= 0 {
		addQuorum(own, slices.Delete(votes, at, at+1), quorum)
		if err := own.Check(); err != nil {
			return nil, nil, nil, err
		}
	}
	public = &policy.Policy{Logs: own.Logs, Groups: own.Groups, Quorum: own.Quorum}
	for _, w := range own.Witnesses {
		w.URL = ""
		public.Witnesses = append(public.Witnesses, w)
	}
	return own, public, operators, public.Check()
}

// addQuorum sets the groups: one for each operator with several witnesses, of
// which any cosigns, and the quorum over all operators.
func addQuorum(p *policy.Policy, votes [][]string, quorum int) {
	p.Groups = nil
	top := policy.Group{Name: quorumName, Threshold: quorum}
	for i, names := range votes {
		if len(names) == 1 {
			top.Members = append(top.Members, names[0])
			continue
		}
		group := policy.Group{Name: "operator-" + strconv.Itoa(i+1), Threshold: 1, Members: names}
		p.Groups = append(p.Groups, group)
		top.Members = append(top.Members, group.Name)
	}
	p.Groups = append(p.Groups, top)
}
