package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// execute runs the stage's maker and puts its outputs in the cache.
func (r *run) execute(ctx context.Context, s Stage) (*meta, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	temp, err := r.cache.tempDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	job := &Job{Stage: s, Temp: filepath.Join(temp, "work"), dir: filepath.Join(temp, "out"), needed: r.artifact}
	for _, dir := range []string{job.Temp, job.dir} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, r.cache.failure("make temporary folder", err)
		}
	}
	log, err := r.cache.openLog(s, r.keys[s.Name])
	if err != nil {
		return nil, err
	}
	defer log.Close()
	job.Log = log
	job.Progress = func(done, total int64) { r.watch.progress(s.Name, done, total) }

	r.watch.started(s.Name)
	start := time.Now()
	err = r.makers[s.Kind].Run(ctx, job)
	if misuse := job.firstMisuse(); misuse != nil {
		err = misuse
	}
	if err == nil {
		err = r.recheckFiles(s)
	}
	m := &meta{Record: newRecord(s, r.makers[s.Kind].Version, r.keys), Created: start.UTC(), Duration: time.Since(start)}
	if err == nil {
		err = r.cache.commit(ctx, job.dir, m)
	}
	if err == nil {
		return m, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx) // what the maker says of being cancelled is no news
	}
	err = r.stageError(s, log, err)
	r.watch.failed(s.Name, err)
	return nil, err
}

// artifact is the path of a needed stage's output, or "".
func (r *run) artifact(stage, name string) string {
	r.mu.Lock()
	p := r.pending[stage]
	r.mu.Unlock()
	if p == nil {
		return ""
	}
	<-p.done // long since: needs are present before a stage runs
	return p.result.Outputs[name]
}

// recheckFiles refuses results of files that changed while they were read.
func (r *run) recheckFiles(s Stage) error {
	for _, f := range s.Files {
		digest, tree, err := digestPath(f.Path)
		if err != nil {
			return err
		}
		if digest != f.Digest {
			return fmt.Errorf("%s changed while the build was reading it; build again", f.Path)
		}
		if tree != nil {
			r.mu.Lock()
			if r.listed[s.Name] == nil {
				r.listed[s.Name] = map[string]treeDigest{}
			}
			r.listed[s.Name][f.Name] = tree
			r.mu.Unlock()
		}
	}
	return nil
}

func (r *run) stageError(s Stage, log *stageLog, err error) error {
	e := &StageError{Stage: s.Name, Err: err, LogTail: log.lastLines(20)}
	if log.written() {
		e.LogPath = log.path
	}
	var storage *StorageError
	if !errors.As(err, &storage) && (isNoSpace(err) || saysNoSpace(err, e.LogTail)) {
		if !isNoSpace(err) {
			err = fmt.Errorf("%w (%w)", err, unix.ENOSPC) // only a program's message told of it
		}
		e.Err = storageError(r.cache.dir, err)
	}
	return e
}

// stageLog is a file that remembers its end.
type stageLog struct {
	path string

	mu   sync.Mutex
	file *os.File
	tail []byte
	size int64
}

// tailBytes is what of a log is kept in memory: twenty long lines.
const tailBytes = 16 << 10

func (c *Cache) openLog(s Stage, key string) (*stageLog, error) {
	path := filepath.Join(c.dir, "logs", s.Name+"-"+shortDigest(key)+".log")
	f, err := os.Create(path)
	if err != nil {
		return nil, c.failure("write log", err)
	}
	return &stageLog{path: path, file: f}, nil
}

// Write never fails: a stage is not to fail for the sake of its log.
func (l *stageLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size += int64(len(p))
	l.tail = append(l.tail, p...)
	if len(l.tail) > 2*tailBytes {
		l.tail = bytes.Clone(l.tail[len(l.tail)-tailBytes:])
	}
	_, _ = io.Copy(l.file, bytes.NewReader(p))
	return len(p), nil
}

func (l *stageLog) lastLines(n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := lastLines(l.tail, n)
	for i, line := range lines {
		lines[i] = lastOverprint(line)
	}
	return lines
}

func (l *stageLog) written() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size > 0
}

// Close removes a log that holds nothing.
func (l *stageLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size == 0 {
		os.Remove(l.path)
	}
	return l.file.Close()
}

// lastOverprint is what a terminal would show of a line that was overwritten
// with carriage returns.
func lastOverprint(line string) string {
	return line[strings.LastIndexByte(line, '\r')+1:]
}
