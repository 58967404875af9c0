// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Address of the pod that stands for a service: the tests connect proxies under it.
func address(index int) string {
	return fmt.Sprintf("10.1.%d.%d", index/250, index%250+1)
}

type place struct {
	Service
	Address string
	Gateway bool
}

func places(env Environment) []place {
	var out []place
	for _, service := range append(append([]Service{}, env.Model.Services...), env.Model.DataServices...) {
		out = append(out, place{Service: service, Address: address(len(out))})
	}
	for _, gateway := range env.Model.Gateways {
		out = append(out, place{Address: address(len(out)), Gateway: true, Service: Service{
			Name: gateway.Name, Namespace: gateway.Namespace, Selector: gateway.Selector,
			ServiceAccount: gateway.ServiceAccount, Principal: gateway.Principal}})
	}
	return out
}

func labels(selector map[string]string) map[string]any {
	out := map[string]any{}
	for key, value := range selector {
		out[key] = value
	}
	return out
}

// Services that the inventory calls existing, as their owner has them; the tree has none.
func existing(env Environment) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, service := range append(append([]Service{}, env.Model.Services...), env.Model.DataServices...) {
		if service.Generate {
			continue
		}
		hosts := map[string][]Port{}
		if len(service.Hosts) == 0 {
			hosts[service.Name] = service.Ports
		}
		for _, host := range service.Hosts {
			hosts[host.Name] = host.Ports
		}
		for name, ports := range hosts {
			var listed []any
			for _, port := range ports {
				listed = append(listed, map[string]any{"name": port.Name, "port": int64(port.Port),
					"targetPort": int64(port.WorkloadPort), "protocol": "TCP",
					"appProtocol": port.AppProtocol})
			}
			out = append(out, &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "v1", "kind": "Service",
				"metadata": map[string]any{"name": name, "namespace": service.Namespace},
				"spec": map[string]any{"clusterIP": "None", "selector": labels(service.Selector),
					"ports": listed},
			}})
		}
	}
	return out
}

// What cert-manager writes for the gateways' certificates.
func secrets(t *testing.T, env Environment) []*unstructured.Unstructured {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var out []*unstructured.Unstructured
	for _, gateway := range env.Model.Gateways {
		if gateway.Certificate == nil {
			continue
		}
		template := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: gateway.Hosts,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour)}
		certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		encode := func(kind string, bytes []byte) string {
			return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
		}
		out = append(out, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
			"metadata": map[string]any{"name": gateway.Certificate.SecretName,
				"namespace": gateway.Certificate.Namespace},
			"data": map[string]any{"tls.crt": encode("CERTIFICATE", certificate),
				"tls.key": encode("PRIVATE KEY", der)},
		}})
	}
	return out
}

// A pod for each service, data service and gateway: the workloads belong to the users, so the
// tree has none.
func workloads(env Environment) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, place := range places(env) {
		container := "istio-proxy"
		out = append(out, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Pod",
			"metadata": map[string]any{"name": place.Name + "-0", "namespace": place.Namespace,
				"labels":      labels(place.Selector),
				"annotations": map[string]any{"sidecar.istio.io/status": "{}"}},
			"spec": map[string]any{"serviceAccountName": place.ServiceAccount,
				"containers": []any{map[string]any{"name": "app", "image": "app"},
					map[string]any{"name": container, "image": "proxy"}}},
			"status": map[string]any{"podIP": place.Address, "phase": "Running",
				"podIPs":     []any{map[string]any{"ip": place.Address}},
				"conditions": []any{map[string]any{"type": "Ready", "status": "True"}}},
		}})
	}
	return out
}
