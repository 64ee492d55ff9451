package catalogue

import (
	"html/template"
	"iter"
	"strings"
)

// rows writes the long lists of packages. There are tens of thousands of rows in a
// target, for which html/template takes longer than all else that a split does; so they
// are put together here, from constants, [rows.text] and [rows.link] alone.
type rows struct {
	strings.Builder
	root string
}

// text appends what upstream may have chosen.
func (r *rows) text(s string) { template.HTMLEscape(r, []byte(s)) }

// link appends a link to a repository's page.
func (r *rows) link(f *flat, text string) {
	r.WriteString(`<a href="`)
	r.text(link(r.root, f.Page))
	r.WriteString(`">`)
	r.text(text)
	r.WriteString(`</a>`)
}

func (r *rows) version(version, arch string) {
	r.text(version)
	r.WriteString(`<i>.`)
	r.text(arch)
	r.WriteString(`</i>`)
}

// nameRows are the rows of a letter's page: of each name where its builds are, and why
// not elsewhere.
// They come piece by piece: all of a letter may be 30 MB.
func nameRows(root string, names []*named) iter.Seq[template.HTML] {
	return func(yield func(template.HTML) bool) {
		r := &rows{root: root}
		for i, n := range names {
			r.named(n)
			if i < len(names)-1 && r.Len() < pieceSize {
				continue
			}
			if !yield(template.HTML(r.String())) {
				return
			}
			r.Reset()
		}
	}
}

// pieceSize is how much of a long list is put together at once, bytes.
const pieceSize = 32 << 10

// named appends the row of one name.
func (r *rows) named(n *named) {
	r.WriteString("\n<li class=\"entry\"><b>")
	r.text(n.Name)
	r.WriteString("</b><ul>")
	for _, b := range n.Builds {
		r.WriteString("<li>")
		r.version(b.Version, b.Arch)
		for _, f := range b.In {
			r.WriteByte(' ')
			r.link(f, f.Title)
		}
		r.WriteString("</li>")
	}
	for _, why := range n.Notes {
		r.WriteString(`<li class="why">`)
		r.text(why.NEVRA)
		r.WriteString(" is not in ")
		r.link(why.Flat, why.Flat.Title)
		r.WriteString(": ")
		if why.By != nil {
			r.link(why.By, why.Text)
		} else {
			r.text(why.Text)
		}
		r.WriteString("</li>")
	}
	r.WriteString("</ul></li>")
}

// listedRows are the rows of a stream's page.
func listedRows(list []listed) template.HTML {
	r := &rows{}
	for _, l := range list {
		r.WriteString("\n<li class=\"entry\"><b>")
		r.text(l.Name)
		r.WriteString("</b>")
		if l.Broken {
			r.WriteString(` <span class="badge bad">problem</span>`)
		}
		r.WriteString(`<span class="evrs">`)
		for _, b := range l.Builds {
			r.WriteString("<span>")
			r.version(b.Version, b.Arch)
			r.WriteString("</span>")
		}
		r.WriteString("</span></li>")
	}
	return template.HTML(r.String())
}

// repoRows are links to repositories.
func repoRows(root string, list []*flat) template.HTML {
	r := &rows{root: root}
	for _, f := range list {
		r.WriteString("\n<li>")
		r.link(f, f.Title)
		if f.Note != "" {
			r.WriteString(` <span class="note">`)
			r.text(f.Note)
			r.WriteString("</span>")
		}
		r.WriteString("</li>")
	}
	return template.HTML(r.String())
}
