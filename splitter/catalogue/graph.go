package catalogue

// graph is a drawing of a stream with the streams that it needs below it and those
// that need it above it: one column, so that it is as readable on a telephone.
type graph struct {
	Height int
	Nodes  []node
	Edges  []edge
	Above  int // streams that need it and are not drawn
	Below  int // streams that it needs and are not drawn
}

// node is one stream as a box.
type node struct {
	*flat
	Label string // its title, shortened to fit
	Own   bool   // the page's own stream
	X, Y  int    // of the left upper corner
}

// TextX and TextY are where the label begins.
func (n node) TextX() int { return n.X + 12 }

// TextY is the label's base line.
func (n node) TextY() int { return n.Y + 21 }

// edge is an arrow from who needs to what is needed: down the margin from a box's left
// side to another's.
type edge struct {
	FromX, FromY, ToX, ToY int
	Margin                 int // where the line turns
}

// The drawing's measures, in units of its own: it is as wide as its place.
const (
	graphWidth = 320
	boxWidth   = 268
	boxHeight  = 32
	boxStep    = 42
	indent     = graphWidth - boxWidth - 2
	maxDrawn   = 9  // on each side
	maxLabel   = 30 // characters in a box
)

// newGraph draws a stream; nil when it stands alone.
func newGraph(own *flat, needed []*flat) *graph {
	above, below := first(maxDrawn, own.NeededBy), first(maxDrawn, needed)
	if len(above)+len(below) == 0 {
		return nil
	}
	g := &graph{Above: len(own.NeededBy) - len(above), Below: len(needed) - len(below)}
	y := 2
	put := func(f *flat, x int) node {
		n := node{f, shorten(maxLabel, f.Title), f == own, x, y}
		g.Nodes = append(g.Nodes, n)
		y += boxStep
		return n
	}
	var users, needs []node
	for _, f := range above {
		users = append(users, put(f, indent))
	}
	self := put(own, 2)
	for _, f := range below {
		needs = append(needs, put(f, indent))
	}
	g.Height = y - boxStep + boxHeight + 4
	for _, n := range users { // from its left side down to the top of the own box
		g.Edges = append(g.Edges, edge{n.X, n.Y + boxHeight/2, 24, self.Y, 24})
	}
	for _, n := range needs { // from the bottom of the own box to its left side
		g.Edges = append(g.Edges, edge{24, self.Y + boxHeight, n.X, n.Y + boxHeight/2, 24})
	}
	return g
}

// shorten cuts the middle out of a label.
func shorten(n int, s string) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n/2]) + "…" + string(r[len(r)-n/2+1:])
}
