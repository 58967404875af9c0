// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"testing"
	"time"
)

// Go's crypto/x509 verifies chains but leaves revocation to its caller: this is what a caller does.
type verifier struct {
	roots, intermediates *x509.CertPool
	cas                  []*x509.Certificate
	crls                 []*x509.RevocationList
}

func blocks(t *testing.T, variable, kind string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(need(t, variable))
	if err != nil {
		t.Fatal(err)
	}
	var found [][]byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != kind {
			t.Fatalf("%s holds a %s", variable, block.Type)
		}
		found = append(found, block.Bytes)
	}
	return found
}

func certificates(t *testing.T, variable string) []*x509.Certificate {
	t.Helper()
	var certs []*x509.Certificate
	for _, der := range blocks(t, variable, "CERTIFICATE") {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		certs = append(certs, cert)
	}
	return certs
}

func newVerifier(t *testing.T, chain []*x509.Certificate) *verifier {
	t.Helper()
	v := &verifier{roots: x509.NewCertPool(), intermediates: x509.NewCertPool()}
	for _, anchor := range certificates(t, "MESHCA_ANCHORS_FILE") {
		v.roots.AddCert(anchor)
		v.cas = append(v.cas, anchor)
	}
	for _, cert := range chain[1:] {
		v.intermediates.AddCert(cert)
		v.cas = append(v.cas, cert)
	}
	for _, der := range blocks(t, "MESHCA_CRL_FILE", "X509 CRL") {
		crl, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		v.crls = append(v.crls, crl)
	}
	return v
}

// crlOf yields the current CRL that issuer signed: every CA of a chain must have one.
func (v *verifier) crlOf(t *testing.T, issuer *x509.Certificate) *x509.RevocationList {
	t.Helper()
	for _, crl := range v.crls {
		if crl.CheckSignatureFrom(issuer) == nil && time.Now().Before(crl.NextUpdate) {
			return crl
		}
	}
	t.Fatalf("no current CRL of %s", issuer.Subject)
	return nil
}

// accepts tells whether leaf chains to the anchor and nothing in the chain is revoked.
func (v *verifier) accepts(t *testing.T, leaf *x509.Certificate) bool {
	t.Helper()
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: v.roots, Intermediates: v.intermediates,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return false
	}
	for i, cert := range chains[0][:len(chains[0])-1] {
		for _, entry := range v.crlOf(t, chains[0][i+1]).RevokedCertificateEntries {
			if entry.SerialNumber.Cmp(cert.SerialNumber) == 0 {
				return false
			}
		}
	}
	return true
}

func TestGoVerifierChecksTheWholeChain(t *testing.T) {
	for variable, want := range map[string]bool{
		"MESHCA_GOOD_CHAIN_FILE":    true,
		"MESHCA_REVOKED_CHAIN_FILE": false,
		"MESHCA_FOREIGN_CHAIN_FILE": false,
	} {
		t.Run(variable, func(t *testing.T) {
			chain := certificates(t, variable)
			if got := newVerifier(t, chain).accepts(t, chain[0]); got != want {
				t.Errorf("accepted: %v, want %v", got, want)
			}
		})
	}
}
