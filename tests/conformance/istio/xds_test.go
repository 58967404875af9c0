// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pilot/test/xdstest"
	istioconfig "istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/collections"
)

type generated struct {
	env    Environment
	server *xds.FakeDiscoveryServer
	places map[string]place
}

func slicesOf(env Environment) []*unstructured.Unstructured {
	byName := map[string]place{}
	for _, place := range places(env) {
		byName[place.Namespace+"/"+place.Name] = place
	}
	var out []*unstructured.Unstructured
	for _, object := range append(existing(env), env.Objects...) {
		if object.GetKind() != "Service" {
			continue
		}
		selector, _, _ := unstructured.NestedStringMap(object.Object, "spec", "selector")
		ports, _, _ := unstructured.NestedSlice(object.Object, "spec", "ports")
		for _, place := range byName {
			if place.Namespace != object.GetNamespace() || len(selector) == 0 ||
				!matches(place.Selector, selector) {
				continue
			}
			var listed []any
			for _, one := range ports {
				port := one.(map[string]any)
				target := port["targetPort"]
				if target == nil {
					target = port["port"]
				}
				listed = append(listed, map[string]any{"name": port["name"], "port": target,
					"protocol": "TCP"})
			}
			out = append(out, &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
				"metadata": map[string]any{"name": object.GetName() + "-" + place.Name,
					"namespace": object.GetNamespace(),
					"labels":    map[string]any{"kubernetes.io/service-name": object.GetName()}},
				"addressType": "IPv4", "ports": listed,
				"endpoints": []any{map[string]any{"addresses": []any{place.Address},
					"conditions": map[string]any{"ready": true},
					"targetRef": map[string]any{"kind": "Pod", "name": place.Name + "-0",
						"namespace": place.Namespace}}},
			}})
		}
	}
	return out
}

func matches(have, want map[string]string) bool {
	for key, value := range want {
		if have[key] != value {
			return false
		}
	}
	return true
}

func generate(t *testing.T, env Environment) generated {
	t.Helper()
	if err := keysForAll(); err != nil {
		t.Fatal(err)
	}
	var kube, istio []*unstructured.Unstructured
	for _, object := range env.Objects {
		gvk := object.GroupVersionKind()
		_, ours := collections.Pilot.FindByGroupVersionAliasesKind(istioconfig.GroupVersionKind{
			Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind})
		switch {
		case gvk.Group == "" || gvk.Group == "discovery.k8s.io":
			kube = append(kube, object)
		case ours && !scheme.Scheme.Recognizes(gvk):
			istio = append(istio, object)
		}
	}
	kube = append(append(append(kube, existing(env)...), workloads(env)...), slicesOf(env)...)
	out := generated{env: env, places: map[string]place{}}
	for _, place := range places(env) {
		out.places[place.Namespace+"/"+place.Name] = place
	}
	out.server = xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		KubernetesObjectString: text(t, kube), ConfigString: text(t, istio), MeshConfig: env.Mesh})
	return out
}

func (g generated) proxy(namespace, name string) *model.Proxy {
	place, known := g.places[namespace+"/"+name]
	if !known {
		panic("no workload " + namespace + "/" + name)
	}
	kind := model.SidecarProxy
	if place.Gateway {
		kind = model.Router
	}
	return g.server.SetupProxy(&model.Proxy{Type: kind, ConfigNamespace: namespace,
		ID: name + "-0." + namespace, IPAddresses: []string{place.Address}, Labels: place.Selector,
		VerifiedIdentity: nil,
		Metadata: &model.NodeMetadata{Namespace: namespace, Labels: place.Selector,
			ClusterID: "Kubernetes", ServiceAccount: place.ServiceAccount}})
}

func all(env Environment) []Service {
	return append(append([]Service{}, env.Model.Services...), env.Model.DataServices...)
}

func inbound(t *testing.T, listeners []*listener.Listener) *listener.Listener {
	t.Helper()
	found := xdstest.ExtractListener("virtualInbound", listeners)
	if found == nil {
		t.Fatal("no inbound listener")
	}
	return found
}

func chainsOf(inbound *listener.Listener, port uint32) (tls, plain []*listener.FilterChain) {
	for _, chain := range inbound.FilterChains {
		if chain.GetFilterChainMatch().GetDestinationPort().GetValue() != port {
			continue
		}
		if chain.GetTransportSocket() != nil {
			tls = append(tls, chain)
		} else {
			plain = append(plain, chain)
		}
	}
	return tls, plain
}

