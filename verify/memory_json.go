package verify

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/muster-log/muster/internal/strictjson"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/memory"
)

// MaxMemory is the greatest size of a memory file in bytes.
const MaxMemory = memory.MaxSize + maxPins*(maxRolls*(release.MaxLive*80+1<<10)+maxChains*(6*tlog.MaxKeyName+maxAuthorityVersion*17+64))

// memoryLimits bound the JSON of a memory while it is read: its depth, and the
// values of the largest.
var memoryLimits = strictjson.Limits{
	Depth:  8,
	Values: 1<<16 + maxPins*(8+maxRolls*(11+2*release.MaxLive)+maxChains*(3+maxAuthorityVersion)),
}

// ParseMemory reads what Memory.Marshal wrote: at most MaxMemory bytes, strictly.
// The file is the reader's own, and nothing in it is verified anew.
func ParseMemory(data []byte) (*Memory, error) {
	if len(data) > MaxMemory {
		return nil, fmt.Errorf("memory: got %d bytes, want at most %d", len(data), MaxMemory)
	}
	doc, err := strictjson.Parse(data, memoryLimits)
	if err != nil {
		return nil, fmt.Errorf("memory: want canonical JSON (RFC 8785): %w", err)
	}
	root := doc.Root()
	m := &Memory{}
	for i, v := range root.Member("authorities").Elements() {
		if err := m.readPin(v); err != nil {
			return nil, fmt.Errorf("memory: authorities[%d]: %w", i, err)
		}
	}
	logs, err := memory.Parse([]byte(root.Member("logs").Raw()))
	if err != nil {
		return nil, err
	}
	m.Logs = *logs
	canonical, err := m.Marshal()
	if err != nil {
		return nil, err
	}
	// One encoding: whatever was not said, said twice or in another order shows here.
	if !bytes.Equal(canonical, data) {
		return nil, errors.New("memory: not what this program writes: a member, an order or a bound is another")
	}
	return m, nil
}

// readPin takes one pinned authority. What it is lenient about, ParseMemory's
// comparison finds.
func (m *Memory) readPin(v strictjson.Value) error {
	pin, err := memoryDigest(v.Member("authority"))
	if err != nil {
		return fmt.Errorf("authority: %w", err)
	}
	if m.under(pin) != nil {
		return fmt.Errorf("authority %s twice", pin)
	}
	p, err := m.of(pin)
	if err != nil {
		return err
	}
	if p.digest, err = memoryDigest(v.Member("digest")); err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	p.version = memoryVersion(v.Member("version"))
	for i, element := range v.Member("chains").Elements() {
		chain := chainPlaces{origin: element.Member("origin").Text()}
		for _, index := range element.Member("indices").Elements() {
			chain.indices = append(chain.indices, index.Uint())
		}
		if _, there := p.chain(chain.origin); there {
			return fmt.Errorf("chains[%d]: origin %s twice", i, quote(chain.origin))
		}
		if err := p.place(chain); err != nil {
			return fmt.Errorf("chains[%d]: %w", i, err)
		}
	}
	for i, element := range v.Member("rolls").Elements() {
		roll := remembered{product: element.Member("product").Text(), version: memoryVersion(element.Member("version")),
			index: element.Member("index").Uint(), size: element.Member("size").Uint()}
		if roll.digest, err = memoryDigest(element.Member("digest")); err != nil {
			return fmt.Errorf("rolls[%d].digest: %w", i, err)
		}
		if roll.issued, err = release.ParseTime(element.Member("issued").Text()); err != nil {
			return fmt.Errorf("rolls[%d].issued: %w", i, err)
		}
		for n, listed := range element.Member("live").Elements() {
			digest, err := memoryDigest(listed)
			if err != nil {
				return fmt.Errorf("rolls[%d].live[%d]: %w", i, n, err)
			}
			roll.live = append(roll.live, digest)
		}
		if _, there := p.roll(roll.product); there {
			return fmt.Errorf("rolls[%d]: product %s twice", i, quote(roll.product))
		}
		if err := p.learn(roll); err != nil {
			return fmt.Errorf("rolls[%d]: %w", i, err)
		}
	}
	return nil
}

func memoryDigest(v strictjson.Value) (release.Digest, error) {
	return release.ParseDigest(v.Member("sha256").Text())
}

// memoryVersion reads a version; 0, which is none, if there is no such number.
func memoryVersion(v strictjson.Value) int {
	if n := v.Uint(); n <= maxAuthorityVersion {
		return int(n)
	}
	return 0
}

