# SPDX-License-Identifier: Apache-2.0
"""`meshca inventory` on the example mesh and on broken copies of it: no daemon, no configuration."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

BIN = pathlib.Path(os.environ["MESHCA_BIN"])
ECOTRACK = pathlib.Path(__file__).resolve().parent.parent.parent / "k8s/examples/ecotrack"


class Runs(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="meshca-test-inventory-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.copy = self.folder / "inventory"
        shutil.copytree(ECOTRACK, self.copy)

    def run_it(self, *words, code=0):
        done = subprocess.run([BIN / "meshca", "inventory", *words], capture_output=True, text=True,
                              timeout=60, cwd=self.folder, env={"PATH": "/nonexistent"})
        self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
        return done

    def json(self, *words, **options):
        return json.loads(self.run_it(*words, "--json", **options).stdout)



class Inventory(Runs):
    def edit(self, name, old, new):
        path = self.copy / name
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1))

    def findings(self, code=1):
        return [(row["code"], row["file"], row["line"], row["severity"])
                for row in self.json("lint", self.copy, code=code)["findings"]]

    def test_the_example_has_no_error(self):
        report = self.json("lint", ECOTRACK, "--at", "2026-11-24")
        self.assertEqual(report["errors"], 0)
        self.assertEqual([row for row in report["findings"] if row["severity"] == "warning"], [])

    def test_an_exception_expires(self):
        before = self.json("lint", ECOTRACK, "--at", "2027-03-31")
        self.assertEqual(before["errors"], 0)
        after = self.json("lint", ECOTRACK, "--at", "2027-04-01", code=1)
        self.assertEqual([row["code"] for row in after["findings"] if row["severity"] == "error"],
                         ["MCA0103"])
        self.run_it("lint", ECOTRACK, "--at", "tomorrow", code=2)
        self.run_it("lint", ECOTRACK, "--at", "2027-02-30", code=2)

    def test_a_finding_about_the_whole_names_the_folder(self):
        said = self.run_it("lint", "nowhere", code=1).stdout.splitlines()[0]
        self.assertTrue(said.startswith("nowhere: error MCA0002 nowhere: No such file"), said)
        (self.copy / "mesh.yaml").unlink()
        said = self.run_it("lint", self.copy, code=1).stdout.splitlines()
        self.assertIn(f"{self.copy}: error MCA0011 no document is of kind Mesh; write a document of kind Mesh", said)

    def test_a_finding_names_file_line_and_fix(self):
        self.edit("services/order-service.yaml", "  timeout: 20s", "  timeot: 20s")
        lines = (self.copy / "services/order-service.yaml").read_text().splitlines()
        line = 1 + next(i for i, text in enumerate(lines) if "timeot" in text)
        done = self.run_it("lint", f"{self.copy}/", code=1)
        self.assertIn(f"{self.copy}/services/order-service.yaml:{line}: error MCA0003 ", done.stdout)
        self.assertIn("; write timeout\n", done.stdout)
        self.assertEqual(self.findings(), [("MCA0003", "services/order-service.yaml", line, "error")])

    def test_broken_yaml(self):
        for text in ("a: &b 1\n", "a: *b\n", "a: !!str 1\n", "a: 1\na: 2\n", "a: yes\n", "a: [\n", "a: \xff\n"):
            (self.copy / "more.yaml").write_bytes(text.encode("latin-1"))
            rows = [row for row in self.findings() if row[1] == "more.yaml"]
            self.assertEqual([row[0] for row in rows], ["MCA0001"], text)

    def test_two_environments_in_one_place(self):
        self.edit("environments/staging.yaml", "stg-eu1", "prd-eu1")
        self.assertIn("MCA0101", [row[0] for row in self.findings()])

    def test_stable_profile(self):
        self.edit("environments/production.yaml", "profile: default", "profile: stable")
        rows = [row for row in self.findings() if row[0] == "MCA0102"]
        self.assertEqual({row[1] for row in rows}, {"gateways/public.yaml"})
        self.assertEqual(len(rows), 2)

    def test_links_are_refused(self):
        (self.copy / "more").symlink_to("/etc")
        (self.copy / "more.yaml").symlink_to("/etc/passwd")
        self.assertEqual([row[:2] for row in self.findings()],
                         [("MCA0002", "more"), ("MCA0002", "more.yaml")])

    def test_show(self):
        rows = self.json("show", ECOTRACK)["documents"]
        self.assertEqual(len([row for row in rows if row["kind"] == "Service"]), 5)
        self.assertIn({"kind": "Service", "namespace": "ecotrack", "name": "order-service",
                       "file": "services/order-service.yaml", "line": 2,
                       "layer": "Service ecotrack/order-service"}, rows)

    def test_show_resolved(self):
        answer = self.json("show", ECOTRACK, "--resolved", "production")
        values = {row["path"]: row for row in answer["values"]}

        def value(path):
            row = values[path]
            return row["value"], row["file"], row["layer"]

        self.assertEqual(value("services[ecotrack/order-service].timeout"),
                         ("20s", "services/order-service.yaml", "Service ecotrack/order-service"))
        self.assertEqual(value("services[ecotrack/order-service].pool.maxConnections"),
                         ("200", "mesh.yaml", "Mesh"))
        self.assertEqual(value("services[ecotrack/order-service].scaling.min"),
                         ("2", "services/order-service.yaml", "Service ecotrack/order-service"))
        self.assertEqual(value("gateways[istio-ingress/public].waf.mode"),
                         ("block", "gateways/public.yaml", "Gateway istio-ingress/public in production"))
        self.assertEqual(value("environment.policies.meshMinVersion"),
                         ("1.2", "built-in", "built-in"))
        self.assertEqual(answer["resolved"]["services"][1]["name"], "order-service")
        self.assertRegex(answer["sha256"], "^[0-9a-f]{64}$")
        text = self.run_it("show", ECOTRACK, "--resolved", "production").stdout
        self.assertRegex(text, r"(?m)^services\[ecotrack/order-service\]\.timeout +20s +"
                               r"services/order-service\.yaml:\d+ +Service ecotrack/order-service$")

    def test_the_hash_is_of_one_environment(self):
        def hashes():
            return [self.json("show", self.copy, "--resolved", name)["sha256"]
                    for name in ("development", "production")]

        before = hashes()
        self.edit("services/product-service.yaml", "expires: 2027-03-31", "expires: 2027-04-01")
        after = hashes()
        self.assertNotEqual(before[0], after[0])
        self.assertEqual(before[1], after[1])
        (self.copy / "services/user-service.yaml").rename(self.copy / "zzz.yml")
        self.assertEqual(hashes(), after)

    def test_environments(self):
        self.assertEqual(self.json("environments", ECOTRACK),
                         {"environments": ["development", "production", "staging"]})
        self.assertEqual(self.run_it("environments", ECOTRACK).stdout, "development\nproduction\nstaging\n")

    def test_what_is_not_there(self):
        self.run_it("show", ECOTRACK, "--resolved", "prod", code=4)
        self.run_it("show", self.folder / "nothing", code=1)
        self.run_it("lint", self.folder / "nothing", code=1)
        self.run_it("lint", code=2)
        self.run_it("explain", "MCA9999", code=4)

    def test_explain(self):
        self.assertEqual(self.json("explain", "MCA0101")["trap"], "environments-apart")
        self.assertIn("MCA0101 error: ", self.run_it("explain", "MCA0101").stdout)

    def test_schema(self):
        schema = json.loads(self.run_it("schema").stdout)
        self.assertEqual(schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
        self.assertEqual(self.json("schema"), schema)


def kube(kind, namespace, name, **rest):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, **rest}


def service(namespace, name, *ports, **spec):
    return kube("Service", namespace, name, spec={"selector": {"app": name}, "ports": [
        {"name": port, "port": number, "targetPort": target} for port, number, target in ports], **spec})


def edge(source, target, value="7", **labels):
    names = {}
    for side, place in (("source", source), ("destination", target)):
        namespace, account = place
        names[f"{side}_principal"] = f"spiffe://cluster.local/ns/{namespace}/sa/{account}"
    return {"metric": {**names, "destination_service_namespace": target[0],
                       "destination_service_name": target[1], **labels}, "value": [1, value]}


class Import(Runs):
    """A draft of a small mesh, and what is made of it when people have finished it."""

    OBJECTS = [
        service("shop", "web", ("http", 80, 8080)),
        service("shop", "cart", ("http", 80, 8080), ("grpc-admin", 81, "admin")),
        service("data", "db", ("tcp-postgres", 5432, 5432), clusterIP="None"),
        kube("Service", "shop", "elsewhere", spec={"type": "ExternalName"}),
        kube("ServiceAccount", "shop", "web"), kube("ServiceAccount", "shop", "cart-account"),
        kube("ServiceAccount", "data", "db"), kube("ConfigMap", "shop", "x", data={}),
        kube("AuthorizationPolicy", "shop", "allow-web", spec={"selector": {"matchLabels": {"app": "cart"}}, "rules": [
            {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/web"]}}],
             "to": [{"operation": {"methods": ["GET"], "paths": ["/cart/*"], "ports": ["8080"]}}]}]}),
        kube("AuthorizationPolicy", "shop", "deny", spec={"action": "DENY", "rules": [{}]}),
    ]
    EDGES = [edge(("shop", "web"), ("shop", "cart"), destination_principal="spiffe://cluster.local/ns/shop/sa/cart-account"),
             edge(("shop", "cart-account"), ("data", "db")),
             edge(("shop", "cart-account"), ("shop", "web"), value="0"),
             edge(("shop", "web"), ("unknown", "PassthroughCluster"))]

    def draft(self, objects=None, edges=None):
        (self.folder / "objects.json").write_text(json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": self.OBJECTS if objects is None else objects}))
        (self.folder / "edges.json").write_text(json.dumps(
            {"status": "success", "data": {"resultType": "vector", "result": self.EDGES if edges is None else edges}}))
        return self.json("import", "--objects", "objects.json", "--edges", "edges.json")

    def test_draft(self):
        answer = self.draft()
        specs = {(row["kind"], row["metadata"]["name"]): row["spec"] for row in answer["documents"]}
        self.assertEqual(set(specs), {("Mesh", "mesh"), ("Service", "web"), ("Service", "cart"), ("DataService", "db")})
        self.assertEqual(specs["Mesh", "mesh"]["namespaces"], [{"name": "data"}, {"name": "shop"}])
        self.assertEqual(specs["Service", "cart"], {
            "serviceAccount": "cart-account", "service": "existing", "workload": {"selector": {"app": "cart"}},
            "ports": [{"name": "http", "protocol": "http", "port": 80, "targetPort": 8080},
                      {"name": "grpc-admin", "protocol": "grpc", "port": 81}],
            "calls": [{"data": "db", "namespace": "data", "port": "tcp-postgres"}],
            "accepts": [{"from": "web", "ports": ["http"], "methods": ["GET"], "paths": ["/cart/*"]}]})
        self.assertEqual(specs["Service", "web"]["calls"], [{"service": "cart"}])
        self.assertNotIn("accepts", specs["Service", "web"])
        self.assertEqual(specs["DataService", "db"]["accepts"],
                         [{"from": "cart", "namespace": "shop", "ports": ["tcp-postgres"]}])
        self.assertTrue(specs["DataService", "db"]["headless"])
        notes = "\n".join(answer["notes"])
        for words in ("elsewhere has no selector", "has action DENY", "PassthroughCluster", "targetPort admin"):
            self.assertIn(words, notes)

    def test_a_finished_draft_is_an_inventory(self):
        self.draft()
        folder = self.folder / "draft"
        folder.mkdir()
        self.run_it("import", "--objects", "objects.json", "--edges", "edges.json", "--out", folder / "all.yaml")
        text = (folder / "all.yaml").read_text()
        self.assertEqual([row["code"] for row in self.json("lint", folder)["findings"]], ["MCA0014"])
        (folder / "production.yaml").write_text(
            "apiVersion: meshca.dev/v1alpha1\nkind: Environment\nmetadata: {name: production}\nspec:\n"
            "  clusters: [{name: one}]\n  istio: {revisions: [{name: a}], tag: a}\n"
            "  defaults: {service: {owner: me}, dataService: {owner: me}}\n")
        rows = self.json("lint", folder, code=1)["findings"]
        self.assertEqual({(row["code"], "maxConnections" in row["what"]) for row in rows if row["severity"] == "error"},
                         {("MCA0012", True)})
        (folder / "all.yaml").write_text(text.replace("  engine: postgresql\n", "  engine: postgresql\n  maxConnections: 9\n"))
        rows = self.json("lint", folder)["findings"]
        self.assertEqual([row for row in rows if row["severity"] == "error"], [])

    def policy(self, name, **spec):
        return {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
                "metadata": {"name": name, "namespace": "shop"}, "spec": spec}

    def test_a_draft_is_no_wider_than_policies_unseen(self):
        def service(name, ports, **more):
            return {"kind": "Service", "metadata": {"name": name, "namespace": "shop"},
                    "spec": {"selector": {"app": name}, "ports": ports, **more}}

        def rule(source, **operation):
            return {"from": [{"source": source}], "to": [{"operation": operation}]}

        web = {"principals": ["cluster.local/ns/shop/sa/web"]}
        one = {"selector": {"matchLabels": {"app": "one"}}}
        answer = self.draft([
            service("web", [{"port": 80}]),
            service("one", [{"name": "http", "port": 80, "targetPort": "web"},
                            {"name": "http-more", "port": 81, "targetPort": 8081}]),
            service("dns", [{"name": "dns", "port": 53, "protocol": "UDP"}]),
            service("both", [{"name": "u", "port": 53, "protocol": "UDP"}, {"name": "tcp-t", "port": 53}]),
            self.policy("not", rules=[rule(web, notPaths=["/admin"], methods=["*"])], **one),
            self.policy("named", rules=[rule(web, ports=["8080"])], **one),
            self.policy("half", rules=[rule(web, ports=["8081", "9999"], paths=["/x"])], **one),
            self.policy("narrow", rules=[rule({**web, "ipBlocks": ["10.0.0.0/8"]})], **one),
            self.policy("open", rules=[{}], **one),
            self.policy("refs", rules=[rule(web)], targetRefs=[{"kind": "Gateway", "name": "g"}]),
            self.policy("nobody", rules=[rule(web)], selector={"matchLabels": {"app": "gone"}}),
        ], [])
        specs = {row["metadata"]["name"]: row["spec"] for row in answer["documents"]}
        self.assertEqual(set(specs), {"mesh", "web", "one", "both"})
        self.assertEqual([port["port"] for port in specs["both"]["ports"]], [53])
        self.assertNotIn("accepts", specs["both"])
        self.assertNotIn("accepts", specs["web"])
        self.assertEqual(specs["one"]["accepts"], [
            {"from": "web"}, {"from": "web", "ports": ["http-more"], "paths": ["/x"]}])
        notes = answer["notes"]
        for words in ("shop/one: a policy with notPaths: it is not in the draft, which lets through more",
                      "shop/one: a policy with ipBlocks: it is not in the draft, which lets through more",
                      "shop/one: a policy for port 8080, which is no targetPort of the Service by its number: left out",
                      "shop/one: a policy for port 9999, which is no targetPort of the Service by its number: left out",
                      "shop/one: a policy that lets everybody in: left out",
                      "AuthorizationPolicy shop/refs names targetRefs: left out",
                      "AuthorizationPolicy shop/nobody selects no Service here: left out",
                      "shop/both: port 53 speaks UDP: left out",
                      "Service shop/dns has no port of TCP: left out",
                      "shop/web: write the protocol of port 80: tcp is in the draft, but Istio guesses from traffic"):
            self.assertEqual(notes.count(words), 1, (words, notes))

    def test_order_does_not_matter(self):
        self.assertEqual(self.draft()["documents"], self.draft(self.OBJECTS[::-1], self.EDGES[::-1])["documents"])

    def test_what_is_no_input(self):
        (self.folder / "a.json").write_text("[1]")
        (self.folder / "b.json").write_text("{}")
        self.run_it("import", "--objects", "a.json", code=2)
        self.run_it("import", "--objects", "nothing.json", code=1)
        self.run_it("import", code=2)
        self.draft()
        self.run_it("import", "--objects", "objects.json", "--edges", "b.json", code=2)


if __name__ == "__main__":
    unittest.main()
