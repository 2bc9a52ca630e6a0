package seed

import (
	"context"
	"fmt"
	"strings"
)

// seedDisk reads a whole text from a disk or CD with the label INGOT-SEED.
type seedDisk struct{ Options }

// Label is that of the media on which seeds for Ingot come.
const Label = "INGOT-SEED"

func isSeedLabel(label string) bool { return strings.EqualFold(label, Label) }

func (seedDisk) Name() string { return "disk" }

func (p seedDisk) Read(ctx context.Context) (Answers, error) {
	names := []string{"seed.yaml", "seed.json", "ingot.yaml"}
	volumes, err := p.media(ctx, func(d device) bool { return isSeedLabel(d.label) }, names...)
	c := newCollector(p.Name(), p.Options)
	for _, v := range volumes {
		if len(v.files) == 0 {
			c.problem("", "the disk %s has the label %s and none of the files %s", v.device, Label, strings.Join(names, ", "))
		}
		for _, name := range names {
			text, ok := v.files[name]
			if !ok {
				continue
			}
			if err := c.text(text); err != nil {
				return Answers{}, fmt.Errorf("cannot read the seed %s on %s: %w", name, v.device, err)
			}
		}
	}
	if err != nil {
		return Answers{}, fmt.Errorf("cannot look for disks with the label %s: %w", Label, err)
	}
	return c.finish()
}