// Marshal returns the canonical bytes. It refuses what ParseMemory would not read
// back.
func (m *Memory) Marshal() ([]byte, error) {
	out := []byte(`{"authorities":[`)
	for i, p := range m.pins {
		if p.version < 1 || len(p.rolls) > maxRolls {
			return nil, fmt.Errorf("memory: authorities[%d]: got version %d and %d rolls, want 1 to %d, and at most %d", i, p.version, len(p.rolls), maxAuthorityVersion, maxRolls)
		}
		out = append(out, comma(i)+`{"authority":`...)
		out = appendDigest(out, p.pin)
		out = append(out, `,"chains":[`...)
		for n, chain := range p.chains {
			if err := chain.check(p.version); err != nil {
				return nil, fmt.Errorf("memory: authorities[%d].chains[%d]: %w", i, n, err)
			}
			out = chain.append(append(out, comma(n)...))
		}
		out = append(out, `],"digest":`...)
		out = appendDigest(out, p.digest)
		out = append(out, `,"rolls":[`...)
		for n, roll := range p.rolls {
			if err := roll.check(p.version); err != nil {
				return nil, fmt.Errorf("memory: authorities[%d].rolls[%d]: %w", i, n, err)
			}
			out = append(out, comma(n)...)
			out = roll.append(out)
		}
		out = append(out, `],"version":`...)
		out = append(strconv.AppendInt(out, int64(p.version), 10), '}')
	}
	logs, err := m.Logs.Marshal()
	if err != nil {
		return nil, err
	}
	out = append(append(append(out, `],"logs":`...), logs...), '}')
	if len(out) > MaxMemory {
		return nil, fmt.Errorf("memory: got %d bytes, want at most %d", len(out), MaxMemory)
	}
	return out, nil
}

// check refuses places that no chain up to a version has.
func (c *chainPlaces) check(version int) error {
	if len(c.indices) < 1 || len(c.indices) > version-1 {
		return fmt.Errorf("got %d indices, want 1 to %d: of the versions from 2 on", len(c.indices), version-1)
	}
	before := uint64(0)
	for i, index := range c.indices {
		if index <= before || index > strictjson.MaxInteger {
			return fmt.Errorf("indices[%d]: got %d after %d, want indices that rise, up to 2^53-1", i, index, before)
		}
		before = index
	}
	if len(c.origin) > tlog.MaxKeyName {
		return fmt.Errorf("origin of %d bytes, want at most %d", len(c.origin), tlog.MaxKeyName)
	}
	return tlog.CheckKeyName(c.origin)
}

func (c *chainPlaces) append(out []byte) []byte {
	out = append(out, `{"indices":[`...)
	for i, index := range c.indices {
		out = strconv.AppendUint(append(out, comma(i)...), index, 10)
	}
	out = append(out, `],"origin":`...)
	return append(strictjson.AppendString(out, c.origin), '}')
}

// check refuses a roll that no rules make, or under a version above the highest.
func (r *remembered) check(highest int) error {
	ascending := slices.IsSortedFunc(r.live, release.Digest.Compare) && len(slices.Compact(slices.Clone(r.live))) == len(r.live)
	if r.version < 1 || r.version > highest || r.index > strictjson.MaxInteger || r.size > r.index || len(r.live) > release.MaxLive || !ascending {
		return fmt.Errorf("got version %d, index %d, size %d, %d live, want a roll of the rules, under version 1 to %d, its list ascending", r.version, r.index, r.size, len(r.live), highest)
	}
	return checkText(r.product)
}

func (r *remembered) append(out []byte) []byte {
	out = append(out, `{"digest":`...)
	out = appendDigest(out, r.digest)
	out = append(out, `,"index":`...)
	out = strconv.AppendUint(out, r.index, 10)
	out = append(out, `,"issued":`...)
	out = strictjson.AppendString(out, release.FormatTime(r.issued))
	out = append(out, `,"live":[`...)
	for i, digest := range r.live {
		out = appendDigest(append(out, comma(i)...), digest)
	}
	out = append(out, `],"product":`...)
	out = strictjson.AppendString(out, r.product)
	out = append(out, `,"size":`...)
	out = strconv.AppendUint(out, r.size, 10)
	out = append(out, `,"version":`...)
	return append(strconv.AppendInt(out, int64(r.version), 10), '}')
}

func appendDigest(out []byte, digest release.Digest) []byte {
	return append(out, `{"sha256":"`+digest.String()+`"}`...)
}

// comma stands before every element but the first.
func comma(i int) string {
	if i > 0 {
		return ","
	}
	return ""
}
