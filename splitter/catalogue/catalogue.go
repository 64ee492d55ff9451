// Package catalogue writes the page that people see when they point a browser at a
// target: which flat repositories there are, and how to use one. It is made from
// report.json alone, so that the page and the report cannot disagree.
package catalogue

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"

	"flatstream/splitter"
)

// PageName is the page at the top of a target.
const PageName = "index.html"

//go:embed index.html.tmpl
var page string

// Write writes the page of a target into dir, which must not have one yet. The same
// report gives the same bytes.
func Write(dir string, r *splitter.Report) (err error) {
	b, err := Render(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, PageName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("writing the catalogue: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Chmod(0o644); err != nil {
		return fmt.Errorf("writing the catalogue: %w", err)
	}
	if _, err := f.Write(b); err != nil {
		return fmt.Errorf("writing the catalogue: %w", err)
	}
	return nil
}

// Render is the page's bytes.
func Render(r *splitter.Report) ([]byte, error) {
	t, err := template.New(PageName).Parse(page)
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue's template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, sections(r)); err != nil {
		return nil, fmt.Errorf("filling the catalogue's template: %w", err)
	}
	return b.Bytes(), nil
}

// catalogue is what the template shows.
type catalogue struct {
	Report   *splitter.Report
	Sections []section
}

type section struct {
	Title string
	Rows  []row
}

type row struct {
	splitter.ReportRepo
	Name   string
	Absent int // artifacts that are missing though nothing explains it
	Beside int // repositories that it needs and does not declare: default streams, non-modular
}

func sections(r *splitter.Report) catalogue {
	merged := section{Title: "Merged repositories"}
	streams := section{Title: "Module streams"}
	for _, repo := range r.Repos {
		line := row{ReportRepo: repo, Name: repo.Path, Beside: len(repo.Requires) - len(repo.Declared)}
		for _, m := range repo.Missing {
			if m.Class == "absent" {
				line.Absent++
			}
		}
		if repo.Kind == splitter.KindStream {
			line.Name = repo.Module + ":" + repo.Stream
			streams.Rows = append(streams.Rows, line)
		} else {
			merged.Rows = append(merged.Rows, line)
		}
	}
	return catalogue{r, []section{merged, streams}}
}
