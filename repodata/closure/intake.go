package closure

import (
	"context"
	"maps"
	"slices"

	"flatstream/repodata"
)

// Reading a repository is a line of three who work at once: one finds the elements and
// knows those that were read before, one parses the others, one indexes them. They hand
// on batches.

// arrivalBatch bounds what is handed on at a time, in bytes of elements.
const arrivalBatch = 256 << 10

// indexedAtOnce is how many packages are indexed at a time: enough for the misses to
// overlap, few enough for what was read of them to stay in the cache.
const indexedAtOnce = 8

// reading is one element: which package it is, and its text and content if that is new.
type reading struct {
	repodata.Element
	pkgid string
	id    int32
	fresh bool
	pkg   *repodata.Package
}

type readings struct {
	list    []reading
	text    []byte            // their elements, side by side
	decoder *repodata.Decoder // whose memory the packages have
	err     error             // after the list
}

// heldReadings is how many batches are kept to be filled again: as many as can be on
// their way.
const heldReadings = 12

// emptyReadings is a batch to fill.
func (u *Universe) emptyReadings() readings {
	select {
	case r := <-u.emptied:
		return r
	default:
		return readings{decoder: &repodata.Decoder{Apart: true}}
	}
}

// keepReadings takes a batch back that was indexed, with all that it held copied.
func (u *Universe) keepReadings(r readings) {
	clear(r.list)
	r.decoder.Reset()
	select {
	case u.emptied <- readings{list: r.list[:0], text: r.text[:0], decoder: r.decoder}:
	default:
	}
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
		for some := range slices.Chunk(batch.list, indexedAtOnce) {
			u.take(repo, some)
		}
		if batch.err != nil {
			return batch.err
		}
		u.keepReadings(batch)
	}
	return ctx.Err()
}

// take takes some packages in.
func (u *Universe) take(repo *repository, some []reading) {
	u.insertAll(some)
	for _, e := range some {
		if !repo.packages.has(e.id) {
			repo.packages.add(e.id)
			if u.differing.has(e.id) {
				repo.differs = append(repo.differs, [2]int32{e.id, u.withPkgID(e.pkgid)})
			}
		}
	}
}

// find sends the elements of a repository, with the numbers that their packages have or
// will have. Until it is done, u.elements is its own.
func (u *Universe) find(ctx context.Context, r *repodata.Repo, to chan<- readings) {
	defer close(to)
	next := int32(len(u.packages))
	batch := u.emptyReadings()
	send := func() bool {
		select {
		case to <- batch:
			batch = u.emptyReadings()
			return true
		case <-ctx.Done():
			return false
		}
	}
	for e, err := range u.memory.Elements(ctx, r, repodata.TypePrimary) {
		if err != nil {
			batch.err = err
			break
		}
		key := u.identify(e)
		id, known := u.elements[key]
		one := reading{pkgid: e.PkgID, id: id}
		if !known {
			one.id, one.fresh = next, true
			u.elements[key] = next
			next++
			if len(batch.text)+len(e.Raw) > cap(batch.text) { // what is in the old one stays there
				batch.text = make([]byte, 0, max(min(2*cap(batch.text), arrivalBatch), 2*len(e.Raw)))
			}
			start := len(batch.text)
			batch.text = append(batch.text, e.Raw...)
			e.Raw = batch.text[start:len(batch.text):len(batch.text)]
			one.Element = e
		}
		if batch.list = append(batch.list, one); len(batch.text) > arrivalBatch-arrivalBatch/8 || len(batch.list) >= 1024 {
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
	for batch := range from {
		for i := range batch.list {
			e := &batch.list[i]
			if !e.fresh {
				continue
			}
			p, err := batch.decoder.Package(e.Element, repodata.PartRelations|repodata.PartFiles)
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
