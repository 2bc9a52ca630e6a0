package qemu

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"io"
)

// maxSide bounds a screenshot: 16384 pixels are more than any guest's mode.
const maxSide = 16384

// decodePPM reads the kind of PPM that QEMU writes: binary, 255 levels, no
// comments.
func decodePPM(r io.Reader) (image.Image, error) {
	in := bufio.NewReader(r)
	var magic string
	var width, height, levels int
	if _, err := fmt.Fscanf(in, "%2s\n%d %d\n%d\n", &magic, &width, &height, &levels); err != nil {
		return nil, err
	}
	if magic != "P6" || levels != 255 || width < 1 || width > maxSide || height < 1 || height > maxSide {
		return nil, errors.New("not a PPM of the kind that QEMU writes")
	}
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	row := make([]byte, 3*width)
	for y := range height {
		if _, err := io.ReadFull(in, row); err != nil {
			return nil, err
		}
		for x := range width {
			copy(img.Pix[img.PixOffset(x, y):], row[3*x:3*x+3])
			img.Pix[img.PixOffset(x, y)+3] = 0xff
		}
	}
	return img, nil
}
