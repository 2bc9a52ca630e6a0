package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// blockSize is the unit in which artifacts are hashed and copied. It is part
// of the digest's definition; changing it means raising keyFormat.
const blockSize = 1 << 20

// contentDigest is the SHA-256, in hex, of the SHA-256s of the file's blocks:
// blocks can be hashed side by side, and holes need not be read.
func contentDigest(ctx context.Context, f *os.File, size int64) (string, error) {
	blocks := (size + blockSize - 1) / blockSize
	sums := make([][sha256.Size]byte, blocks)
	holes, err := dataMap(f, size)
	if err != nil {
		return "", err
	}
	zero := zeroSum(blockSize)
	workers := min(runtime.NumCPU(), 4)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			buf := make([]byte, blockSize)
			for i := int64(w); i < blocks; i += int64(workers) {
				if ctx.Err() != nil {
					errs[w] = context.Cause(ctx)
					return
				}
				n := min(blockSize, size-i*blockSize)
				if !holes.hasData(i) {
					if sums[i] = zero; n < blockSize {
						sums[i] = zeroSum(n)
					}
					continue
				}
				if _, err := f.ReadAt(buf[:n], i*blockSize); err != nil {
					errs[w] = err
					return
				}
				sums[i] = sha256.Sum256(buf[:n])
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	return digestOfSums(sums), nil
}

func digestOfSums(sums [][sha256.Size]byte) string {
	all := sha256.New()
	for _, s := range sums {
		all.Write(s[:])
	}
	return hex.EncodeToString(all.Sum(nil))
}

func zeroSum(n int64) [sha256.Size]byte { return sha256.Sum256(make([]byte, n)) }

// blockMap says which blocks of a file hold data; nil means all.
type blockMap []bool

func (m blockMap) hasData(block int64) bool { return m == nil || m[block] }

// dataMap asks the file system where the holes are; one that cannot say has none.
func dataMap(f *os.File, size int64) (blockMap, error) {
	m := make(blockMap, (size+blockSize-1)/blockSize)
	for at := int64(0); at < size; {
		start, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if err == unix.ENXIO {
			break // only a hole is left
		}
		if err == unix.EINVAL || err == unix.EOPNOTSUPP {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot find holes in %s: %w", f.Name(), err)
		}
		end, err := unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
		if err != nil {
			return nil, fmt.Errorf("cannot find holes in %s: %w", f.Name(), err)
		}
		for b := start / blockSize; b*blockSize < min(end, size); b++ {
			m[b] = true
		}
		at = end
	}
	return m, nil
}

// copySparse copies size bytes of src to the empty file dst, leaving holes
// where src has holes or zeros, and returns the content digest of what it copied.
func copySparse(ctx context.Context, dst, src *os.File, size int64) (string, error) {
	holes, err := dataMap(src, size)
	if err != nil {
		return "", err
	}
	if err := dst.Truncate(size); err != nil {
		return "", err
	}
	sums := make([][sha256.Size]byte, (size+blockSize-1)/blockSize)
	buf := make([]byte, blockSize)
	zero := zeroSum(blockSize)
	for i := range sums {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		at := int64(i) * blockSize
		n := min(blockSize, size-at)
		block := buf[:n]
		if !holes.hasData(int64(i)) {
			if sums[i] = zero; n < blockSize {
				sums[i] = zeroSum(n)
			}
			continue
		}
		if _, err := src.ReadAt(block, at); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		sums[i] = sha256.Sum256(block)
		if err := writeNonZero(dst, block, at); err != nil {
			return "", err
		}
	}
	return digestOfSums(sums), nil
}

// writeNonZero writes the pages of block that are not all zero.
func writeNonZero(dst *os.File, block []byte, at int64) error {
	const page = 4096 // the smallest hole that file systems make
	for from := 0; from < len(block); {
		if isZero(block[from:min(from+page, len(block))]) {
			from += page
			continue
		}
		to := from
		for to < len(block) && !isZero(block[to:min(to+page, len(block))]) {
			to += page
		}
		to = min(to, len(block))
		if _, err := dst.WriteAt(block[from:to], at+int64(from)); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func isZero(b []byte) bool {
	for len(b) >= 8 {
		if b[0]|b[1]|b[2]|b[3]|b[4]|b[5]|b[6]|b[7] != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