// Bullet 2.1: one TLS chain per port; plaintext only where the inventory says so.
func TestInboundIsTLSOnly(t *testing.T) {
	for _, env := range Environments(t) {
		if env.Model.Environment.Mtls != "STRICT" {
			continue
		}
		t.Run(env.Name, func(t *testing.T) {
			g := generate(t, env)
			for _, service := range all(env) {
				in := inbound(t, g.server.Listeners(g.proxy(service.Namespace, service.Name)))
				for _, port := range service.Ports {
					tls, plain := chainsOf(in, port.WorkloadPort)
					if port.Plaintext != nil {
						if len(tls) == 0 || len(plain) == 0 {
							t.Errorf("%s port %d: %d TLS and %d plaintext chains, want some of both",
								service.Name, port.WorkloadPort, len(tls), len(plain))
						}
						continue
					}
					if len(tls) != 1 || len(plain) != 0 {
						t.Errorf("%s port %d: %d TLS and %d plaintext chains, want 1 and 0",
							service.Name, port.WorkloadPort, len(tls), len(plain))
					}
				}
			}
		})
	}
}

func dump(t *testing.T, chain *listener.FilterChain) string {
	t.Helper()
	return xdstest.Dump(t, chain)
}

// Bullets 4.1, 4.2: every principal that the model allows is in the proxy's rules of that port, no
// other is, and a port without an allowed caller still has rules.
func TestRulesNameTheModelsPrincipals(t *testing.T) {
	for _, env := range Environments(t) {
		t.Run(env.Name, func(t *testing.T) {
			enforced := map[string]bool{}
			known := []string{}
			for _, namespace := range env.Model.Namespaces {
				enforced[namespace.Name] = namespace.Enforce
			}
			for _, place := range places(env) {
				known = append(known, place.Principal)
			}
			g := generate(t, env)
			for _, service := range all(env) {
				if !enforced[service.Namespace] {
					continue
				}
				in := inbound(t, g.server.Listeners(g.proxy(service.Namespace, service.Name)))
				for _, port := range service.Ports {
					tls, _ := chainsOf(in, port.WorkloadPort)
					for _, chain := range tls {
						checkRules(t, service, port, dump(t, chain), known)
					}
				}
			}
		})
	}
}

func checkRules(t *testing.T, service Service, port Port, config string, known []string) {
	t.Helper()
	if !strings.Contains(config, ".rbac") {
		t.Errorf("%s port %d has no authorization filter", service.Name, port.WorkloadPort)
		return
	}
	for _, principal := range known {
		allowed := slices.ContainsFunc(service.Allow, func(allow Allow) bool {
			return slices.Contains(allow.Principals, principal) &&
				(len(allow.Ports) == 0 || slices.Contains(allow.Ports,
					strconv.Itoa(int(port.WorkloadPort))))
		})
		// Rules of a workload are in every chain with their port as a condition; so a principal
		// may be there for another port, but one that the model allows nowhere may not.
		anywhere := slices.ContainsFunc(service.Allow, func(allow Allow) bool {
			return slices.Contains(allow.Principals, principal)
		})
		there := strings.Contains(config, "spiffe://"+principal+"\"")
		if allowed && !there {
			t.Errorf("%s port %d: %s is not in the rules", service.Name, port.WorkloadPort, principal)
		}
		if !anywhere && there {
			t.Errorf("%s port %d: %s is in the rules without an edge", service.Name,
				port.WorkloadPort, principal)
		}
	}
}

// Callers without an identity: the proxy judges the other end of the connection, never what a
// header says, in every chain of the workload; the addresses are the model's and no others.
func TestAddressesAreTheModels(t *testing.T) {
	for _, env := range Environments(t) {
		t.Run(env.Name, func(t *testing.T) {
			g := generate(t, env)
			for _, service := range all(env) {
				blocks := 0
				for _, rule := range service.ByAddress {
					blocks += len(rule.IpBlocks)
				}
				in := inbound(t, g.server.Listeners(g.proxy(service.Namespace, service.Name)))
				for _, port := range service.Ports {
					tls, plain := chainsOf(in, port.WorkloadPort)
					for _, chain := range append(tls, plain...) {
						checkAddresses(t, service, port, dump(t, chain), blocks)
					}
				}
			}
		})
	}
}

