package expression

// Expr is a parsed expression.
type Expr struct{ src string }

// Parse parses an expression, without ${{ }}.
func Parse(src string) (*Expr, error) { return &Expr{src: src}, nil }

// Eval gives the expression's value.
func (e *Expr) Eval(scope Scope) (Value, error) { return Null, nil }

// Check tells whether the scope has all contexts and functions.
func (e *Expr) Check(scope Scope) error { return nil }

// Names gives the contexts that occur.
func (e *Expr) Names() []string { return nil }

// Calls tells whether any of the functions occurs.
func (e *Expr) Calls(names ...string) bool { return false }

// Condition parses an `if`.
func Condition(src string) (*Expr, error) { return Parse(src) }

// Template is a text with ${{ }} parts.
type Template struct{ text string }

// ParseTemplate parses a text with ${{ }} parts.
func ParseTemplate(text string) (*Template, error) { return &Template{text: text}, nil }

// Eval gives the template's value.
func (t *Template) Eval(scope Scope) (Value, error) { return String(t.text), nil }

// IsLiteral tells whether the text has no expression.
func (t *Template) IsLiteral() bool { return true }

// Names gives the contexts that occur.
func (t *Template) Names() []string { return nil }

// Calls tells whether any of the functions occurs.
func (t *Template) Calls(names ...string) bool { return false }
