package repository

import (
	"errors"

	"github.com/ingotvm/ingot/internal/release"
)

// ErrCut is what [Repository.CutAfter] fails with.
var ErrCut = errors.New("cut")

// CutAfter lets a repository write so many files and no more.
func (r *Repository) CutAfter(writes int) { r.files = &cutting{realFiles{r.Dir}, writes} }

type cutting struct {
	files
	left int
}

func (c *cutting) write(name string, data []byte) error {
	if c.left--; c.left < 0 {
		return ErrCut
	}
	return c.files.write(name, data)
}

func (c *cutting) blob(b release.Blob, from string) error {
	if c.left--; c.left < 0 {
		return ErrCut
	}
	return c.files.blob(b, from)
}
