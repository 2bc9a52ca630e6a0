//go:build !amd64

package seed

// backdoor is not there on other processors.
type backdoor struct{}

// Get finds nothing.
func (backdoor) Get([]string) (map[string]string, error) { return nil, nil }
