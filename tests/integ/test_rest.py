# SPDX-License-Identifier: Apache-2.0
"""The REST port of the real daemon: who may do what, and what each act leaves behind."""
import base64
import hashlib
import http.client
import json
import re
import subprocess
import time
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import crash
from harness import Authority, certificate, close_primes_key, make_csr, new_key

ISSUE = "/v1/environments/production/certificates"
DNS = "istiod.istio-system.svc"


def svid(name, key=None, **members):
    uri = f"spiffe://cluster.local/ns/ecotrack/sa/{name}"
    return {"profile": "svid", "csr": make_csr(key or new_key(), uri).decode(),
            "namespace": "ecotrack", "service_account": name, **members}


def private_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


class Rest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = Authority(environments=("development", "production"), ca_key="rsa-2048")
        cls.ca.__enter__()
        try:
            cls.admin = cls.ca.admin("alice", "admin")
            cls.operator = cls.ca.admin("oscar", "operator")
            cls.viewer = cls.ca.admin("vera", "viewer")
        except BaseException:
            cls.ca.__exit__(None, None, None)
            raise

    @classmethod
    def tearDownClass(cls):
        cls.ca.__exit__(None, None, None)

    # --- helpers ---
    def ask(self, status, method, path, body=None, person=None, headers=None):
        seen, sent, answer = self.ca.call(method, path, body, person, headers)
        self.assertEqual(seen, status, (method, path, answer))
        self.assertRegex(sent["X-Request-Id"], "^[0-9a-f]{32}$")
        if status >= 400:
            self.assertEqual(sent["Content-Type"], "application/problem+json")
            self.assertEqual(answer["status"], status)
            self.assertEqual(answer["request_id"], sent["X-Request-Id"])
            self.assertTrue(answer["type"].startswith("urn:meshca:error:"))
            self.assertTrue(answer["title"] and answer["action"])
        return sent, answer

    def refused(self, status, word, method, path, body=None, person=None, headers=None):
        sent, answer = self.ask(status, method, path, body, person, headers)
        self.assertEqual(answer["type"], "urn:meshca:error:" + word, answer)
        return sent, answer

    def issue(self, name, **members):
        return self.ask(201, "POST", ISSUE, svid(name, **members), self.operator)[1]

    def crl_lists(self, environment, serial):
        text = self.ask(200, "GET", f"/v1/environments/{environment}/crl")[1].decode()
        for pem in re.findall("-----BEGIN X509 CRL-----.*?-----END X509 CRL-----\n", text, re.S):
            crl = x509.load_pem_x509_crl(pem.encode())
            if crl.get_revoked_certificate_by_serial_number(int(serial, 16)):
                return True
        return False

    # --- who ---
    def test_public_resources_need_no_certificate(self):
        for path in ("/openapi.json", "/v1/environments/production/bundle",
                     "/v1/environments/production/crl", "/v1/environments/operators/bundle"):
            self.ask(200, "GET", path)

    def test_everything_else_needs_a_person(self):
        for path in ("/v1/environments", "/v1/issuers", "/v1/certificates", "/v1/users",
                     "/v1/events", "/v1/certificates/00"):
            sent, _ = self.refused(401, "unauthenticated", "GET", path)
            self.assertIn("WWW-Authenticate", sent)

    def test_workload_certificates_never_authenticate(self):
        folder = self.ca.folder / "people" / "workload"
        folder.mkdir(parents=True, exist_ok=True)
        key = new_key()
        chain = self.ca.fetch("production", "ecotrack", "order-service", key=key)
        (folder / "workload.key").write_bytes(private_pem(key))
        (folder / "workload.crt").write_text(chain[0] + chain[1])
        self.refused(401, "client-certificate", "GET", "/v1/certificates", person=folder)
        self.refused(401, "client-certificate", "POST", ISSUE, svid("x"), folder)

    def test_roles_hold_their_line(self):
        for path in ("/v1/environments", "/v1/issuers", "/v1/certificates", "/v1/users",
                     "/v1/events"):
            self.ask(200, "GET", path, person=self.viewer)
        self.refused(403, "denied", "POST", ISSUE, svid("x"), self.viewer)
        self.refused(403, "denied", "POST", "/v1/certificates/00/revoke",
                     {"reason": "superseded"}, self.viewer)
        self.refused(403, "denied", "POST", "/v1/users", {}, self.operator)
        self.refused(403, "denied", "POST", "/v1/users/vera/remove", {}, self.operator)
        users = self.ask(200, "GET", "/v1/users", person=self.viewer)[1]["users"]
        admin = next(user for user in users if user["name"] == "alice")
        self.refused(403, "denied", "POST", f"/v1/certificates/{admin['serial']}/revoke",
                     {"reason": "superseded"}, self.operator)

    # --- framing: what no HTTP library would send ---
    def raw(self, *pieces, person=None):
        """Sends bytes as they are; all the answers until the server closes."""
        connection = self.ca.https(person)
        connection.connect()
        answers = []
        for piece in pieces:
            connection.sock.sendall(piece)
            time.sleep(0.02)
        while True:
            answer = http.client.HTTPResponse(connection.sock)
            try:
                answer.begin()
            except (http.client.BadStatusLine, ConnectionResetError):
                break
            answers.append((answer.status, answer.headers, answer.read()))
            if answer.will_close:
                break
        self.assertEqual(connection.sock.recv(1), b"")
        connection.close()
        return answers

    def framing_refused(self, status, word, *pieces):
        ((seen, sent, body),) = self.raw(*pieces)
        self.assertEqual((seen, sent["Content-Type"]), (status, "application/problem+json"), body)
        answer = json.loads(body)
        self.assertEqual(answer["type"], "urn:meshca:error:" + word)
        self.assertEqual(answer["request_id"], sent["X-Request-Id"])
        self.assertTrue(answer["detail"] and answer["action"])
        return answer["detail"]

    def test_a_body_has_one_length(self):
        head = b"POST /v1/users HTTP/1.1\r\nHost: ca\r\nContent-Type: application/json\r\n"
        for fields in (b"Content-Length: 2\r\nContent-Length: 3\r\n",
                       b"Content-Length: 2\r\nContent-Length: 2\r\n",
                       b"Content-Length: 2, 2\r\n", b"Content-Length: two\r\n",
                       b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
                       b"Content-Length: 99999999999999999999\r\n", b"Content-Length : 2\r\n"):
            self.framing_refused(400, "http", head + fields + b"\r\n{}")
        self.framing_refused(411, "length-required", head + b"Transfer-Encoding: chunked\r\n\r\n"
                             b"2\r\n{}\r\n0\r\n\r\n")
        self.framing_refused(413, "too-big", head + b"Content-Length: 999999999999999999\r\n\r\n")

    def test_every_refusal_is_a_problem_document(self):
        get = b"GET / HTTP/1.1\r\nHost: ca\r\n"
        self.framing_refused(414, "uri-too-long", b"GET /" + b"a" * 20000)
        self.framing_refused(431, "headers-too-large", get + b"X: " + b"a" * 20000)
        self.framing_refused(431, "headers-too-large", get + b"X: y\r\n" * 70 + b"\r\n")
        self.framing_refused(400, "http", b"GET / HTTP/3.0\r\nHost: ca\r\n\r\n")
        for bad in (b"GET / HTTP/1.1\r\n\r\n", b"get / HTTP/1.1\r\nHost: ca\r\n\r\n", b"\0\r\n\r\n",
                    b"GET /\xff HTTP/1.1\r\nHost: ca\r\n\r\n", b"GET /\r\n\r\n",
                    b"GET / HTTP/1.1\nHost: ca\n\n", get + b" folded\r\n\r\n",
                    get + b"X: \0\r\n\r\n"):
            self.framing_refused(400, "http", bad)
        long = b"GET /v1/environments/production/crl?" + b"a" * 8000 + b" HTTP/1.1\r\nHost: ca\r\n"
        self.framing_refused(400, "usage", long + b"Connection: close\r\n\r\n")
        big = get + b"X: " + b"a" * 16000 + b"\r\nConnection: close\r\n\r\n"
        self.framing_refused(404, "not-found", big)
        many = get + b"".join(b"x%d: %s\r\n" % (i, b"a" * 240) for i in range(60))
        self.framing_refused(404, "not-found", many + b"Connection: close\r\n\r\n")

    def test_a_refusal_waits_for_the_answers_before_it(self):
        good = b"GET /v1/environments/production/bundle HTTP/1.1\r\nHost: ca\r\n\r\n"
        smuggled = b"GET /openapi.json HTTP/1.1\r\nHost: ca\r\n\r\n"
        answers = self.raw(good + good[:7], good[7:] + b"\x01\r\n\r\n" + smuggled)
        self.assertEqual([status for status, _, _ in answers], [200, 200, 400])

    # --- certificates ---
    def test_issues_a_workload_certificate(self):
        key = new_key()
        sent, answer = self.ask(201, "POST", ISSUE, svid("cart", key, ttl_seconds=3600),
                                self.operator)
        leaf = certificate(answer["chain"][0])
        self.assertEqual(sent["Location"], "/v1/certificates/" + answer["serial"])
        self.assertEqual(int(answer["serial"], 16), leaf.serial_number)
        self.assertEqual(leaf.public_key().public_numbers(), key.public_key().public_numbers())
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.UniformResourceIdentifier),
                         ["spiffe://cluster.local/ns/ecotrack/sa/cart"])
        row = self.ask(200, "GET", sent["Location"], person=self.viewer)[1]
        self.assertEqual((row["state"], row["requester"], row["profile"]),
                         ("signed", "oscar", "svid"))
        self.assertEqual(row["request_id"], sent["X-Request-Id"])
        self.assertEqual(row["certificate"], answer["chain"][0])
        tbs = hashlib.sha256(leaf.tbs_certificate_bytes).hexdigest()
        self.assertEqual(row["tbs_sha256"], tbs)
        der = self.ask(200, "GET", sent["Location"], person=self.viewer,
                       headers={"Accept": "application/pkix-cert"})[1]
        self.assertEqual(der, leaf.public_bytes(serialization.Encoding.DER))
        pem = self.ask(200, "GET", sent["Location"], person=self.viewer,
                       headers={"Accept": "application/x-pem-file"})[1]
        self.assertEqual(pem.decode(), answer["chain"][0])

    def test_issues_a_server_certificate(self):
        body = {"profile": "server", "csr": make_csr(new_key()).decode(), "dns_names": [DNS]}
        answer = self.ask(201, "POST", ISSUE, body, self.operator)[1]
        names = certificate(answer["chain"][0]).extensions.get_extension_for_class(
            x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), [DNS])
        body["dns_names"] = ["elsewhere.example.com"]
        self.ask(422, "POST", ISSUE, body, self.operator)

    def test_refuses_by_name(self):
        other = dict(svid("cart"), service_account="other")
        self.refused(422, "csr-san", "POST", ISSUE, other, self.operator)
        self.refused(422, "csr-key-size", "POST", ISSUE, svid("cart", new_key("rsa-1024")),
                     self.operator)
        self.refused(422, "ttl", "POST", ISSUE, svid("cart", ttl_seconds=30 * 86400),
                     self.operator)
        self.refused(422, "csr-key-weak", "POST", ISSUE, svid("cart", close_primes_key()), self.operator)
        self.refused(400, "csr-pem", "POST", ISSUE, dict(svid("cart"), csr="x"), self.operator)
        self.refused(400, "usage", "POST", ISSUE, dict(svid("cart"), extra=1), self.operator)
        self.refused(400, "usage", "POST", ISSUE, dict(svid("cart"), profile="client"),
                     self.operator)
        self.refused(404, "not-found", "POST", "/v1/environments/nowhere/certificates",
                     svid("cart"), self.operator)
        self.refused(404, "not-found", "POST", "/v1/environments/operators/certificates",
                     svid("cart"), self.operator)
        self.refused(404, "not-found", "GET", "/v1/certificates/0102", person=self.viewer)
        for path in ("/v1/certificates?environment=typo", "/v1/issuers?environment=typo"):
            answer = self.refused(404, "not-found", "GET", path, person=self.viewer)[1]
            self.assertEqual(answer["detail"], "there is no environment typo")
        self.refused(400, "usage", "GET", "/v1/events?environment=typo", person=self.viewer)
        self.ask(200, "GET", "/v1/certificates?environment=operators", person=self.viewer)
        self.refused(406, "not-acceptable", "GET", "/v1/certificates", person=self.viewer,
                     headers={"Accept": "text/html"})
        sent, _ = self.refused(405, "method", "PATCH", "/v1/users", {}, self.admin)
        self.assertEqual(sent["Allow"], "GET, HEAD, POST")
        self.refused(415, "media-type", "POST", ISSUE, svid("cart"), self.operator,
                     headers={"Content-Type": "text/plain"})
        self.refused(413, "too-big", "POST", ISSUE, {"csr": "x" * 70000}, self.operator)

    def test_idempotency_key_gives_the_same_certificate_once(self):
        body, key = svid("basket"), {"Idempotency-Key": "basket-1"}
        first = self.ask(201, "POST", ISSUE, body, self.operator, key)[1]
        again = self.ask(200, "POST", ISSUE, body, self.operator, key)[1]
        self.assertEqual(again["chain"], first["chain"])
        self.assertTrue(again["duplicate"])
        self.refused(409, "idempotency", "POST", ISSUE, dict(body, ttl_seconds=600),
                     self.operator, key)
        # of another person it is another key
        other = self.ask(201, "POST", ISSUE, body, self.admin, key)[1]
        self.assertNotEqual(other["serial"], first["serial"])

    def test_pages_hold_every_certificate_once(self):
        serials = [self.issue("pager")["serial"] for _ in range(5)]
        seen, path = [], "/v1/certificates?limit=2&environment=production&identity=" \
            "spiffe://cluster.local/ns/ecotrack/sa/pager"
        cursor = ""
        for _ in range(10):
            page = self.ask(200, "GET", path + cursor, person=self.viewer)[1]
            self.assertLessEqual(len(page["certificates"]), 2)
            seen += [row["serial"] for row in page["certificates"]]
            if page["next"] is None:
                break
            cursor = "&cursor=" + page["next"]
        self.assertEqual(seen, serials[::-1])

    def test_filters_filter(self):
        serial = self.issue("filtered", ttl_seconds=600)["serial"]
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1200))

        def found(query):
            page = self.ask(200, "GET", "/v1/certificates?limit=500&" + query, person=self.viewer)
            return serial in [row["serial"] for row in page[1]["certificates"]]

        self.assertTrue(found(f"expires_before={soon}"))
        self.assertTrue(found("state=signed&profile=svid&environment=production"))
        self.assertFalse(found("environment=development"))
        self.assertFalse(found("state=revoked"))
        self.assertFalse(found("profile=server"))
        self.assertFalse(found("expires_before=2020-01-01T00:00:00Z"))

    def test_revocation_reaches_the_crl_within_five_seconds(self):
        serial = self.issue("doomed")["serial"]
        self.assertFalse(self.crl_lists("production", serial))
        begin = time.monotonic()
        sent, row = self.ask(200, "POST", f"/v1/certificates/{serial}/revoke",
                             {"reason": "keyCompromise"}, self.operator)
        self.assertEqual((row["state"], row["reason"]), ("revoked", "keyCompromise"))
        while not self.crl_lists("production", serial):
            self.assertLess(time.monotonic() - begin, 5.0)
            time.sleep(0.1)
        self.refused(409, "conflict", "POST", f"/v1/certificates/{serial}/revoke",
                     {"reason": "superseded"}, self.operator)
        event = self.event_of(sent)
        self.assertEqual(event["actor"], "oscar")
        self.assertTrue(event["from"].startswith("127.0.0.1:"), event)
        self.assertTrue(event["note"].startswith("actor as the front said; seq "), event)

    def event_of(self, sent):
        events = self.ask(200, "GET", "/v1/events?limit=100", person=self.viewer)[1]["events"]
        return next(e for e in events if e["request_id"] == sent["X-Request-Id"])

    def revocation(self, serial, signer_folder=None, ahead=300, reason="superseded"):
        return self.approve(signer_folder or self.admin, ahead, "meshca-certificate-revoke-v1", serial, reason)

    def test_a_ca_is_revoked_on_an_approval_only(self):
        """The ledger wants an administrator's signature; one for anything else is none."""
        leaf = self.issue("signed-away")["serial"]
        for row in self.ask(200, "GET", "/v1/issuers", person=self.viewer)[1]["issuers"]:
            path = f"/v1/certificates/{row['serial']}/revoke"
            self.refused(403, "denied", "POST", path, {"reason": "superseded"}, self.operator)
            _, answer = self.refused(403, "approval", "POST", path, {"reason": "superseded"}, self.admin)
            self.assertIn("only with an administrator's approval", answer["detail"])
            self.assertIn("/openapi.json", answer["action"])
            for other in (self.revocation(leaf), self.revocation(row["serial"], self.operator),
                          self.revocation(row["serial"], reason="keyCompromise"),
                          self.revocation(row["serial"], ahead=700), self.revocation(row["serial"], ahead=-1),
                          self.removal(row["serial"], self.admin)["approval"]):
                self.refused(403, "approval", "POST", path,
                             {"reason": "superseded", "approval": other}, self.admin)
        # a leaf's may have one: then the event says whose
        path = f"/v1/certificates/{leaf}/revoke"
        wrong = {"reason": "superseded", "approval": self.revocation(leaf, self.operator)}
        self.refused(403, "approval", "POST", path, wrong, self.admin)
        sent, _ = self.ask(200, "POST", path, {"reason": "superseded", "approval": self.revocation(leaf)}, self.admin)
        event = self.event_of(sent)
        self.assertEqual(event["actor"], "alice")
        self.assertTrue(event["note"].startswith("signed by the actor; seq "), event)

    # --- issuers, bundles, CRLs ---
    def test_bundles_in_both_formats(self):
        _, pem = self.ask(200, "GET", "/v1/environments/production/bundle")
        self.assertEqual(pem.decode(), self.ca.anchors("production"))
        sent, bundle = self.ask(200, "GET", "/v1/environments/production/bundle?format=spiffe")
        self.assertEqual(sent["Content-Type"], "application/json")
        der = certificate(pem.decode()).public_bytes(serialization.Encoding.DER)
        self.assertEqual([base64.b64decode(key["x5c"][0]) for key in bundle["keys"]], [der])
        self.assertEqual([(key["use"], "kid" in key) for key in bundle["keys"]],
                         [("x509-svid", False)])
        numbers = certificate(pem.decode()).public_key().public_numbers()
        n = int.from_bytes(base64.urlsafe_b64decode(bundle["keys"][0]["n"] + "=="), "big")
        self.assertEqual(n, numbers.n)
        self.assertGreater(bundle["spiffe_sequence"], 0)
        seen, _, body = self.ca.call("GET", "/v1/environments/production/bundle?format=spiffe",
                                     headers={"If-None-Match": sent["ETag"]})
        self.assertEqual((seen, body), (304, b""))

    def test_every_issuer_has_a_crl_that_verifies(self):
        issuers = self.ask(200, "GET", "/v1/issuers?environment=production",
                           person=self.viewer)[1]["issuers"]
        self.assertEqual({row["profile"] for row in issuers},
                         {"environment", "lineage", "issuing"})
        for row in issuers:
            same = self.ask(200, "GET", f"/v1/issuers/{row['id']}", person=self.viewer)[1]
            self.assertEqual(same["certificate"], row["certificate"])
            issuer = certificate(row["certificate"])
            self.assertEqual(issuer.fingerprint(hashes.SHA256()).hex(), row["id"])
            if row["profile"] == "lineage":
                continue
            sent, der = self.ask(200, "GET", f"/v1/issuers/{row['id']}/crl")
            self.assertEqual(sent["Content-Type"], "application/pkix-crl")
            crl = x509.load_der_x509_crl(der)
            self.assertTrue(crl.is_signature_valid(issuer.public_key()))
            number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
            self.assertEqual(sent["ETag"], f'"{number}.der"')
            pem = self.ask(200, "GET", f"/v1/issuers/{row['id']}/crl",
                           headers={"Accept": "application/x-pem-file"})[1]
            self.assertTrue(pem.startswith(b"-----BEGIN X509 CRL-----\n"))

    # --- people ---
    def approval(self, name, role, key, signer_folder, ahead=300):
        point = key.public_key().public_bytes(serialization.Encoding.X962,
                                              serialization.PublicFormat.UncompressedPoint)
        return self.approve(signer_folder, ahead, "meshca-user-add-v1", name, role,
                            hashlib.sha256(point).hexdigest())

    def removal(self, name, signer_folder, ahead=300):
        return {"approval": self.approve(signer_folder, ahead, "meshca-user-remove-v1", name)}

    def approve(self, signer_folder, ahead, *lines):
        expires = int(time.time()) + ahead
        text = "\n".join((*lines, str(expires), ""))
        signer = serialization.load_pem_private_key(
            (signer_folder / f"{signer_folder.name}.key").read_bytes(), None)
        signature = signer.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
        return {"expires_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires)),
                "signature": base64.b64encode(signature).decode()}

    def test_an_admin_adds_and_removes_people(self):
        key = new_key()
        body = {"name": "bob", "role": "viewer", "csr": make_csr(key).decode(),
                "approval": self.approval("bob", "viewer", key, self.admin)}
        # an approval is for one name, role and key
        self.refused(403, "approval", "POST", "/v1/users", dict(body, role="admin"), self.admin)
        forged = self.approval("bob", "viewer", key, self.operator)
        self.refused(403, "approval", "POST", "/v1/users", dict(body, approval=forged), self.admin)
        answer = self.ask(201, "POST", "/v1/users", body, self.admin)[1]
        folder = self.ca.folder / "people" / "bob"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bob.key").write_bytes(private_pem(key))
        (folder / "bob.crt").write_text("".join(answer["chain"]))
        self.ask(200, "GET", "/v1/certificates", person=folder)
        users = self.ask(200, "GET", "/v1/users", person=folder)[1]["users"]
        self.assertIn(("bob", "viewer", "alice"),
                      [(u["name"], u["role"], u["added_by"]) for u in users])
        connection = self.ca.https(folder)
        self.addCleanup(connection.close)
        connection.request("GET", "/v1/users")
        self.assertEqual(connection.getresponse().read()[:1], b"{")
        # an approval serves once, also with a signer that was not there then
        self.refused(403, "approval", "POST", "/v1/users", body, self.admin)
        crash.kill(self.ca, "operators")
        end = time.monotonic() + 20
        while self.ca.call("POST", "/v1/users", body, self.admin)[0] == 503:
            self.assertLess(time.monotonic(), end, "the operators signer does not come back")
            time.sleep(0.1)
        self.refused(403, "approval", "POST", "/v1/users", body, self.admin)
        gone = "/v1/users/bob/remove"
        self.refused(405, "method", "DELETE", gone, person=self.admin)
        self.refused(404, "not-found", "DELETE", "/v1/users/bob", person=self.admin)
        self.refused(400, "usage", "POST", gone, {}, self.admin)
        for other in (self.removal("bob", self.operator), self.removal("vera", self.admin),
                      self.removal("bob", self.admin, ahead=700),
                      self.removal("bob", self.admin, ahead=-1)):
            self.refused(403, "approval", "POST", gone, other, self.admin)
        removal = self.removal("bob", self.admin)
        self.ask(204, "POST", gone, removal, self.admin)
        connection.request("GET", "/v1/users")  # an open connection is no way round
        self.assertEqual(connection.getresponse().status, 401)
        self.refused(404, "not-found", "POST", gone, removal, self.admin)
        # nor does it serve against who comes next under that name
        again = dict(body, approval=self.approval("bob", "viewer", key, self.admin, ahead=200))
        self.ask(201, "POST", "/v1/users", again, self.admin)
        self.refused(403, "approval", "POST", gone, removal, self.admin)
        self.ask(204, "POST", gone, self.removal("bob", self.admin, ahead=150), self.admin)
        self.refused(404, "not-found", "POST", gone, self.removal("bob", self.admin, ahead=100),
                     self.admin)
        events = self.ask(200, "GET", "/v1/events?limit=500", person=self.viewer)[1]["events"]
        self.assertIn("root certificate, seq 1", [e["note"] for e in events])
        self.assertIn(("user-removed", "bob", "alice"),
                      [(e["action"], e["target"], e["actor"]) for e in events])

    def test_the_last_admin_stays(self):
        self.refused(409, "conflict", "POST", "/v1/users/alice/remove",
                     self.removal("alice", self.admin), self.admin)
        users = self.ask(200, "GET", "/v1/users", person=self.viewer)[1]["users"]
        serial = next(user["serial"] for user in users if user["name"] == "alice")
        self.refused(409, "conflict", "POST", f"/v1/certificates/{serial}/revoke",
                     {"reason": "superseded"}, self.admin)

    # --- transport ---
    def test_old_tls_and_slow_bodies_are_cut_off(self):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.ca.rest}",
                               "-tls1_2"], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=20)
        self.assertIn("alert protocol version", done.stdout + done.stderr)
        connection = self.ca.https(self.operator)
        connection.timeout = 60
        connection.putrequest("POST", ISSUE)
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", "50000")
        connection.endheaders()
        begin = time.monotonic()
        with self.assertRaises((OSError, http.client.HTTPException)):
            while time.monotonic() - begin < 40:
                connection.send(b" ")
                time.sleep(0.5)
        self.assertLess(time.monotonic() - begin, 35)
        connection.close()

    def readyz_says(self, want, seconds=20):
        """Waits for a status of /readyz; returns its parts."""
        end = time.monotonic() + seconds
        while True:
            status, text = self.ca.probe("/readyz")
            if status == want:
                return {part["name"]: part for part in json.loads(text)["parts"]}
            self.assertLess(time.monotonic(), end, f"/readyz stays {status}: {text}")
            time.sleep(0.1)

    def test_a_revoked_issuing_ca_is_not_ready_until_rotated(self):
        rows = self.ask(200, "GET", "/v1/issuers?environment=development",
                        person=self.viewer)[1]["issuers"]
        serial = next(row["serial"] for row in rows if row["profile"] == "issuing")
        sent, _ = self.ask(200, "POST", f"/v1/certificates/{serial}/revoke",
                           {"reason": "cACompromise", "approval": self.revocation(serial, reason="cACompromise")},
                           self.admin)
        self.assertEqual(self.event_of(sent)["actor"], "alice")
        parts = self.readyz_says(503)
        self.assertFalse(parts["development"]["ready"])
        self.assertIn("meshca issuer rotate --environment development",
                      parts["development"]["reason"])
        self.assertTrue(parts["production"]["ready"], parts)
        end = time.monotonic() + 20
        while True:  # the environment's CRL is due as well, and one ceremony runs at a time
            done = self.ca.meshca("issuer", "rotate", "--environment", "development", check=False)
            if done.returncode == 0 or time.monotonic() > end:
                break
            self.assertIn("another ceremony is under way", done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.readyz_says(200)

    def test_probes(self):
        status, text = self.ca.probe("/readyz")
        self.assertEqual(status, 200)
        parts = {part["name"]: part for part in json.loads(text)["parts"]}
        self.assertEqual(set(parts), {"ledger", "development", "production", "operators"})
        self.assertTrue(all(part["ready"] for part in parts.values()), parts)
        self.assertEqual(self.ca.probe("/healthz")[0], 200)
        self.assertEqual(self.ca.probe("/nothing")[0], 404)
        text = self.ca.probe("/metrics")[1]
        for name in ("csr_count", "authentication_failure_count", "csr_parsing_err_count",
                     "id_extraction_err_count", "csr_sign_err_count",
                     "success_cert_issuance_count", "root_cert_expiry_timestamp",
                     "root_cert_expiry_seconds", "cert_chain_expiry_timestamp",
                     "cert_chain_expiry_seconds"):
            self.assertRegex(text, rf"(?m)^citadel_server_{name}[ {{]")
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) .+|[a-z_]+(\{[a-z_]+="[^"]*"'
                                   r'(,[a-z_]+="[^"]*")*\})? -?[0-9.e+-]+)$')
        end = time.monotonic() + 12
        while self.ca.metric("citadel_server_root_cert_expiry_seconds") < 9 * 365 * 86400:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.5)


    def test_zz_every_event_says_who_what_when_and_whence(self):
        """Of acts over REST, on the local socket, by init and by the schedule."""
        local = "uid 0 on the local socket"
        want = {(local, "issuer-registered", "local socket"), (local, "crl-published", "local socket"),
                (local, "user-added", "local socket"), (local, "configuration-applied", "local socket"),
                ("keeper", "crl-published", "schedule"), ("meshcad", "configuration-applied", "start"),
                ("meshcad --init", "issuer-registered", "command line")}
        self.ask(200, "POST", f"/v1/certificates/{self.issue('event')['serial']}/revoke",
                 {"reason": "superseded"}, self.operator)
        self.ca.meshca("crl", "renew", "--environment", "production")
        self.ca.meshca("issuer", "rotate", "--environment", "production")
        with self.ca.config.open("a") as file:
            file.write("# another line\n")
        self.ca.meshca("reload")
        end = time.monotonic() + 20
        seen = set()
        while not want <= seen:
            self.assertLess(time.monotonic(), end, want - seen)
            time.sleep(0.2)
            events, path = [], "/v1/events?limit=500"
            while path:
                page = self.ask(200, "GET", path, person=self.viewer)[1]
                events += page["events"]
                path = page["next"] and f"/v1/events?limit=500&cursor={page['next']}"
            seen = {(event["actor"], event["action"], event["from"]) for event in events}
        for event in events:
            self.assertTrue(event["actor"] and event["from"] and event["at"], event)
            self.assertTrue(event["target"] or event["action"] == "configuration-applied", event)
            self.assertRegex(event["request_id"], "^(?!0{32})[0-9a-f]{32}$", event)


if __name__ == "__main__":
    unittest.main()
