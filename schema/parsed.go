package schema

import "github.com/gatewright/gatewright/schema/internal/syntax"

// parsed holds files that were read to be classified, until they are evaluated
// for the first time: CUE changes a syntax tree when it compiles it, so that no
// tree serves twice.
type parsed struct {
	files map[string]*syntax.File
	bytes int
}

// maxParsed bounds the text of the files that are held.
const maxParsed = 16 << 20

// put holds a file.
func (p *parsed) put(f unitFile, file *syntax.File) {
	if p.files == nil || p.bytes > maxParsed {
		p.files, p.bytes = map[string]*syntax.File{}, 0
	}
	p.files[f.Path+"\x00"+f.Digest] = file
	p.bytes += len(f.Data)
}

// take returns a file, read anew unless it is held.
func (p *parsed) take(f unitFile) *syntax.File {
	key := f.Path + "\x00" + f.Digest
	if file, ok := p.files[key]; ok {
		delete(p.files, key)
		p.bytes -= len(f.Data)
		return file
	}
	return syntax.Read(f.Path, f.Data)
}
