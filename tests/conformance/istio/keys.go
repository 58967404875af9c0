// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// keysForAll makes every https address answer with the keys of an issuer that signs nothing. Istio asks the issuers
// that an inventory names; they exist nowhere, and it would try each for eight seconds before a test may end.
var keysForAll = sync.OnceValue(func() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, key.Public(), key)
	if err != nil {
		return err
	}
	anchor, err := os.CreateTemp("", "keys-*.pem")
	if err != nil {
		return err
	}
	defer os.Remove(anchor.Name())
	if err := pem.Encode(anchor, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		return err
	}
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	point := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.FillBytes(make([]byte, 32))) }
	keys := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"none","x":%q,"y":%q}]}`,
		point(key.X), point(key.Y))
	config := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		leaf := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{hello.ServerName},
			NotBefore: authority.NotBefore, NotAfter: authority.NotAfter}
		der, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), key)
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
	}}
	go func() {
		for {
			client, err := proxy.Accept()
			if err != nil {
				return
			}
			go answerKeys(client, config, keys)
		}
	}()
	// Go reads these two once; programs that the tests start are not to see them.
	return withEnvironment(map[string]string{"HTTPS_PROXY": "http://" + proxy.Addr().String(),
		"SSL_CERT_FILE": anchor.Name()}, func() error {
		if _, err := x509.SystemCertPool(); err != nil {
			return err
		}
		answer, err := http.Get("https://keys.example/jwks")
		if err != nil {
			return fmt.Errorf("keys for all: %w", err)
		}
		return answer.Body.Close()
	})
})

// answerKeys is a proxy that is every server itself: CONNECT, TLS, one request.
func answerKeys(client net.Conn, config *tls.Config, keys string) {
	defer client.Close()
	if _, err := http.ReadRequest(bufio.NewReader(client)); err != nil {
		return
	}
	fmt.Fprint(client, "HTTP/1.1 200 OK\r\n\r\n")
	inner := tls.Server(client, config)
	defer inner.Close()
	if _, err := http.ReadRequest(bufio.NewReader(inner)); err != nil {
		return
	}
	fmt.Fprintf(inner, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"Connection: close\r\n\r\n%s", len(keys), keys)
}

func withEnvironment(values map[string]string, act func() error) error {
	for name, value := range values {
		if before, had := os.LookupEnv(name); had {
			defer os.Setenv(name, before)
		} else {
			defer os.Unsetenv(name)
		}
		os.Setenv(name, value)
	}
	return act()
}
