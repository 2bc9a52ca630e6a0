package build

import (
	"bytes"
	"context"
	"fmt"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/release"
)

// smallest compresses with the zstd program at its best level, some tenth
// smaller than the Go encoder's: for what is built seldom and downloaded by
// every customer. One thread per frame, so that the bytes are the same on
// every machine with the same zstd.
func (m makers) smallest(ctx context.Context) release.Encoder {
	return func(block []byte) ([]byte, error) {
		var packed bytes.Buffer
		err := m.run.Run(ctx, host.Command{
			Name:  "zstd",
			Args:  []string{"-19", "--single-thread", "--quiet", "--stdout", fmt.Sprintf("--stream-size=%d", len(block))},
			Stdin: bytes.NewReader(block), Stdout: &packed,
		})
		if err != nil {
			return nil, fmt.Errorf("cannot compress: %w", err)
		}
		return packed.Bytes(), nil
	}
}
