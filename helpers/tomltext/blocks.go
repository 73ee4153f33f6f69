package tomltext

import "bytes"

// Block is one [[name]] table with its sub-tables, the comment lines directly
// above their headers, and the comments within.
type Block struct {
	Index int    // its position in the array of tables
	Path  string // name[index]
	Line  int    // of its header
	spans []span
}

type span struct{ start, end int }

// Blocks gives the [[name]] tables in the order of the text.
func (d *Doc) Blocks(name string) []Block {
	owners, headers := d.owners(name)
	blocks := make([]Block, len(headers))
	for i, st := range headers {
		blocks[i] = Block{Index: i, Path: Index(Join("", name), i), Line: d.statements[st].line}
	}
	for i := 0; i < len(owners); {
		from, owner := i, owners[i]
		for i < len(owners) && owners[i] == owner {
			i++
		}
		if owner >= 0 {
			blocks[owner].spans = append(blocks[owner].spans, d.widen(from, i-1))
		}
	}
	return blocks
}

// owners gives for each statement the block that it belongs to, or -1, and
// the statements that open the blocks.
func (d *Doc) owners(name string) (owners, headers []int) {
	owners = make([]int, len(d.statements))
	current := -1
	lastContent := -1 // the last statement that is not blank, not a comment
	for i, st := range d.statements {
		owners[i] = -1
		switch st.kind {
		case header:
			before := current
			switch keys := d.entries[st.entry]; {
			case keys.Keys[0] != name:
				current = -1
			case len(keys.Keys) == 1 && keys.Kind == ArrayTable:
				headers = append(headers, i)
				current = len(headers) - 1
			default: // a sub-table
				current = len(headers) - 1
			}
			lead := d.leadingComments(i, lastContent)
			d.fillGap(owners, lastContent, lead, before, before == current)
			for j := lead; j <= i; j++ {
				owners[j] = current
			}
			lastContent = i
		case keyValue:
			d.fillGap(owners, lastContent, i, current, true)
			owners[i] = current
			lastContent = i
		}
	}
	d.fillGap(owners, lastContent, len(d.statements), current, false)
	return owners, headers
}

// fillGap decides about the blank lines and comments between two statements.
// Inside one block all belong to it; behind its end only the comments do that
// stand directly below its last line.
func (d *Doc) fillGap(owners []int, after, before, owner int, inside bool) {
	if after < 0 {
		return
	}
	for i := after + 1; i < before; i++ {
		if !inside && d.statements[i].kind == blank {
			return
		}
		owners[i] = owner
	}
}

// leadingComments gives the first of the comment lines directly above a
// header. Where no blank line parts them from the lines before, commented-out
// keys are taken to belong there.
func (d *Doc) leadingComments(at, lastContent int) int {
	first := at
	for first-1 > lastContent && d.statements[first-1].kind == comment {
		first--
	}
	if first-1 != lastContent || lastContent < 0 {
		return first
	}
	for i := at - 1; i >= first; i-- {
		if d.isCommentedKey(d.statements[i]) {
			return i + 1
		}
	}
	return first
}

func (d *Doc) isCommentedKey(st statement) bool {
	text := bytes.TrimLeft(d.data[st.start:st.end], " \t#")
	s := newScanner(text)
	_, ok := s.keys()
	return ok && s.peek() == '='
}

// widen gives the bytes of statements, with the blank lines before them, or
// those after where the text starts with them.
func (d *Doc) widen(from, to int) span {
	for from > 0 && d.statements[from-1].kind == blank {
		from--
	}
	if from == 0 {
		for to+1 < len(d.statements) && d.statements[to+1].kind == blank {
			to++
		}
	}
	return span{d.statements[from].start, d.statements[to].end}
}

// AppendBlock gives the text with a block of lines added at its end, parted
// by a blank line. The text before is unchanged, save that a missing newline
// at its end is added. The block is given the text's kind of newline.
func (d *Doc) AppendBlock(block string) []byte {
	newline := []byte("\n")
	if i := bytes.IndexByte(d.data, '\n'); i > 0 && d.data[i-1] == '\r' {
		newline = []byte("\r\n")
	}
	out := bytes.Clone(d.data)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, newline...)
	}
	if n := len(d.statements); n > 0 && d.statements[n-1].kind != blank {
		out = append(out, newline...)
	}
	body := bytes.ReplaceAll(bytes.TrimRight([]byte(block), "\r\n"), []byte("\r\n"), []byte("\n"))
	out = append(out, bytes.ReplaceAll(body, []byte("\n"), newline)...)
	return append(out, newline...)
}

// RemoveBlock gives the text without a block of this Doc and without the
// blank lines that part it from what is before.
func (d *Doc) RemoveBlock(block Block) []byte {
	out := make([]byte, 0, len(d.data))
	end := 0
	for _, s := range block.spans {
		out = append(out, d.data[end:s.start]...)
		end = s.end
	}
	return append(out, d.data[end:]...)
}
