package build

// Kind sorts failures by what a user can do about them; the CLI turns it into
// an exit status.
type Kind int

// The kinds of failure that a caller tells apart.
const (
	// KindStage is any other failure of a stage.
	KindStage Kind = iota
	// KindDefinition is mended in appliance.yaml.
	KindDefinition
	// KindMirror is the network's or the package mirror's.
	KindMirror
	// KindSpace is a full disk.
	KindSpace
)

// Error is a failure with a hint that says what to do.
type Error struct {
	Kind    Kind
	Message string
	Hint    string
	Err     error
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.Err }
