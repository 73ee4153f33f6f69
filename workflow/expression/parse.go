package expression

import (
	"strconv"
	"strings"
)

// maxDepth is the deepest tree of operators, functions and indexes; brackets
// around an expression do not count. GitHub: 50.
const maxDepth = 50

// maxArgs is the most arguments of the functions that take any number.
// GitHub: 255.
const maxArgs = 255

// parser builds the tree by precedence, from the weakest operator down. Its
// recursion is bounded by the length of the source.
type parser struct {
	expr   *Expr
	tokens []token
	next   int
}

// tree is a node with the depth of the tree below it, itself included.
type tree struct {
	node
	depth int
}

// Parse parses an expression, without ${{ }}. Every error is an *Error. Names
// of contexts and of functions that are not built in are not checked here: see
// Expr.Check.
func Parse(src string) (*Expr, error) {
	e, err := parse(src)
	if err != nil {
		return nil, err
	}
	return e, nil
}

func parse(src string) (*Expr, *Error) {
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{expr: &Expr{src: src}, tokens: tokens}
	if p.peek().kind == tokenEnd {
		return nil, &Error{Stage: StageParsing, Pos: -1, Expr: src, Message: "An expression was expected", Hint: "There is nothing in it"}
	}
	t, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokenEnd {
		return nil, p.unexpected()
	}
	p.expr.root = t.node
	return p.expr, nil
}

func (p *parser) peek() token { return p.tokens[p.next] }

// take moves past the next token when it is the sign.
func (p *parser) take(sign string) bool {
	if p.peek().is(sign) {
		p.next++
		return true
	}
	return false
}

// expect is take that must succeed.
func (p *parser) expect(sign string) *Error {
	if p.take(sign) {
		return nil
	}
	return p.unexpected()
}

func (p *parser) or() (tree, *Error) { return p.logical("||", p.and) }

func (p *parser) and() (tree, *Error) { return p.logical("&&", p.equality) }

// logical parses operands joined by an operator into one node, however they
// are grouped: the tree of a && (b && c) is as deep as that of a && b.
func (p *parser) logical(op string, operand func() (tree, *Error)) (tree, *Error) {
	first, err := operand()
	if err != nil || !p.peek().is(op) {
		return first, err
	}
	all := logicNode{and: op == "&&"}
	depth := all.add(first)
	for p.take(op) {
		t, err := operand()
		if err != nil {
			return tree{}, err
		}
		depth = max(depth, all.add(t))
	}
	return p.grow(&all, depth)
}

func (p *parser) equality() (tree, *Error) { return p.binary(p.relational, "==", "!=") }

func (p *parser) relational() (tree, *Error) { return p.binary(p.unary, "<", "<=", ">", ">=") }

func (p *parser) binary(operand func() (tree, *Error), ops ...string) (tree, *Error) {
	left, err := operand()
	if err != nil {
		return tree{}, err
	}
	for {
		op, ok := p.takeAny(ops)
		if !ok {
			return left, nil
		}
		right, err := operand()
		if err != nil {
			return tree{}, err
		}
		left, err = p.grow(&compareNode{op: op, left: left.node, right: right.node}, max(left.depth, right.depth))
		if err != nil {
			return tree{}, err
		}
	}
}

func (p *parser) takeAny(signs []string) (string, bool) {
	for _, sign := range signs {
		if p.take(sign) {
			return sign, true
		}
	}
	return "", false
}

func (p *parser) unary() (tree, *Error) {
	if !p.take("!") {
		return p.postfix()
	}
	t, err := p.unary()
	if err != nil {
		return tree{}, err
	}
	return p.grow(&notNode{of: t.node}, t.depth)
}

// postfix parses an operand with the properties and indexes behind it.
func (p *parser) postfix() (tree, *Error) {
	t, indexable, err := p.operand()
	for err == nil && indexable {
		switch {
		case p.take("."):
			t, err = p.property(t)
		case p.take("["):
			t, err = p.index(t)
		default:
			return t, nil
		}
	}
	return t, err
}

