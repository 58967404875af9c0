// SPDX-License-Identifier: Apache-2.0

package conformance

// Model is the part of docs/internals/model.md that the tests ask about.
type Model struct {
	Environment struct {
		Name          string
		TrustDomain   string
		Mtls          string
		Outbound      string
		Profile       string
		FaultsAllowed bool
	}
	Namespaces []struct {
		Name    string
		Kind    string
		Enforce bool
		Mtls    string
	}
	Services     []Service
	DataServices []Service
	Gateways     []Gateway
	Externals    []External
}

type Service struct {
	Name, Namespace, Host, ServiceAccount, Principal, Class string
	Selector                                                map[string]string
	Headless                                                bool
	Ports                                                   []Port
	Subsets                                                 []struct{ Name string }
	Routes                                                  []Route
	Allow                                                   []Allow
	ByAddress                                               []ByAddress
	Callees                                                 []Callee
	Policy                                                  Policy
	Generate                                                bool
	Hosts                                                   []struct {
		Name, Host string
		Ports      []Port
	}
}

type Port struct {
	Name, Protocol, AppProtocol string
	Port                        uint32
	WorkloadPort                uint32
	Http, Tcp                   bool
	Plaintext                   *struct{ Reason string }
}

type Route struct {
	Name       string
	Match      []map[string]any
	Timeout    string
	Idempotent bool
	Retries    struct {
		Attempts      uint32
		PerTryTimeout string
	}
	Destinations []struct {
		Destination struct {
			Host, Subset string
			Port         struct{ Number uint32 }
		}
		Weight uint32
	}
	Fault map[string]any
}

type Allow struct {
	Name       string
	From       struct{ Kind, Name, Namespace string }
	Principals []string
	Ports      []string
	Methods    []string
	Paths      []string
	Tcp        bool
}

type ByAddress struct {
	Name            string
	Ports, IpBlocks []string
}

type Callee struct {
	Kind, Name, Namespace, Host string
	Port, WorkloadPort          uint32
	Timeout                     string
}

type Policy struct {
	LoadBalancer     struct{ Simple string }
	ConnectionPool   struct{ Tcp, Http map[string]any }
	OutlierDetection map[string]any
}

type Gateway struct {
	TrustedProxies                             uint32
	Name, Namespace, ServiceAccount, Principal string
	Selector                                   map[string]string
	Ingress, Egress                            bool
	Hosts                                      []string
	Limits                                     map[string]any
	Certificate                                *struct{ Namespace, SecretName string }
	Waf                                        *struct{ Backend string }
}

type External struct {
	Name, Namespace string
	Hosts           []struct {
		Host string
		Port uint32
	}
	Gateway struct {
		Name, Namespace, Host string
		Selector              map[string]string
	}
	Callers []struct{ Name, Namespace, Principal string }
}
