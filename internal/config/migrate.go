package config

import (
	"encoding/json"
	"fmt"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// Migration leads from one format of the document to the next and back. Both
// ways change the document, as JSON decodes it with numbers as json.Number, in
// place; "format" is not theirs to set. Down may lose what the older format
// cannot say, and must leave a document that the older version takes.
type Migration struct {
	// From is the older format; the newer one is From + 1.
	From     int
	Up, Down func(document map[string]any) error
}

// migrations are those from format 1 to setting.Format, in order. A new format
// adds its line here, and the old document to the tests.
func migrations() []Migration { return nil }

// Downgrade is a document in an older format, for the version of the appliance
// that a rollback leads to.
func Downgrade(document []byte, to int) ([]byte, error) {
	return downgradeWith(document, to, migrations())
}

func downgradeWith(document []byte, to int, list []Migration) ([]byte, error) {
	tree, err := decodeObject(document)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration document: %w", err)
	}
	if err := downgrade(tree, to, list); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

// upgrade brings a document up to a format. A newer one is a *FormatError.
func upgrade(document map[string]any, to int, list []Migration) error {
	format, err := formatOf(document)
	if err != nil {
		return err
	}
	if format > to {
		return &FormatError{Format: format, Known: to}
	}
	for ; format < to; format++ {
		m, ok := find(list, format)
		if !ok {
			return fmt.Errorf("cannot bring the configuration from format %d to %d: there is no way", format, format+1)
		}
		if err := m.Up(document); err != nil {
			return fmt.Errorf("cannot bring the configuration from format %d to %d: %w", format, format+1, err)
		}
		setFormat(document, format+1)
	}
	return nil
}

func downgrade(document map[string]any, to int, list []Migration) error {
	format, err := formatOf(document)
	if err != nil {
		return err
	}
	if format < to || to < 1 {
		return fmt.Errorf("cannot bring the configuration from format %d back to %d", format, to)
	}
	for ; format > to; format-- {
		m, ok := find(list, format-1)
		if !ok {
			return fmt.Errorf("cannot bring the configuration from format %d back to %d: there is no way", format, format-1)
		}
		if err := m.Down(document); err != nil {
			return fmt.Errorf("cannot bring the configuration from format %d back to %d: %w", format, format-1, err)
		}
		setFormat(document, format-1)
	}
	return nil
}

func find(list []Migration, from int) (Migration, bool) {
	for _, m := range list {
		if m.From == from {
			return m, true
		}
	}
	return Migration{}, false
}

func formatOf(document map[string]any) (int, error) {
	number, ok := document["format"].(json.Number)
	if !ok {
		return 0, fmt.Errorf("cannot read the configuration document: it does not say its format")
	}
	format, err := number.Int64()
	if err != nil || format < 1 || format > 1<<30 {
		return 0, fmt.Errorf("cannot read the configuration document: %s is not a format", number)
	}
	return int(format), nil
}

func setFormat(document map[string]any, format int) {
	document["format"] = json.Number(fmt.Sprint(format))
}

// tree is a document as JSON decodes it.
func tree(d *setting.Document) map[string]any {
	data, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("config: a document cannot be encoded: %v", err)) // only plain data in it
	}
	t, err := decodeObject(data)
	if err != nil {
		panic(fmt.Sprintf("config: a document cannot be decoded: %v", err))
	}
	return t
}

// fromTree is the document of a tree; keys that it does not know are dropped.
func fromTree(t map[string]any) (*setting.Document, error) {
	data, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	var d setting.Document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, err
	}
	if d.Application == nil {
		d.Application = map[string]string{}
	}
	return &d, nil
}
