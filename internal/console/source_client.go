package console

import "github.com/ingotvm/ingot/internal/api/client"

// FromClient is the agent as a client reaches it, asked as the console.
func FromClient(c *client.Client) Source { return clientSource{c.AsConsole()} }

// clientSource is a client; sessions are its copies with a token.
type clientSource struct{ *client.Client }

// As implements [Source].
func (c clientSource) As(token string) Source { return clientSource{c.WithToken(token)} }

var _ Previewer = clientSource{}
