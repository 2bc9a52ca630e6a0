package terminal

import (
	"slices"
	"testing"
)

func TestCells(t *testing.T) {
	if got := Cells("ab日本"); got != 6 {
		t.Errorf("cells = %d", got)
	}
	if got := Cut("日本語日本語", 7); got != "日本.." || Cells(got) > 7 {
		t.Errorf("cut = %q", got)
	}
	if got := Wrap("日本語日本語 abc", 6); !slices.Equal(got, []string{"日本語", "日本語", "abc"}) {
		t.Errorf("wrap = %q", got)
	}
	if got := Wrap("", 10); !slices.Equal(got, []string{""}) {
		t.Errorf("wrap = %q", got)
	}
}
