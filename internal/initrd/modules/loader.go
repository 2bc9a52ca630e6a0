package modules

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
)

// Loader loads modules of an index, each once. It may be used from several
// goroutines.
type Loader struct {
	index  *Index
	insert func(path string) error
	slots  chan struct{} // one per module being inserted

	mu     sync.Mutex
	loaded map[string]*load // by path
	ended  bool
}

type load struct {
	done  chan struct{}
	begun bool // given to the kernel, under the loader's lock
	err   error
}

// NewLoader loads with insert, which is given a path of the index and is
// called from at most parallel goroutines at once.
func NewLoader(index *Index, insert func(path string) error, parallel int) *Loader {
	return &Loader{
		index: index, insert: insert,
		slots: make(chan struct{}, parallel), loaded: map[string]*load{},
	}
}

// Load loads the named modules side by side and returns when all are there.
// Names that the initrd does not contain are skipped: see [Index.Has]. The
// error tells of every module that could not be loaded.
func (l *Loader) Load(names ...string) error {
	errs := make([]error, len(names))
	var work sync.WaitGroup
	for i, name := range names {
		m, ok := l.index.byName[normal(name)]
		if !ok {
			continue
		}
		work.Go(func() { errs[i] = l.one(m) })
	}
	work.Wait()
	return errors.Join(errs...)
}

// Files are the files of the named modules that were not given to the kernel,
// in an order in which each has what it needs. After End that is final.
func (l *Loader) Files(names ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var files []string
	for _, name := range names {
		m, ok := l.index.byName[normal(name)]
		if !ok {
			continue
		}
		for _, file := range append(slices.Clone(m.needs), m.path) {
			if have := l.loaded[file]; (have == nil || !have.begun) && !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	return files
}

// End makes every later Load do nothing. Insertions that have begun go on.
func (l *Loader) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

func (l *Loader) one(m module) error {
	for _, need := range m.needs {
		// The list is complete and in order, so each has what it needs itself.
		if err := l.file(need); err != nil {
			return err
		}
	}
	return l.file(m.path)
}

func (l *Loader) file(path string) error {
	l.mu.Lock()
	have, ok := l.loaded[path]
	if !ok {
		have = &load{done: make(chan struct{})}
		l.loaded[path] = have
	}
	l.mu.Unlock()
	if ok {
		<-have.done
		return have.err
	}
	l.slots <- struct{}{}
	err := l.begin(path, have)
	<-l.slots
	if Failed(err) {
		have.err = fmt.Errorf("cannot load kernel module %s: %w", nameOf(path), err)
	}
	close(have.done)
	return have.err
}

// Failed says whether an error of inserting a module is one. EEXIST: built in,
// or loaded by the kernel. ENODEV: the module looked for its hardware, for
// instance processor instructions, and left.
func Failed(err error) bool {
	return err != nil && !errors.Is(err, syscall.EEXIST) && !errors.Is(err, syscall.ENODEV)
}

func (l *Loader) begin(path string, this *load) error {
	l.mu.Lock()
	ended := l.ended
	this.begun = !ended
	l.mu.Unlock()
	if ended {
		return syscall.ENODEV // as if its hardware were not there
	}
	return l.insert(path)
}
