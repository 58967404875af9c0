// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// What a real Envoy is given in tests/edges: of each workload's port in production the filter chain
// behind mutual TLS, as Istio's code generates it. Written to MESHCA_EDGES, if that is set.
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
				tls, _ := chainsOf(in, port.WorkloadPort)
				if len(tls) == 0 {
					t.Errorf("%s/%s: no chain for port %d", service.Namespace, service.Name, port.WorkloadPort)
					continue
				}
				if folder == "" {
					continue
				}
				name := fmt.Sprintf("%s.%s.%d.json", service.Namespace, service.Name, port.WorkloadPort)
				if err := os.WriteFile(filepath.Join(folder, name), []byte(dump(t, tls[0])), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
