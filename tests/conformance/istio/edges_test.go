// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xdstest"
)

// What a real Envoy is given in tests/edges: of each workload's port in production the filter chain
// behind mutual TLS, as Istio's code generates it; of one that takes plaintext all of its chains.
// Written to MESHCA_EDGES, if that is set.
func TestEveryPortHasAChainForEnvoy(t *testing.T) {
	folder := os.Getenv("MESHCA_EDGES")
	for _, env := range Environments(t) {
		if env.Name != "production" {
			continue
		}
		g := generate(t, env)
		for _, service := range all(env) {
			in := inbound(t, g.server.Listeners(g.proxy(service.Namespace, service.Name)))
			for _, port := range service.Ports {
				tls, plain := chainsOf(in, port.WorkloadPort)
				if len(tls) == 0 {
					t.Errorf("%s/%s: no chain for port %d", service.Namespace, service.Name, port.WorkloadPort)
					continue
				}
				if folder == "" {
					continue
				}
				name := fmt.Sprintf("%s.%s.%d.json", service.Namespace, service.Name, port.WorkloadPort)
				write(t, filepath.Join(folder, name), dump(t, tls[0]))
				if port.Plaintext == nil {
					continue
				}
				chains := []string{}
				for _, chain := range append(tls, plain...) {
					chains = append(chains, dump(t, chain))
				}
				name = fmt.Sprintf("%s.%s.%d.all.json", service.Namespace, service.Name, port.WorkloadPort)
				write(t, filepath.Join(folder, name), "["+strings.Join(chains, ",\n")+"]")
			}
		}
	}
}

// The same of each ingress gateway: its chains for HTTPS, and the routes that they ask for. How many
// proxies stand before it, the pods' annotation says (templates/workloads/gateway.yaml).
func TestEveryGatewayHasAChainForEnvoy(t *testing.T) {
	folder := os.Getenv("MESHCA_EDGES")
	for _, env := range Environments(t) {
		if env.Name != "production" {
			continue
		}
		g := generate(t, env)
		for _, gateway := range env.Model.Gateways {
			if !gateway.Ingress {
				continue
			}
			proxy := g.proxy(gateway.Namespace, gateway.Name)
			proxy.Metadata.ProxyConfig = (*model.NodeMetaProxyConfig)(&meshconfig.ProxyConfig{
				GatewayTopology: &meshconfig.Topology{NumTrustedProxies: gateway.TrustedProxies}})
			chains := []string{}
			for _, one := range g.server.Listeners(proxy) {
				if one.GetAddress().GetSocketAddress().GetPortValue() == 443 {
					for _, chain := range one.FilterChains {
						chains = append(chains, dump(t, chain))
					}
				}
			}
			if len(chains) != 1 {
				t.Fatalf("%s has %d chains for HTTPS, want 1", gateway.Name, len(chains))
			}
			if folder == "" {
				continue
			}
			name := filepath.Join(folder, gateway.Namespace+"."+gateway.Name)
			routes := strings.Join(xdstest.DumpList(t, g.server.Routes(proxy)), ",\n")
			write(t, name+".chain.json", chains[0])
			write(t, name+".routes.json", "["+routes+"]")
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
