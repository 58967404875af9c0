// SPDX-License-Identifier: Apache-2.0

// Package interop drives meshca with Istio's own agent code: the citadel client and the secret
// manager that keeps and renews a workload's certificate. tests/interop/run.py starts the authority
// and sets the environment variables.
package interop

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"istio.io/istio/pkg/security"
	"istio.io/istio/security/pkg/credentialfetcher/plugin"
	"istio.io/istio/security/pkg/nodeagent/cache"
	"istio.io/istio/security/pkg/nodeagent/caclient/providers/citadel"
	pkiutil "istio.io/istio/security/pkg/pki/util"
)

const identity = "spiffe://cluster.local/ns/ecotrack/sa/order-service"

func need(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: start this through tests/interop/run.py", name)
	}
	return value
}

func options(t *testing.T) *security.Options {
	t.Helper()
	return &security.Options{
		CAEndpoint:        need(t, "MESHCA_ADDRESS"),
		CAEndpointSAN:     "istiod.istio-system.svc",
		ClusterID:         "Kubernetes",
		TrustDomain:       "cluster.local",
		WorkloadNamespace: "ecotrack",
		ServiceAccount:    "order-service",
		CredFetcher:       plugin.CreateTokenPlugin(need(t, "MESHCA_TOKEN_FILE")),
	}
}

func client(t *testing.T, opts *security.Options, key, cert string) *citadel.CitadelClient {
	t.Helper()
	c, err := citadel.NewCitadelClient(opts,
		&citadel.TLSOptions{RootCert: need(t, "MESHCA_ANCHORS_FILE"), Key: key, Cert: cert})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

var keyKinds = map[string]pkiutil.CertOptions{
	"RSA-2048": {Host: identity, RSAKeySize: 2048},
	"P-256":    {Host: identity, ECSigAlg: pkiutil.EcdsaSigAlg, ECCCurve: pkiutil.P256Curve},
}

func sign(t *testing.T, c *citadel.CitadelClient, opts pkiutil.CertOptions) (chain []string, key []byte) {
	t.Helper()
	csr, key, err := pkiutil.GenCSR(opts)
	if err != nil {
		t.Fatal(err)
	}
	chain, err = c.CSRSign(csr, int64((24 * time.Hour).Seconds()))
	if err != nil {
		t.Fatal(err)
	}
	return chain, key
}

func verify(t *testing.T, chain []string, key []byte) {
	t.Helper()
	if len(chain) != 3 {
		t.Fatalf("chain has %d elements, want leaf, issuing CA, bundle", len(chain))
	}
	for i, element := range chain {
		if n := strings.Count(element, "BEGIN CERTIFICATE"); n != 1 {
			t.Errorf("element %d holds %d certificates, want one (ztunnel reads the first only)", i, n)
		}
	}
	certs := strings.Join(chain[:len(chain)-1], "")
	err := pkiutil.VerifyCertificate(key, []byte(certs), []byte(chain[len(chain)-1]),
		&pkiutil.VerifyFields{
			Host:        identity,
			KeyUsage:    leafUsage(t, chain[0]),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		})
	if err != nil {
		t.Error(err)
	}
}

// leafUsage yields the leaf's usage after checking it against the SPIFFE rules, because Istio's
// VerifyFields wants equality and keyEncipherment is for RSA keys only.
func leafUsage(t *testing.T, text string) x509.KeyUsage {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 ||
		cert.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0 {
		t.Errorf("key usage %b breaks the X509-SVID rules", cert.KeyUsage)
	}
	return cert.KeyUsage
}

func TestCitadelClientGetsAndVerifies(t *testing.T) {
	for name, kind := range keyKinds {
		t.Run(name, func(t *testing.T) {
			chain, key := sign(t, client(t, options(t), "", ""), kind)
			verify(t, chain, key)
		})
	}
}

func TestCitadelClientRenewsWithItsCertificate(t *testing.T) {
	for name, kind := range keyKinds {
		t.Run(name, func(t *testing.T) {
			chain, key := sign(t, client(t, options(t), "", ""), kind)
			dir := t.TempDir()
			keyFile, certFile := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert-chain.pem")
			write(t, keyFile, key)
			write(t, certFile, []byte(strings.Join(chain[:2], "")))
			opts := options(t)
			opts.CredFetcher = nil
			renewed, newKey := sign(t, client(t, opts, keyFile, certFile), kind)
			verify(t, renewed, newKey)
			if renewed[0] == chain[0] {
				t.Error("the renewal gave the old certificate")
			}
		})
	}
}

func TestForeignEnvironmentsTokenIsRefused(t *testing.T) {
	opts := options(t)
	opts.CredFetcher = plugin.CreateTokenPlugin(need(t, "MESHCA_FOREIGN_TOKEN_FILE"))
	csr, _, err := pkiutil.GenCSR(keyKinds["P-256"])
	if err != nil {
		t.Fatal(err)
	}
	_, err = client(t, opts, "", "").CSRSign(csr, 3600)
	if err == nil || !strings.Contains(err.Error(), "Unauthenticated") {
		t.Errorf("got %v, want Unauthenticated", err)
	}
}

// The secret manager is what runs in every sidecar: it keeps a certificate and fetches the next one
// when the rotation ratio of its life has passed.
func TestSecretManagerRotates(t *testing.T) {
	for name, algorithm := range map[string]string{"RSA-2048": "", "P-256": string(pkiutil.EcdsaSigAlg)} {
		t.Run(name, func(t *testing.T) {
			opts := options(t)
			opts.WorkloadRSAKeySize = 2048
			opts.ECCSigAlg = algorithm
			opts.SecretTTL = 30 * time.Second
			// notBefore does not count: the agent measures from its own clock
			opts.SecretRotationGracePeriodRatio = 0.9
			manager, err := cache.NewSecretManagerClient(client(t, opts, "", ""), opts)
			if err != nil {
				t.Fatal(err)
			}
			defer manager.Close()
			rotated := make(chan string, 16)
			manager.RegisterSecretHandler(func(resource string) { rotated <- resource })
			first := secret(t, manager, security.WorkloadKeyCertResourceName)
			root := secret(t, manager, security.RootCertReqResourceName)
			anchors, err := os.ReadFile(need(t, "MESHCA_ANCHORS_FILE"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(bytes.TrimSpace(root.RootCert), bytes.TrimSpace(anchors)) {
				t.Error("the root that Envoy would get is not the environment's anchor")
			}
			deadline := time.After(25 * time.Second)
			for {
				select {
				case resource := <-rotated:
					if resource != security.WorkloadKeyCertResourceName {
						continue
					}
				case <-deadline:
					t.Fatal("no rotation within the certificate's life")
				}
				break
			}
			second := secret(t, manager, security.WorkloadKeyCertResourceName)
			if bytes.Equal(first.CertificateChain, second.CertificateChain) {
				t.Error("the rotation gave the old certificate")
			}
		})
	}
}

func secret(t *testing.T, manager *cache.SecretManagerClient, name string) *security.SecretItem {
	t.Helper()
	item, err := manager.GenerateSecret(name)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
