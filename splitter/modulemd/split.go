package modulemd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// text is one YAML document as it stands in the file.
type text struct {
	index int    // from 0
	line  int    // of its first line in the file, from 1
	raw   []byte // without its --- and ... lines
}

// documents cuts a YAML stream into documents by lines, before any YAML parser
// sees it, so that a broken document cannot spoil the next and its text is kept
// exactly. YAML allows this: "---" and "..." at the start of a line, followed by
// white space or nothing, are markers even inside a scalar (YAML 1.2, 9.1.4), and
// an indented "---" never is (P24). Documents of blanks and comments alone, such
// as the one after a final "---", say nothing and are left out.
//
// Memory is bounded by maxDocument. The error, if any, is the last pair.
func documents(r io.Reader) iter.Seq2[text, error] {
	return func(yield func(text, error) bool) {
		s := splitter{in: bufio.NewReaderSize(r, 64<<10)}
		for {
			doc, err := s.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(doc, err) || err != nil {
				return
			}
		}
	}
}

// splitter holds the place in the stream between two documents.
type splitter struct {
	in    *bufio.Reader
	lines int   // read so far
	size  int64 // bytes read so far
	index int   // of the next document
	marks int   // marker lines read so far
	open  bool  // a "---" line has begun the next document
	rest  []byte
	ended bool
	buf   []byte // for the document being read, used again
}

// next returns the next document that says something, or io.EOF.
func (s *splitter) next() (text, error) {
	for {
		doc, err := s.chunk()
		if err != nil {
			return doc, err
		}
		if s.marks++; s.marks > maxMarkers {
			return doc, hostile("more than %d lines of --- and ...", maxMarkers)
		}
		if silent(doc.raw) {
			continue
		}
		if s.index >= maxDocuments {
			return doc, hostile("more than %d documents", maxDocuments)
		}
		doc.index, doc.raw = s.index, bytes.Clone(doc.raw)
		s.index++
		return doc, nil
	}
}

// chunk reads up to and including the next marker line. The text is good until the
// next call.
func (s *splitter) chunk() (doc text, err error) {
	if s.ended {
		return text{}, io.EOF
	}
	doc = text{line: s.lines + 1, raw: s.buf[:0]}
	if s.open && len(s.rest) > 0 {
		doc.line, doc.raw = s.lines, append(doc.raw, s.rest...)
	}
	defer func() { s.buf = doc.raw }()
	inside := s.open
	s.open, s.rest = false, nil
	for {
		start := len(doc.raw)
		err := s.line(&doc.raw)
		if err != nil && err != io.EOF {
			return doc, err
		}
		line := doc.raw[start:]
		switch {
		case err == io.EOF && len(line) == 0:
			s.ended = true
			return doc, nil
		case isMarker(line, "..."):
			doc.raw = doc.raw[:start]
			return doc, nil
		case isMarker(line, "---"):
			s.open = true
			if !silent(line[3:]) {
				s.rest = bytes.Clone(line[3:])
			}
			doc.raw = doc.raw[:start]
			return doc, nil
		case !inside && line[0] == '%':
			doc.raw = doc.raw[:start] // a directive such as %YAML 1.2
		case !silent(line):
			inside = true
		}
	}
}

// line appends one line with its ending to dst, within the limits.
func (s *splitter) line(dst *[]byte) error {
	for {
		part, err := s.in.ReadSlice('\n')
		if s.size == 0 {
			part = bytes.TrimPrefix(part, []byte("\xef\xbb\xbf"))
		}
		s.size += int64(len(part))
		switch {
		case s.size > maxFile:
			return hostile("more than %d MiB", maxFile>>20)
		case len(*dst)+len(part) > maxDocument:
			return hostile("document %d (line %d) has more than %d MiB", s.index, s.lines+1, maxDocument>>20)
		}
		*dst = append(*dst, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("line %d: %w", s.lines+1, err)
		}
		s.lines++
		return err
	}
}

// isMarker reports whether line is the marker followed by white space or nothing.
func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// silent reports whether raw holds only blank lines and comments.
func silent(raw []byte) bool {
	for line := range bytes.Lines(raw) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}
