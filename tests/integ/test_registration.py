# SPDX-License-Identifier: Apache-2.0
"""Registration with the real daemon: an inventory is applied, and certificates follow it."""
import json
import shutil
import signal
import subprocess
import time
import unittest

import grpc
from cryptography.hazmat.primitives import serialization

from harness import BIN, Authority, certificate, make_csr, new_key

ID = "spiffe://cluster.local/ns/shop/sa/"
HEAD = "apiVersion: meshca.dev/v1alpha1\nkind: "
MESH = HEAD + "Mesh\nmetadata: {name: shop}\nspec: {namespaces: [{name: shop, injection: true}]}\n"


def environment(name, mode):
    return (HEAD + f"Environment\nmetadata: {{name: {name}}}\nspec:\n  registration: {mode}\n"
            "  trustDomain: cluster.local\n  clusters: [{name: Kubernetes}]\n"
            "  istio: {revisions: [{name: a, tag: stable}], tag: stable}\n")


def service(name, **identity):
    text = json.dumps(identity) if identity else "{}"
    return (HEAD + f"Service\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n"
            f"  owner: team-{name}\n  workload: {{selector: {{app: {name}}}}}\n"
            f"  ports: [{{name: http, protocol: http, port: 80}}]\n  identity: {text}\n")


class Registration(unittest.TestCase):
    def setUp(self):
        self.ca = Authority(environments=("development", "production"))
        self.ca.__enter__()
        self.addCleanup(self.ca.__exit__, None, None, None)
        self.alice = self.ca.admin("alice")
        self.folder = self.ca.folder / "inventory"

    def inventory(self, *services, mode="registered-only", name="production"):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        for i, text in enumerate((MESH, environment(name, mode), *services)):
            (self.folder / f"{i}.yaml").write_text(text)

    def run_it(self, *words, code=0, person=None, environment="production"):
        done = self.ca.meshca("inventory", *words, "--environment", environment, "--client",
                              (person or self.alice) / "client.json", check=False)
        self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
        return done.stdout + done.stderr

    def apply(self, *words, **options):
        return self.run_it("apply", self.folder, *words, **options)

    def fetch(self, account, environment="production", **options):
        return certificate(self.ca.fetch(environment, "shop", account, **options)[0])

    def refused(self, account, code=grpc.StatusCode.PERMISSION_DENIED, says="", **options):
        with self.assertRaises(grpc.RpcError) as caught:
            self.fetch(account, **options)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        self.assertIn(says, caught.exception.details())

    def test_only_who_is_registered(self):
        self.fetch("stranger")  # nothing was applied: everybody
        self.inventory(service("cart"), service("desk"))
        said = self.apply(code=1)
        self.assertIn("nothing was applied: 1 identities have certificates", said)
        self.assertIn(ID + "stranger", said)
        self.fetch("stranger")
        said = self.apply("--force")
        self.assertIn("applied to production as copy 1: registered-only", said)
        self.fetch("cart")
        self.refused("stranger", says=f"{ID}stranger is not registered in environment production")
        self.fetch("stranger", environment="development")
        # an agent that renews with its certificate, too
        key = new_key()
        chain = self.ca.fetch("production", "shop", "desk", key=key)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
        with self.ca.channel("production", pem, "".join(chain[:2]).encode()) as channel:
            self.ca.create(channel, make_csr(new_key(), ID + "desk"))
            self.inventory(service("cart"), service("desk", state="suspended"))
            said = self.apply()
            self.assertRegex(said, f"{ID}desk +suspended +this copy +2 ")
            with self.assertRaises(grpc.RpcError) as caught:
                self.ca.create(channel, make_csr(new_key(), ID + "desk"))
            self.assertEqual(caught.exception.code(), grpc.StatusCode.PERMISSION_DENIED)
        self.refused("desk", says="is suspended")

    def test_a_restart_and_a_kill_forget_nothing(self):
        self.inventory(service("cart"))
        self.apply()
        self.ca.stop(signal.SIGKILL)
        self.ca.start()
        self.fetch("cart")
        self.refused("stranger")
        self.ca.stop()
        self.ca.start()
        self.refused("stranger")
        self.assertIn("copy 1, applied", self.run_it("applied"))
        done = self.ca.meshca("ledger", "verify")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_lifetime_keys_and_names_are_bound(self):
        self.inventory(service("cart", maxTtl="1h", keyTypes=["rsa-2048"],
                               dnsNames=["cart.meshca.svc"]))
        self.apply()
        self.fetch("cart", ttl_s=3600, key=new_key("rsa-2048"))
        self.refused("cart", grpc.StatusCode.INVALID_ARGUMENT, "at most 3600 s", ttl_s=3601,
                     key=new_key("rsa-2048"))
        self.refused("cart", grpc.StatusCode.INVALID_ARGUMENT, "keys of this type", ttl_s=60)
        for name, status in (("cart.meshca.svc", 201), ("other.meshca.svc", 403)):
            seen, _, answer = self.ca.call(
                "POST", "/v1/environments/production/certificates",
                {"profile": "server", "csr": make_csr(new_key()).decode(), "dns_names": [name]},
                self.alice)
            self.assertEqual(seen, status, answer)
        seen, _, answer = self.ca.call(
            "POST", "/v1/environments/production/certificates",
            {"profile": "svid", "csr": make_csr(new_key(), ID + "nobody").decode(),
             "namespace": "shop", "service_account": "nobody"}, self.alice)
        self.assertEqual((seen, answer["type"]), (403, "urn:meshca:error:registration"))
        # The daemon's own port got a certificate anew meanwhile: its names are its configuration's.
        self.ca.stop()
        self.ca.start()
        self.fetch("cart", ttl_s=60, key=new_key("rsa-2048"))

    def test_diff_says_what_apply_would_do(self):
        self.inventory(service("cart"), mode="open")
        said = self.run_it("diff", self.folder, code=6)
        self.assertIn("registration: none -> open", said)
        self.assertRegex(said, ID + r"cart +- +active, of team-cart")
        self.apply()
        self.assertIn("is applied as it stands here", self.run_it("diff", self.folder))
        self.assertIn("it was applied already", self.apply())
        self.fetch("cart")
        self.inventory(service("desk"), mode="registered-only")
        said = self.run_it("diff", self.folder, code=6)
        self.assertIn("registration: open -> registered-only", said)
        self.assertRegex(said, ID + r"cart +active, of team-cart +-")
        self.assertRegex(said, ID + r"cart +not registered +this copy +1 +20")
        diff = json.loads(self.out("diff", self.folder, "--json"))
        self.assertEqual([row["identity"] for row in diff["stops"]], [ID + "cart"])
        self.assertEqual(diff["same"], False)

    def out(self, *words):
        return self.ca.meshca("inventory", *words, "--environment", "production", "--client",
                              self.alice / "client.json", check=False).stdout

    def test_what_stops_can_be_revoked(self):
        self.inventory(service("cart"), service("desk"))
        self.apply()
        self.fetch("cart")
        self.fetch("desk")
        self.fetch("desk")
        self.inventory(service("cart"), service("desk", state="retired"))
        applied = json.loads(self.out("apply", self.folder, "--revoke", "--json"))
        self.assertEqual((applied["applied"]["revoked"], applied["applied"]["altered"]), (2, 1))
        self.assertEqual([row["identity"] for row in applied["registrations"]], [ID + "desk"])
        said = applied
        rows = self.ca.call("GET", f"/v1/certificates?identity={ID.replace('/', '%2F')}desk",
                            person=self.alice)[2]["certificates"]
        self.assertEqual([row["state"] for row in rows], ["revoked", "revoked"], said)
        rows = self.ca.call("GET", f"/v1/certificates?identity={ID.replace('/', '%2F')}cart",
                            person=self.alice)[2]["certificates"]
        self.assertEqual([row["state"] for row in rows], ["signed"])

    def test_who_asks_for_too_much_is_listed(self):
        self.inventory(service("cart"), service("desk"), service("mill", dnsNames=["mill.meshca.svc"]))
        self.apply()
        self.fetch("cart")
        self.fetch("desk")
        status, _, _ = self.ca.call(
            "POST", "/v1/environments/production/certificates",
            {"profile": "server", "csr": make_csr(new_key()).decode(),
             "dns_names": ["mill.meshca.svc"]}, self.alice)
        self.assertEqual(status, 201)
        self.inventory(service("cart", maxTtl="1h"), service("desk", keyTypes=["rsa-2048"]),
                       service("mill", state="retired", dnsNames=["mill.meshca.svc"]))
        stops = {row["identity"]: row["why"] for row in
                 json.loads(self.out("diff", self.folder, "--json"))["stops"]}
        self.assertEqual(stops, {ID + "cart": "asks for more than 3600 s",
                                 ID + "desk": "has a key of another type",
                                 "mill.meshca.svc": "retired"})
        self.apply()
        self.refused("cart", grpc.StatusCode.INVALID_ARGUMENT)
        self.refused("desk", grpc.StatusCode.INVALID_ARGUMENT, ttl_s=60)

    def test_many_applies_at_once(self):
        self.inventory(*(service(f"service-{i:04d}") for i in range(800)))
        shutil.copytree(self.folder, self.ca.folder / "production")
        (self.folder / "1.yaml").write_text(environment("development", "open"))
        shutil.copytree(self.folder, self.ca.folder / "development")
        running = [subprocess.Popen(
            [BIN / "meshca", "inventory", "apply", self.ca.folder / name, "--environment", name,
             "--client", self.alice / "client.json"], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
            for name in ("production", "development")]
        for one in running:
            _, said = one.communicate(timeout=60)
            self.assertEqual(one.returncode, 0, said)

    def test_a_slow_body_holds_nobody_up(self):
        vera = self.ca.admin("vera", "viewer")
        held = []
        for person in (vera, self.alice):
            connection = self.ca.https(person)
            connection.putrequest("PUT", "/v1/environments/production/inventory")
            connection.putheader("Content-Length", "200000")
            connection.putheader("Content-Type", "application/vnd.meshca.inventory")
            connection.endheaders()
            connection.send(b"x" * 1000)
            held.append(connection)
        oscar = self.ca.admin("oscar", "admin")
        self.inventory(*(service(f"service-{i:04d}") for i in range(300)))
        self.apply(person=oscar)
        self.assertEqual(self.ca.call("GET", "/v1/environments/production/crl")[0], 200)
        begin = time.monotonic()
        for connection in held:
            connection.sock.settimeout(20)
            self.assertEqual(connection.sock.recv(1), b"")
        self.assertLess(time.monotonic() - begin, 14)

    def test_applied_says_who_and_when(self):
        self.assertIn("no inventory was applied", self.run_it("applied", code=4))
        self.inventory(service("cart"), service("desk", state="suspended"))
        self.apply()
        self.fetch("cart")
        said = self.run_it("applied")
        self.assertRegex(said, r"copy 1, applied 20\S+ by alice, registered-only")
        self.assertRegex(said, ID + "desk +suspended +team-desk +20")
        document = self.out("applied", "--document")
        self.assertTrue(document.startswith("meshca-inventory-v1\nenvironment\tproduction\n"))
        self.assertEqual(json.loads(document[document.index("\n{"):])["environment"]["name"],
                         "production")
        events = self.ca.call("GET", "/v1/events?limit=1", person=self.alice)[2]["events"]
        self.assertEqual((events[0]["actor"], events[0]["action"], events[0]["target"]),
                         ("alice", "inventory-applied", "production"))

    def test_who_may_apply(self):
        self.inventory(service("cart"))
        oscar = self.ca.admin("oscar", "operator")
        self.run_it("diff", self.folder, code=6, person=oscar)
        said = self.apply(code=5, person=oscar)
        self.assertIn("this needs the role admin", said)
        self.assertIn("no inventory was applied", self.run_it("applied", code=4))
        self.assertIn("there is no such environment",
                      self.run_it("applied", code=4, environment="nowhere"))

    def put(self, document, status, word=None, headers=None, person=None):
        connection = self.ca.https(person or self.alice)
        connection.request("PUT", "/v1/environments/production/inventory", document,
                           {"Content-Type": "application/vnd.meshca.inventory",
                            **(headers or {})})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        self.assertEqual(answer.status, status, body)
        if word:
            self.assertEqual(body["type"], "urn:meshca:error:" + word, body)
        return body

    def test_hostile_documents(self):
        signed = {"Approval-Replaces": "none", "Approval-Expires-At": time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                                       time.gmtime(time.time() + 60)),
                  "Approval-Signature": "MAA="}
        good = ("meshca-inventory-v1\nenvironment\tproduction\ntrust-domain\tcluster.local\n"
                "registration\topen\nregistrations\t0\n{}\n")
        self.put(good, 403, "approval")
        self.put(good, 403, "approval", signed)
        self.put(good, 400, "usage", {**signed, "Approval-Expires-At": "tomorrow"})
        self.put(good, 400, "usage", {**signed, "Approval-Signature": "?"})
        self.put(good, 400, "usage", {**signed, "Approval-Replaces": "some"})
        self.put("nonsense", 400, "usage", signed)
        self.put("", 400, "usage", signed)
        self.put(b"\0" * 200000, 400, "usage", signed)
        self.put(good, 415, "media-type", {**signed, "Content-Type": "application/json"})
        # A large body is read from people only, and not above its limit.
        connection = self.ca.https()
        connection.request("PUT", "/v1/environments/production/inventory", b"x" * 70000,
                           {"Content-Type": "application/vnd.meshca.inventory"})
        self.assertEqual(connection.getresponse().status, 401)
        connection.close()
        for length, status in ((17 << 20, 413), (70000, 413)):
            connection = self.ca.https(self.alice)
            path = "inventory" if length > 1 << 20 else "certificates"
            connection.putrequest("PUT" if path == "inventory" else "POST",
                                  f"/v1/environments/production/{path}")
            connection.putheader("Content-Length", str(length))
            connection.putheader("Content-Type", "application/json")
            connection.endheaders()
            self.assertEqual(connection.getresponse().status, status)
            connection.close()

    def test_a_large_mesh(self):
        self.inventory(*(service(f"service-{i:04d}") for i in range(1000)))
        begin = time.monotonic()
        self.apply()
        print(f"1,000 services applied in {time.monotonic() - begin:.1f} s")
        self.fetch("service-0999")
        self.refused("service-1000")
        rows = json.loads(self.out("applied", "--json"))
        self.assertEqual(len(rows["registered"]), 1002)
        self.assertEqual(rows["registered"][500]["identity"] >
                         rows["registered"][499]["identity"], True)


if __name__ == "__main__":
    unittest.main()
