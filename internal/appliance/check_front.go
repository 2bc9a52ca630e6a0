package appliance

import "github.com/ingotvm/ingot/internal/appliance/yamltext"

// checkHTTPS checks one port by itself.
func (c *checker) checkHTTPS(p Port, at func(key string) yamltext.Mark) {
	switch {
	case !p.HTTPS:
	case p.Protocol == "udp":
		c.problem(at("https"), "remove it, or make the port tcp", "the agent cannot stand in front of a udp port")
	case p.Port == HTTPSPort || p.Port == HTTPPort:
		c.problem(at("port"), "let the service listen on another, such as 127.0.0.1:8080", "port %d is the agent's own, which stands in front of the service", p.Port)
	case p.Scheme == "http":
		c.problem(at("scheme"), "remove it", "the agent stands in front of the port, so its link begins with https")
	}
}

// checkFront sees that there is one port at most that the agent stands in
// front of, and that no service wants the agent's ports then.
func (c *checker) checkFront(services []Service) {
	var front *Port
	owner := ""
	for i, s := range services {
		for j, p := range s.Ports {
			switch {
			case !p.HTTPS || p.Protocol == "udp": // which is reported
			case front == nil:
				front, owner = &p, s.Name
			default:
				c.problem(c.root.At("services", i, "ports", j, "https"), "remove one of them: port 443 leads to one application",
					"the agent stands in front of port %d of service %q already", front.Port, owner)
			}
		}
	}
	if front == nil {
		return
	}
	for i, s := range services {
		for j, p := range s.Ports {
			if !p.HTTPS && p.Protocol == "tcp" && (p.Port == HTTPSPort || p.Port == HTTPPort) {
				c.problem(c.root.At("services", i, "ports", j, "port"), "choose another, or remove https there",
					"port %d is the agent's own, which stands in front of port %d of service %q", p.Port, front.Port, owner)
			}
		}
	}
}