func checkAddresses(t *testing.T, service Service, port Port, config string, blocks int) {
	t.Helper()
	if found := strings.Count(config, "\"directRemoteIp\""); found != blocks {
		t.Errorf("%s port %d: %d addresses in its rules, want %d", service.Name, port.WorkloadPort, found, blocks)
	}
	if strings.Contains(config, "\"remoteIp\"") {
		t.Errorf("%s port %d judges by X-Forwarded-For", service.Name, port.WorkloadPort)
	}
	for _, rule := range service.ByAddress {
		for _, block := range rule.IpBlocks {
			address, _, _ := strings.Cut(block, "/")
			if !strings.Contains(config, "\""+address+"\"") {
				t.Errorf("%s port %d: %s is not in its rules", service.Name, port.WorkloadPort, block)
			}
		}
	}
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	value, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Routes that a caller's proxy has for one port of a host: each port has a table of its own.
func virtualHost(routes []*route.RouteConfiguration, port uint32, domain string) *route.VirtualHost {
	for _, config := range routes {
		for _, host := range config.VirtualHosts {
			if config.Name == strconv.Itoa(int(port)) && slices.Contains(host.Domains, domain) {
				return host
			}
		}
	}
	return nil
}

func isHTTP(service Service, workloadPort uint32) bool {
	return slices.ContainsFunc(service.Ports, func(port Port) bool {
		return port.WorkloadPort == workloadPort && port.Http
	})
}

// The model's routes that a request to this port can take: those for other ports are none of
// its, nor is what comes after one that takes everything.
func byName(service Service, port uint32) map[string]Route {
	out := map[string]Route{}
	for _, one := range service.Routes {
		applies, everything := len(one.Match) == 0, len(one.Match) == 0
		for _, match := range one.Match {
			value, named := number(match, "port")
			if !named || value == port {
				applies = true
				everything = everything || len(match) == 0 || (named && len(match) == 1)
			}
		}
		if applies {
			out[one.Name] = one
		}
		if everything {
			break
		}
	}
	return out
}

// Bullets 3.1, 3.3, 7.3, 7.4: a caller's proxy has the routes of the model: names, timeouts,
// subsets; retries only on routes that are idempotent.
func TestRoutesAreTheModels(t *testing.T) {
	for _, env := range Environments(t) {
		t.Run(env.Name, func(t *testing.T) {
			services := map[string]Service{}
			for _, service := range env.Model.Services {
				services[service.Namespace+"/"+service.Name] = service
			}
			g := generate(t, env)
			seen := 0
			for _, caller := range env.Model.Services {
				routes := g.server.Routes(g.proxy(caller.Namespace, caller.Name))
				for _, callee := range caller.Callees {
					service, is := services[callee.Namespace+"/"+callee.Name]
					if !is || callee.Kind != "service" || !isHTTP(service, callee.WorkloadPort) {
						continue
					}
					host := virtualHost(routes, callee.Port, service.Host)
					if host == nil {
						t.Errorf("%s has no routes to %s:%d", caller.Name, service.Host, callee.Port)
						continue
					}
					seen++
					checkRoutes(t, caller, service, host, byName(service, callee.Port))
				}
			}
			if seen == 0 {
				t.Error("no edge between services was seen")
			}
		})
	}
}

func checkRoutes(t *testing.T, caller, service Service, host *route.VirtualHost, want map[string]Route) {
	t.Helper()
	found := map[string]bool{}
	for _, one := range host.Routes {
		expected, known := want[one.Name]
		if !known {
			// Istio gives the routes of one VirtualService entry with several matches one name.
			t.Errorf("%s to %s: route %q is not in the model", caller.Name, service.Name, one.Name)
			continue
		}
		found[one.Name] = true
		action := one.GetRoute()
		if expected.Timeout != "" && action.GetTimeout().AsDuration() != duration(t, expected.Timeout) {
			t.Errorf("%s to %s, %s: timeout %v, want %s", caller.Name, service.Name, one.Name,
				action.GetTimeout().AsDuration(), expected.Timeout)
		}
		retries := action.GetRetryPolicy().GetNumRetries().GetValue()
		if action.GetRetryPolicy() == nil {
			retries = 0
		}
		if retries != expected.Retries.Attempts {
			t.Errorf("%s to %s, %s: %d retries, want %d", caller.Name, service.Name, one.Name,
				retries, expected.Retries.Attempts)
		}
		if retries > 0 && !expected.Idempotent {
			t.Errorf("%s to %s, %s: retried though not idempotent", caller.Name, service.Name, one.Name)
		}
		if service.Class == "pci" && action.GetRetryPolicy() != nil {
			t.Errorf("%s to %s, %s: a retry policy on a pci service", caller.Name, service.Name, one.Name)
		}
		for _, weighted := range expected.Destinations {
			to := weighted.Destination
			cluster := fmt.Sprintf("outbound|%d|%s|%s", to.Port.Number, to.Subset, to.Host)
			if weighted.Weight > 0 && !strings.Contains(xdstest.Dump(t, one), cluster) {
				t.Errorf("%s to %s, %s: no traffic to %s", caller.Name, service.Name, one.Name, cluster)
			}
		}
	}
	for name := range want {
		if !found[name] {
			t.Errorf("%s to %s: the model's route %s is not there", caller.Name, service.Name, name)
		}
	}
}

func number(values map[string]any, key string) (uint32, bool) {
	value, is := values[key].(float64)
	return uint32(value), is
}

// Bullets 3.2, 3.3: balancing, pools and outlier detection as in the model.
func TestClustersAreTheModels(t *testing.T) {
	balancers := map[string]cluster.Cluster_LbPolicy{"LEAST_REQUEST": cluster.Cluster_LEAST_REQUEST,
		"ROUND_ROBIN": cluster.Cluster_ROUND_ROBIN}
	for _, env := range Environments(t) {
		t.Run(env.Name, func(t *testing.T) {
			services := map[string]Service{}
			for _, service := range env.Model.Services {
				services[service.Namespace+"/"+service.Name] = service
			}
			g := generate(t, env)
			for _, caller := range env.Model.Services {
				clusters := xdstest.ExtractClusters(g.server.Clusters(g.proxy(caller.Namespace, caller.Name)))
				for _, callee := range caller.Callees {
					service, is := services[callee.Namespace+"/"+callee.Name]
					if !is || callee.Kind != "service" {
						continue
					}
					for _, subset := range service.Subsets {
						name := fmt.Sprintf("outbound|%d|%s|%s", callee.Port, subset.Name, service.Host)
						one := clusters[name]
						if one == nil {
							t.Errorf("%s has no cluster %s", caller.Name, name)
							continue
						}
						if want := balancers[service.Policy.LoadBalancer.Simple]; one.LbPolicy != want {
							t.Errorf("%s: balancing %v, want %v", name, one.LbPolicy, want)
						}
						if want, is := number(service.Policy.OutlierDetection, "consecutive5xxErrors"); is &&
							one.GetOutlierDetection().GetConsecutive_5Xx().GetValue() != want {
							t.Errorf("%s: ejection after %v errors, want %d", name,
								one.GetOutlierDetection().GetConsecutive_5Xx(), want)
						}
						if want, is := number(service.Policy.ConnectionPool.Tcp, "maxConnections"); is &&
							one.GetCircuitBreakers().GetThresholds()[0].GetMaxConnections().GetValue() != want {
							t.Errorf("%s: pool of %v, want %d", name,
								one.GetCircuitBreakers().GetThresholds()[0].GetMaxConnections(), want)
						}
						if !strings.Contains(xdstest.Dump(t, one), "spiffe://"+service.Principal) {
							t.Errorf("%s does not pin %s", name, service.Principal)
						}
					}
				}
			}
		})
	}
}

// Bullet 6.3: an external host is reached through its egress gateway only, and only by its callers.
func TestExternalHostsLeaveThroughTheirGateway(t *testing.T) {
	for _, env := range Environments(t) {
		t.Run(env.Name, func(t *testing.T) {
			g := generate(t, env)
			seen := 0
			for _, external := range env.Model.Externals {
				for _, caller := range external.Callers {
					proxy := g.proxy(caller.Namespace, caller.Name)
					config := strings.Join(append(xdstest.DumpList(t, g.server.Listeners(proxy)),
						xdstest.DumpList(t, g.server.Routes(proxy))...), "\n")
					for _, host := range external.Hosts {
						seen++
						if strings.Contains(config, "||"+host.Host+"\"") {
							t.Errorf("%s reaches %s without the gateway", caller.Name, host.Host)
						}
						if !strings.Contains(config, external.Gateway.Host) {
							t.Errorf("%s has no way to %s through %s", caller.Name, host.Host,
								external.Gateway.Host)
						}
					}
				}
				proxy := g.proxy(external.Gateway.Namespace, external.Gateway.Name)
				config := strings.Join(append(xdstest.DumpList(t, g.server.Listeners(proxy)),
					xdstest.DumpList(t, g.server.Routes(proxy))...), "\n")
				for _, host := range external.Hosts {
					if !strings.Contains(config, host.Host) {
						t.Errorf("gateway %s does not forward to %s", external.Gateway.Name, host.Host)
					}
				}
			}
			if seen == 0 && len(env.Model.Externals) > 0 {
				t.Error("no external host was seen")
			}
		})
	}
}

// Bullets 4.4, 6.5: the ingress gateway limits before it routes.
func TestGatewayLimitsComeBeforeTheRouter(t *testing.T) {
	for _, env := range Environments(t) {
		t.Run(env.Name, func(t *testing.T) {
			g := generate(t, env)
			for _, gateway := range env.Model.Gateways {
				if !gateway.Ingress || len(gateway.Limits) == 0 {
					continue
				}
				found := 0
				for _, one := range g.server.Listeners(g.proxy(gateway.Namespace, gateway.Name)) {
					for _, chain := range one.FilterChains {
						hcm := xdstest.ExtractHTTPConnectionManager(t, chain)
						if hcm == nil {
							continue
						}
						_, filters := xdstest.ExtractFilterNames(t, chain)
						limit := slices.IndexFunc(filters, func(name string) bool {
							return strings.Contains(name, "ratelimit")
						})
						if limit >= 0 && limit < len(filters)-1 {
							found++
						}
					}
				}
				if found == 0 {
					t.Errorf("no listener of %s limits", gateway.Name)
				}
			}
		})
	}
}

// Bullets 4.5, 6.5: a gateway's own proxy logs what it refuses, and has the firewall before its
// routes. Istio gives a gateway's listeners the mode CLIENT, so what is for SERVER is nowhere.
func TestGatewaysLogAndFilter(t *testing.T) {
	for _, env := range Environments(t) {
		t.Run(env.Name, func(t *testing.T) {
			g := generate(t, env)
			for _, gateway := range env.Model.Gateways {
				chains := 0
				for _, one := range g.server.Listeners(g.proxy(gateway.Namespace, gateway.Name)) {
					for _, chain := range one.FilterChains {
						config := dump(t, chain)
						chains++
						if env.Model.Environment.Profile != "stable" &&
							!strings.Contains(config, "code_details.startsWith('jwt_authn_access_denied')") {
							t.Errorf("%s %s logs no refusal", gateway.Name, one.Name)
						}
						if gateway.Waf != nil && gateway.Waf.Backend == "coraza-wasm" &&
							!strings.Contains(config, "trafficextension/"+gateway.Namespace+"."+gateway.Name+"-waf") {
							t.Errorf("%s %s has no firewall", gateway.Name, one.Name)
						}
						if gateway.Waf != nil && gateway.Waf.Backend == "ext-authz" &&
							!strings.Contains(config, "envoy.filters.http.ext_authz") {
							t.Errorf("%s %s asks no firewall", gateway.Name, one.Name)
						}
					}
				}
				if chains == 0 {
					t.Logf("%s has no listener", gateway.Name)
				}
			}
		})
	}
}

// What Istio generates is well formed by its own checks.
func TestGeneratedConfigurationIsWellFormed(t *testing.T) {
	for _, env := range Environments(t) {
		t.Run(env.Name, func(t *testing.T) {
			g := generate(t, env)
			for _, place := range g.places {
				proxy := g.proxy(place.Namespace, place.Name)
				xdstest.ValidateListeners(t, g.server.Listeners(proxy))
				xdstest.ValidateClusters(t, g.server.Clusters(proxy))
				xdstest.ValidateRouteConfigurations(t, g.server.Routes(proxy))
			}
		})
	}
}