func (p *parser) property(of tree) (tree, *Error) {
	t := p.peek()
	switch {
	case t.is("*"):
		p.next++
		return p.grow(&wildcardNode{of: of.node}, of.depth)
	case t.kind == tokenWord:
		p.next++
		return p.grow(&indexNode{of: of.node, key: literalNode{String(t.text)}}, of.depth)
	}
	return tree{}, p.unexpected()
}

func (p *parser) index(of tree) (tree, *Error) {
	if p.take("*") {
		if err := p.expect("]"); err != nil {
			return tree{}, err
		}
		return p.grow(&wildcardNode{of: of.node}, of.depth)
	}
	key, err := p.or()
	if err != nil {
		return tree{}, err
	}
	if err := p.expect("]"); err != nil {
		return tree{}, err
	}
	return p.grow(&indexNode{of: of.node, key: key.node}, max(of.depth, key.depth))
}

// operand parses what stands between operators, and tells whether properties
// and indexes may follow: not after a literal.
func (p *parser) operand() (t tree, indexable bool, err *Error) {
	tok := p.peek()
	switch {
	case tok.is("("):
		p.next++
		if t, err = p.or(); err == nil {
			err = p.expect(")")
		}
		return t, true, err
	case tok.kind == tokenNumber:
		return p.literal(Number(tok.num))
	case tok.kind == tokenString:
		return p.literal(String(tok.str))
	case tok.kind == tokenWord:
		if v, ok := literalWord(tok.text); ok {
			return p.literal(v)
		}
		p.next++
		if p.take("(") {
			t, err = p.call(tok)
			return t, true, err
		}
		return tree{&contextNode{p.expr.context(tok)}, 1}, true, nil
	}
	return tree{}, false, p.unexpected()
}

func (p *parser) literal(v Value) (tree, bool, *Error) {
	p.next++
	return tree{literalNode{v}, 1}, false, nil
}

// call parses the arguments of a function, from behind the bracket.
func (p *parser) call(name token) (tree, *Error) {
	c := &callNode{pos: name.pos, name: name.text, slot: -1}
	depth := 0
	for !p.take(")") {
		if len(c.args) > 0 {
			if err := p.expect(","); err != nil {
				return tree{}, err
			}
		}
		arg, err := p.or()
		if err != nil {
			return tree{}, err
		}
		c.args = append(c.args, arg.node)
		depth = max(depth, arg.depth)
	}
	lower := strings.ToLower(name.text)
	if fn, ok := builtins[lower]; ok {
		c.builtin = fn.call
		if err := p.expr.checkArgs(name.pos, name.text, len(c.args), fn.minArgs, fn.maxArgs); err != nil {
			return tree{}, err
		}
		if err := fn.check(p.expr, c); err != nil {
			return tree{}, err
		}
	} else {
		c.slot = len(p.expr.calls)
		p.expr.calls = append(p.expr.calls, ref{lower: lower, text: name.text, pos: name.pos, args: len(c.args)})
	}
	p.expr.called(lower)
	return p.grow(c, depth)
}

// grow puts a node on top of a tree.
func (p *parser) grow(n node, below int) (tree, *Error) {
	if below+1 > maxDepth {
		return tree{}, &Error{Stage: StageParsing, Pos: -1, Expr: p.expr.src,
			Message: "Exceeded max expression depth " + strconv.Itoa(maxDepth)}
	}
	return tree{n, below + 1}, nil
}

// unexpected is the error for the next token.
func (p *parser) unexpected() *Error {
	t := p.peek()
	message := "Unexpected symbol"
	if t.kind == tokenEnd && p.next > 0 {
		t = p.tokens[p.next-1]
		message = "Unexpected end of expression"
	}
	return &Error{Stage: StageParsing, Pos: t.pos, Expr: p.expr.src, Message: message + ": '" + excerpt(t.text) + "'"}
}

// literalWord gives the value of the words that are literals, as they are
// written here and in no other case.
func literalWord(word string) (Value, bool) {
	switch word {
	case "null":
		return Null, true
	case "true":
		return True, true
	case "false":
		return False, true
	case "NaN":
		return Number(nan), true
	case "Infinity":
		return Number(infinity), true
	}
	return Null, false
}
