package serve

import (
	"context"
	"sync"
)

// pool makes things, each once however many ask for it, and keeps those that were
// used last. What is in use is never closed.
type pool[K comparable, V any] struct {
	max      int   // things kept
	maxBytes int64 // of their sizes together; 0: any
	close    func(V)

	mu    sync.Mutex
	items map[K]*pooled[V]
	clock int64
	bytes int64
	made  int64 // since the start
}

type pooled[V any] struct {
	ready chan struct{} // closed when value or err is there
	value V
	err   error
	size  int64
	users int
	used  int64 // clock of the last use
}

// get returns the thing of a key, made by make if need be. An error is told to all
// who wait and then forgotten. make goes on when the one who asked first leaves.
// The thing is in use until release is called.
func (p *pool[K, V]) get(ctx context.Context, key K, make func() (V, int64, error)) (value V, release func(), err error) {
	it := p.take(key, make)
	release = sync.OnceFunc(func() { p.leave(it) })
	select {
	case <-it.ready:
	case <-ctx.Done():
		release()
		return value, func() {}, ctx.Err()
	}
	if it.err != nil {
		release()
		return value, func() {}, it.err
	}
	return it.value, release, nil
}

func (p *pool[K, V]) take(key K, make func() (V, int64, error)) *pooled[V] {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.items == nil {
		p.items = map[K]*pooled[V]{}
	}
	p.clock++
	it, ok := p.items[key]
	if !ok {
		it = &pooled[V]{ready: newReady()}
		p.items[key] = it
		it.users++ // the maker
		go p.fill(key, it, make)
	}
	it.users++
	it.used = p.clock
	return it
}

func newReady() chan struct{} { return make(chan struct{}) }

func (p *pool[K, V]) fill(key K, it *pooled[V], make func() (V, int64, error)) {
	value, size, err := make()
	p.mu.Lock()
	it.value, it.size, it.err = value, size, err
	if err != nil {
		delete(p.items, key)
	} else {
		p.bytes += size
		p.made++
	}
	p.mu.Unlock()
	close(it.ready)
	p.leave(it)
}

// leave ends one use, and lets go of what is too much.
func (p *pool[K, V]) leave(it *pooled[V]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	it.users--
	for len(p.items) > p.max || p.maxBytes > 0 && p.bytes > p.maxBytes {
		if !p.dropOldest() {
			return
		}
	}
}

func (p *pool[K, V]) dropOldest() bool {
	var oldest K
	var found *pooled[V]
	for key, it := range p.items {
		if it.users == 0 && (found == nil || it.used < found.used) {
			oldest, found = key, it
		}
	}
	if found == nil {
		return false
	}
	delete(p.items, oldest)
	p.bytes -= found.size
	p.close(found.value)
	return true
}

// counts is how many things are kept, their bytes, and how many were made.
func (p *pool[K, V]) counts() (kept int, bytes, made int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.items), p.bytes, p.made
}
