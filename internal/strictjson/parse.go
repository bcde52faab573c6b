package strictjson

// Parse reads one JSON value and nothing else. The error is an *Error.
func Parse(data []byte, limits Limits) (*Document, error) {
	p := &parser{
		text:   string(data),
		limits: limits,
		// Statements have a node every 30 bytes or so; what is mostly base64, fewer.
		nodes: make([]node, 0, min(len(data)/32+8, 4*limits.Values)),
		path:  make([]step, 0, 8),
	}
	if !p.value() {
		return nil, p.err
	}
	if p.at < len(p.text) {
		p.space()
		return nil, p.err
	}
	return &Document{text: p.text, nodes: p.nodes}, nil
}

// parser reads text from at on. Its methods report whether they succeeded; if
// not, err says why and nothing more is read.
type parser struct {
	text   string
	at     int
	limits Limits
	values int
	nodes  []node
	path   []step // one for each object and list that is open
	err    *Error
}

// step is the place in an open object or list that is being read: in an object
// the node of the member's name, in a list the number of the element.
type step struct {
	name    int // -1 in a list, and in an object before its first name
	element int // -1 in an object
}

func (p *parser) fail(problem Problem, offset int, want string) bool {
	p.err = &Error{
		Problem: problem,
		Member:  p.member(),
		Offset:  offset,
		Got:     p.text[offset:min(len(p.text), offset+24)],
		Want:    want,
	}
	return false
}

func (p *parser) member() string {
	var path []byte
	for _, s := range p.path {
		if s.element >= 0 {
			path = appendElement(path, s.element)
		} else if s.name >= 0 {
			path = appendMember(path, unescape(p.raw(s.name)))
		}
	}
	return string(path)
}

func (p *parser) raw(at int) string { return p.text[p.nodes[at].start:p.nodes[at].end] }

// space refuses whatever stands at a place where nothing may: white space is
// JSON, and not canonical; all else is not JSON.
func (p *parser) space() bool {
	if p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			return p.fail(ProblemNotCanonical, p.at, "no white space")
		}
	}
	return p.fail(ProblemSyntax, p.at, "JSON")
}

// value reads one value and appends its node and those of what it holds.
func (p *parser) value() bool {
	if p.at == len(p.text) {
		return p.space()
	}
	if p.values++; p.values > p.limits.Values {
		return p.fail(ProblemSize, p.at, "fewer values")
	}
	switch c := p.text[p.at]; {
	case c == '"':
		return p.string()
	case c == '{':
		return p.enter() && p.object()
	case c == '[':
		return p.enter() && p.list()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == 't':
		return p.literal("true", True)
	case c == 'f':
		return p.literal("false", False)
	case c == 'n':
		at := p.at
		return p.literal("null", 0) && p.fail(ProblemNull, at, "no null: leave the member out")
	}
	return p.space()
}

// enter opens an object or a list, unless that is too deep.
func (p *parser) enter() bool {
	if len(p.path) == p.limits.Depth {
		return p.fail(ProblemDepth, p.at, "less depth")
	}
	p.path = append(p.path, step{name: -1, element: -1})
	return true
}

// leave closes the object or list that node open began.
func (p *parser) leave(open, count int) bool {
	p.at++
	p.path = p.path[:len(p.path)-1]
	n := &p.nodes[open]
	n.end, n.next, n.count = int32(p.at), int32(len(p.nodes)), int32(count)
	return true
}

func (p *parser) open(kind Kind) int {
	p.nodes = append(p.nodes, node{kind: kind, start: int32(p.at)})
	p.at++
	return len(p.nodes) - 1
}

// skip reads the byte c if it is next.
func (p *parser) skip(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) list() bool {
	open := p.open(List)
	if p.at < len(p.text) && p.text[p.at] == ']' {
		return p.leave(open, 0)
	}
	for count := 1; ; count++ {
		p.path[len(p.path)-1].element = count - 1
		if !p.value() {
			return false
		}
		if p.at < len(p.text) && p.text[p.at] == ']' {
			return p.leave(open, count)
		}
		if !p.skip(',') {
			return p.space()
		}
	}
}

func (p *parser) object() bool {
	open := p.open(Object)
	if p.at < len(p.text) && p.text[p.at] == '}' {
		return p.leave(open, 0)
	}
	previous := -1
	for count := 1; ; count++ {
		name := len(p.nodes)
		if p.at == len(p.text) || p.text[p.at] != '"' {
			return p.space()
		}
		if !p.string() {
			return false
		}
		p.path[len(p.path)-1].name = name
		if previous >= 0 && !p.ordered(open, previous, name) {
			return false
		}
		if !p.skip(':') {
			return p.space()
		}
		if !p.value() {
			return false
		}
		if p.at < len(p.text) && p.text[p.at] == '}' {
			return p.leave(open, count)
		}
		if !p.skip(',') {
			return p.space()
		}
		previous = name
	}
}

// ordered judges the name of a member after the previous one's. Where names go
// back, and only there, all earlier ones are looked at for the same name.
func (p *parser) ordered(open, previous, name int) bool {
	text, before := unescape(p.raw(name)), unescape(p.raw(previous))
	order := compareUTF16(before, text)
	if order < 0 {
		return true
	}
	offset := int(p.nodes[name].start)
	for at := open + 1; order > 0 && at < name; at = int(p.nodes[at+1].next) {
		if unescape(p.raw(at)) == text {
			order = 0
		}
	}
	if order == 0 {
		return p.fail(ProblemDuplicate, offset, "each member once")
	}
	return p.fail(ProblemNotCanonical, offset, "members in the order of their UTF-16 code units")
}
