package closure

import (
	"context"
	"maps"

	"flatstream/repodata"
)

// Reading a repository is a line of three who work at once: one finds the elements and
// knows those that were read before, one parses the others, one indexes them. They hand
// on batches.

// arrivalBatch bounds what is handed on at a time, in bytes of elements.
const arrivalBatch = 256 << 10

// reading is one element: which package it is, and its text and content if that is new.
type reading struct {
	repodata.Element
	element
	id    int32
	fresh bool
	pkg   *repodata.Package
}

type readings struct {
	list []reading
	err  error // after the list
}

// read takes the packages of a repository in. After an error the universe is as if those
// that were not indexed had never been met.
func (u *Universe) read(ctx context.Context, repo *repository, r *repodata.Repo) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	found, parsed := make(chan readings, 4), make(chan readings, 4)
	go u.find(ctx, r, found)
	go parse(found, parsed)
	defer func() {
		cancel()
		for range parsed { // until both are done
		}
		if err != nil {
			maps.DeleteFunc(u.elements, func(_ element, id int32) bool { return int(id) >= len(u.packages) })
		}
	}()
	for batch := range parsed {
		for _, e := range batch.list {
			if e.fresh {
				u.insert(e.element, e.pkg)
			}
			if !repo.packages.has(e.id) {
				repo.packages.add(e.id)
				if first := u.pkgids[e.pkgid]; first != e.id {
					repo.differs = append(repo.differs, [2]int32{e.id, first})
				}
			}
		}
		if batch.err != nil {
			return batch.err
		}
	}
	return ctx.Err()
}

// find sends the elements of a repository, with the numbers that their packages have or
// will have. Until it is done, u.elements is its own.
func (u *Universe) find(ctx context.Context, r *repodata.Repo, to chan<- readings) {
	defer close(to)
	next := int32(len(u.packages))
	var batch readings
	var text []byte
	send := func() bool {
		select {
		case to <- batch:
			batch, text = readings{}, nil
			return true
		case <-ctx.Done():
			return false
		}
	}
	for e, err := range r.Elements(ctx, repodata.TypePrimary) {
		if err != nil {
			batch.err = err
			break
		}
		one := reading{element: element{e.PkgID, u.hash(e.Raw[:e.Loc.Start], e.Raw[e.Loc.End:])}}
		id, known := u.elements[one.element]
		if one.id = id; !known {
			one.id, one.fresh = next, true
			u.elements[one.element] = next
			next++
			if len(text)+len(e.Raw) > cap(text) {
				text = make([]byte, 0, max(arrivalBatch, len(e.Raw)))
			}
			start := len(text)
			text = append(text, e.Raw...)
			e.Raw = text[start:len(text):len(text)]
			one.Element = e
		}
		if batch.list = append(batch.list, one); len(text) > arrivalBatch-arrivalBatch/8 || len(batch.list) >= 1024 {
			if !send() {
				return
			}
		}
	}
	send()
}

// parse parses what is new.
func parse(from <-chan readings, to chan<- readings) {
	defer close(to)
	decoder := repodata.Decoder{Apart: true}
	for batch := range from {
		for i := range batch.list {
			e := &batch.list[i]
			if !e.fresh {
				continue
			}
			p, err := decoder.Package(e.Element, repodata.PartRelations|repodata.PartFiles)
			if err != nil {
				batch.list, batch.err = batch.list[:i], err
				break
			}
			e.pkg = p
		}
		to <- batch
		if batch.err != nil {
			for range from { // its sender must not wait
			}
			return
		}
	}
}
