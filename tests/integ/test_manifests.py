# SPDX-License-Identifier: Apache-2.0
"""`meshca manifests` on the example mesh, with a small template folder of the tests' own and with the built-in
templates, held against kubectl's kustomize: no daemon, no configuration, no network."""
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import jsonschema
import yaml

BIN = pathlib.Path(os.environ["MESHCA_BIN"]).resolve()
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ECOTRACK = ROOT / "k8s/examples/ecotrack"
SMALL = ROOT / "tests/data/generate/mesh"
KUBECTL = shutil.which("kubectl")
ENVIRONMENTS = ["development", "production", "staging"]


def snapshot(folder):
    """{path: bytes} of every file below."""
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}


def identity(thing):
    group = thing["apiVersion"].rpartition("/")[0]
    return group, thing["kind"], thing["metadata"].get("namespace", ""), thing["metadata"]["name"]


def documents(text):
    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one is not None]


class Manifests(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="meshca-test-manifests-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.inventory = self.folder / "inventory"
        self.out = self.folder / "out"
        self.templates = self.folder / "templates"
        shutil.copytree(ECOTRACK, self.inventory)
        shutil.copytree(SMALL, self.templates)

    def command(self, verb, *words):
        return [BIN / "meshca", "manifests", verb, self.inventory, *words, "--templates", self.templates]

    def run_it(self, verb, *words, code=0, says=""):
        done = subprocess.run(self.command(verb, *words), capture_output=True, text=True, timeout=60,
                              cwd=self.folder)
        self.assertEqual(done.returncode, code, (verb, words, done.stdout, done.stderr))
        self.assertIn(says, done.stdout + done.stderr)
        return done.stdout

    def generate(self, *words, **options):
        return self.run_it("generate", "--out", self.out, *words, **options)

    def check(self, *words, **options):
        return self.run_it("check", "--out", self.out, *words, **options)

    def edit(self, path, old, new):
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1))

    def environment(self, name):
        return self.out / "environments" / name

    # --- what a change means ---
    # (file, what to write instead of what, what must be named for production); None: nothing
    WEAKER = [
        ("environments/production.yaml", "mtls: STRICT", "mtls: PERMISSIVE",
         "weakened: mtls namespace ecotrack: STRICT -> PERMISSIVE"),
        ("environments/production.yaml", "REGISTRY_ONLY", "ALLOW_ANY",
         "weakened: egress outbound: REGISTRY_ONLY -> ALLOW_ANY"),
        ("environments/production.yaml", "faults: forbidden", "faults: allowed",
         "weakened: guard fault injection: forbidden -> allowed"),
        ("environments/production.yaml", "workloadTtl: 24h", "workloadTtl: 72h",
         "weakened: guard lifetime of certificates: 24h -> 72h"),
        ("environments/production.yaml", "registration: registered-only", "registration: open",
         "weakened: identity registration: registered-only -> open"),
        ("environments/production.yaml", "registration:", "trustDomainAliases: [old.example]\n  registration:",
         "weakened: new principal everybody of trust domain old.example"),
        ("environments/production.yaml", "name: ecotrack, enforcement: enforce",
         "name: ecotrack, enforcement: observe",
         "weakened: edge rules of namespace ecotrack: enforce -> observe"),
        ("environments/production.yaml", "workloadTtl:", "keyTypes: [p-256, rsa-2048, rsa-3072]\n    workloadTtl:",
         "weakened: guard keys of certificates: keys p-256,rsa-2048 -> "),
        ("mesh.yaml", "podSecurity: restricted", "podSecurity: privileged",
         "weakened: guard pod security of namespace ecotrack: restricted -> privileged"),
        ("mesh.yaml", "injection: true", "injection: false",
         "weakened: guard proxies in namespace ecotrack: on -> off"),
        ("mesh.yaml", "serviceAccount: prometheus", "serviceAccount: other",
         "weakened: new principal cluster.local/ns/monitoring/sa/other collects metrics"),
        ("services/order-service.yaml", "targetPort: 8080}", "targetPort: 8080, plaintext: {reason: old}}",
         "weakened: new mtls port 8080 of ecotrack/order-service: PERMISSIVE"),
        ("services/order-service.yaml", "gatewayPaths: [", "gatewayPaths: [/inside/*, ",
         "weakened: edge gateway istio-ingress/public -> service ecotrack/order-service"),
        ("services/order-service.yaml", ", claims: {scope: [orders.write]}", "",
         "weakened: guard tokens from gateway istio-ingress/public at ecotrack/order-service"),
        ("services/order-service.yaml", "from: [gateway]", "from: [services]",
         "weakened: no more guard tokens from gateway istio-ingress/public at ecotrack/order-service"),
        ("services/order-service.yaml", "scope: [orders.write]", "scope: [orders.write], role: [clerk]",
         "changed: guard tokens from gateway istio-ingress/public at ecotrack/order-service"),
        ("services/order-service.yaml", "access: write", "access: read-write, group: orders",
         "weakened: topic orders of data/kafka for cluster.local/ns/ecotrack/sa/order-service"),
        ("services/payment-service.yaml", "class: pci", "class: standard",
         "weakened: no more guard class of ecotrack/payment-service: pci"),
        ("services/payment-service.yaml", "maxTtl: 12h", "maxTtl: 72h",
         "weakened: new exception lifetime of spiffe://cluster.local/ns/ecotrack/sa/payment-service: 72h"),
        ("data/kafka.yaml", "authentication: scram-sha-512", "authentication: none",
         "weakened: no more guard authentication of data/kafka: scram-sha-512"),
        ("gateways/public.yaml", "production: {waf: {mode: block}}", "production: {waf: {mode: detect}}",
         "weakened: guard firewall of istio-ingress/public: block -> detect"),
        ("gateways/public.yaml", "requestsPerSecond: 500", "requestsPerSecond: 501",
         "weakened: guard requestsPerSecond of istio-ingress/public: 500 -> 501"),
        ("gateways/public.yaml", "requestsPerSecond: 500", "requestsPerSecond: 499",
         "changed: guard requestsPerSecond of istio-ingress/public: 500 -> 499"),
        ("gateways/public.yaml", ", bodyBytes: 1048576", "",
         "weakened: no more guard bodyBytes of istio-ingress/public: 1048576"),
        ("gateways/public.yaml", "deny: [192.0.2.0/24], ", "",
         "weakened: no more guard denied-clients of istio-ingress/public: 192.0.2.0/24"),
        ("gateways/public.yaml", "allow: [198.51.100.0/24]", "allow: [198.51.100.0/24, 203.0.113.0/24]",
         "weakened: guard admin of istio-ingress/public: addresses 198.51.100.0/24 -> "),
        ("gateways/public.yaml", "trustedProxies: 1", "trustedProxies: 2",
         "weakened: guard trustedProxies of istio-ingress/public: 1 -> 2"),
        ("gateways/public.yaml", "[api.ecotrack.example]", "[api.ecotrack.example, new.ecotrack.example]",
         "weakened: new exposure new.ecotrack.example: at gateway istio-ingress/public"),
        ("external/providers.yaml", "subjectAltNames: [api.payments.example]",
         "subjectAltNames: [api.payments.example, other.example]",
         "weakened: guard certificate of api.payments.example:443"),
        ("external/providers.yaml", "originate: true, minVersion: \"1.2\"", "originate: false",
         "weakened: guard TLS to api.payments.example:443: by the gateway -> by the application"),
    ]

    def test_each_weakening_is_named(self):
        self.generate("--environment", "production")
        for path, old, new, want in self.WEAKER:
            with self.subTest(path=path, new=new):
                file = self.inventory / path
                before = file.read_text()
                self.edit(file, old, new)
                self.check("--environment", "production", code=1, says="\n  " + want)
                file.write_text(before)
        self.check("--environment", "production")

    def test_a_service_that_goes_is_no_weakening(self):
        self.generate("--environment", "production")
        (self.inventory / "services/user-service.yaml").unlink()
        for path in ("services/order-service.yaml", "data/postgres.yaml", "data/redis.yaml"):
            file = self.inventory / path
            file.write_text("".join(line for line in file.read_text().splitlines(True) if "user-service" not in line))
        said = self.check("--environment", "production", code=1,
                          says="removed: no more edge service ecotrack/order-service -> ")
        self.assertNotIn("weakened", said)
        self.assertNotIn("guard", said)

    # --- generate ---
    def test_twice_is_no_change(self):
        self.generate(says="production: ")
        before = snapshot(self.out)
        self.assertEqual(self.generate().splitlines(), [f"{name}: no change" for name in ENVIRONMENTS])
        self.assertEqual(snapshot(self.out), before)
        self.check()
        shutil.rmtree(self.out)
        self.generate()
        self.assertEqual(snapshot(self.out), before)

    def test_development_leaves_production_alone(self):
        self.generate()
        before = snapshot(self.environment("production"))
        self.edit(self.inventory / "environments/development.yaml", "mtls: PERMISSIVE", "mtls: STRICT")
        self.check(code=1, says="environments/development/MANIFEST.json: changed")
        self.generate("--environment", "development", says="development: 0 files added")
        self.assertEqual(snapshot(self.environment("production")), before)
        self.assertEqual(self.generate("--environment", "production").strip(), "production: no change")
        self.check()

    def test_manifest_tells_what_was_written(self):
        self.generate()
        for name in ENVIRONMENTS:
            files = snapshot(self.environment(name))
            manifest = json.loads(files.pop("MANIFEST.json"))
            self.assertEqual(manifest["environment"], name)
            self.assertEqual(manifest["files"],
                             {path: hashlib.sha256(text).hexdigest() for path, text in files.items()})
            shown = subprocess.run([BIN / "meshca", "inventory", "show", self.inventory, "--resolved", name,
                                    "--json"], capture_output=True, check=True)
            self.assertEqual(manifest["inventory"], json.loads(shown.stdout)["sha256"])

    def test_hand_changes(self):
        self.generate()
        path = self.environment("production") / "namespaces/ecotrack/services/order-service.yaml"
        path.write_text(path.read_text() + "# by hand\n")
        # a change that all environments would get: nothing of it may be written
        self.edit(self.inventory / "services/user-service.yaml", "owner: ", "owner: new-")
        before = snapshot(self.out)
        self.generate(code=1, says=f"environments/production/{path.relative_to(self.environment('production'))}:"
                                   " changed by hand")
        self.assertEqual(snapshot(self.out), before)
        told = json.loads(self.generate("--json", code=1))
        self.assertFalse(told["written"])
        self.assertEqual([row["handChanged"] for row in told["environments"]],
                         [[], ["namespaces/ecotrack/services/order-service.yaml"], []])
        self.check(code=1, says="changed by hand")
        self.generate("--force")
        self.assertNotIn("by hand", path.read_text())
        self.check()

    def test_prune_and_what_is_not_ours(self):
        self.generate()
        own = self.environment("staging") / "namespaces/ecotrack/services/NOTES.md"
        own.write_text("mine\n")
        gone = self.environment("staging") / "workloads"
        self.assertTrue(gone.is_dir())
        tree = yaml.safe_load((self.templates / "tree.yaml").read_text())
        (self.templates / "tree.yaml").write_text(yaml.safe_dump(tree[:2]))
        self.generate(says="removed")
        self.assertFalse(gone.exists())
        self.assertEqual(own.read_text(), "mine\n")
        self.check()

    def test_errors_write_nothing(self):
        self.edit(self.templates / "tree.yaml", "@{service.owner}", "@{service.owners}")
        self.generate(code=1, says="tree.yaml:")
        self.assertFalse(self.out.exists())
        self.edit(self.inventory / "environments/production.yaml", "kind: Environment", "kind: Enviroment")
        self.generate(code=1, says="environments/production.yaml:")
        self.assertFalse(self.out.exists())
        self.generate("--environment", "nowhere", code=1)

    def test_killed_at_any_time(self):
        self.generate()
        trees = [snapshot(self.environment("production"))]
        names = ["STRICT", "PERMISSIVE"]
        service = self.inventory / "services/user-service.yaml"
        self.edit(service, "owner: ", "owner: new-")
        self.generate()
        trees.append(snapshot(self.environment("production")))
        self.assertEqual(len(names), len(trees))
        self.assertNotEqual(trees[0], trees[1])
        random.seed(7)
        for turn in range(60):
            if turn % 2 == 0:
                self.edit(service, "owner: new-", "owner: ")
            else:
                self.edit(service, "owner: ", "owner: new-")
            running = subprocess.Popen(self.command("generate", "--out", self.out), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(random.uniform(0, 0.03))
            running.send_signal(signal.SIGKILL)
            running.wait()
            self.assertIn(snapshot(self.environment("production")), trees, turn)
        self.generate()
        self.check()
        self.assertEqual(sorted(os.listdir(self.out / "environments")), ENVIRONMENTS)

    # --- against kustomize ---
    @unittest.skipUnless(KUBECTL, "kubectl is not installed")
    def test_render_gives_what_kustomize_gives(self):
        self.generate()
        for name in ENVIRONMENTS:
            built = subprocess.run([KUBECTL, "kustomize", self.environment(name)], capture_output=True,
                                   text=True, check=True).stdout
            ours = {identity(one): one for one in documents(self.run_it("render", name))}
            theirs = {identity(one): one for one in documents(built)}
            self.assertEqual(sorted(ours), sorted(theirs))
            self.assertEqual(ours, theirs)

    @unittest.skipUnless(KUBECTL, "kubectl is not installed")
    def test_every_folder_is_a_kustomization(self):
        self.generate("--environment", "production")
        for folder in [self.environment("production"), *self.environment("production").rglob("*")]:
            if folder.is_dir():
                done = subprocess.run([KUBECTL, "kustomize", folder], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, (folder, done.stderr))

    @unittest.skipUnless(KUBECTL, "kubectl is not installed")
    def test_patches_reach_workloads(self):
        self.generate("--environment", "production")
        user = self.folder / "out/mine"
        user.mkdir()
        (user / "order.yaml").write_text(self.workload("order-service"))
        (user / "kustomization.yaml").write_text(
            "resources: [order.yaml]\ncomponents: [../environments/production/workloads]\n")
        built = subprocess.run([KUBECTL, "kustomize", user], capture_output=True, text=True, check=True).stdout
        self.assertEqual(documents(built)[0]["spec"]["template"]["spec"]["serviceAccountName"], "order-service")

    def test_full_disk(self):
        """What stood there stands there afterwards, and nothing is left over."""
        script = """
            mount -t tmpfs -o size=1500k tmpfs "$1" || exit 99
            "$2" manifests generate "$3" --out "$1" --environment development || exit 98
            "$2" manifests generate "$3" --out "$1"; echo "status $?"
            find "$1" -path '*environments/*' -prune -print
            "$2" manifests check "$3" --out "$1" --environment development; echo "status $?"
        """
        self.out.mkdir()
        done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", self.out,
                               BIN / "meshca", ECOTRACK], capture_output=True, text=True, timeout=60)
        if done.returncode == 99 and "CI" not in os.environ:
            self.skipTest("no file system can be mounted here: a full disk was NOT tried")
        self.assertEqual(done.stdout.splitlines()[-3:],
                         ["status 1", str(self.environment("development")), "status 0"], done.stderr)
        self.assertIn("No space left on device", done.stderr)

    # --- check ---
    def workload(self, name, port=8080, account=None):
        return (f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: ecotrack}}\n"
                f"spec:\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n"
                f"      serviceAccountName: {account or name}\n"
                f"      containers:\n      - name: app\n        ports: [{{containerPort: {port}}}]\n")

    def test_drift(self):
        self.generate()
        self.check()
        (self.environment("staging") / "cluster/namespaces.yaml").unlink()
        self.check(code=1, says="environments/staging/cluster/namespaces.yaml: changed by hand")
        self.assertEqual(json.loads(self.check("--json", code=1))["environments"][2]["handChanged"],
                         ["cluster/namespaces.yaml"])
        shutil.rmtree(self.out)
        self.check(code=1, says="MANIFEST.json: added")

    def test_environment_that_is_gone(self):
        """Its folder stays, since a cluster may run from it; check says so."""
        self.generate()
        (self.inventory / "environments/staging.yaml").unlink()
        for path in self.inventory.rglob("*.yaml"):
            path.write_text(re.sub(r"(?m)^    staging: .*\n", "", path.read_text()))
        self.check(code=1, says="environments/staging: the inventory has no such environment")
        self.check("--environment", "production")
        self.generate()
        self.assertTrue(self.environment("staging").is_dir())
        shutil.rmtree(self.environment("staging"))
        (self.out / "environments/notes").mkdir()
        self.check()

    def test_what_has_expired(self):
        self.edit(self.inventory / "services/order-service.yaml", "  gatewayPaths:",
                  "  environments:\n    development:\n      faults:\n"
                  "        - {route: read, delay: {percent: \"10\", duration: 2s}, expires: 2026-12-31}\n  gatewayPaths:")
        self.generate()
        self.check("--at", "2026-12-31")
        self.check("--at", "2027-01-01", code=1, says="order-service.yaml:")
        self.check("--at", "tomorrow", code=2, says="is no date")

    def test_render_as_json(self):
        for name in ENVIRONMENTS:
            shown = json.loads(self.run_it("render", name, "--json"))
            self.assertEqual((shown["apiVersion"], shown["kind"]), ("v1", "List"))
            self.assertEqual(shown["items"], documents(self.run_it("render", name)))

    def test_an_environment_asked_for_twice(self):
        said = self.generate("--environment", "staging", "--environment", "staging")
        self.assertEqual(said.count("staging: "), 1, said)

    def test_a_template_that_nothing_includes(self):
        self.generate()
        (self.templates / "typo.yaml").write_text("a: 1\n")
        self.check(says="typo.yaml: no template includes it")
        self.assertEqual(json.loads(self.check("--json"))["unusedTemplates"], ["typo.yaml"])

    def test_a_shadow_whose_original_changed(self):
        listed = json.loads(subprocess.run([BIN / "meshca", "manifests", "templates", "--json"],
                                           capture_output=True, check=True).stdout)["templates"]
        self.generate()
        for row in listed:
            if row["path"] == "tree.yaml":
                path = self.templates / "tree.yaml"
                text = path.read_text()
                self.check(says="warning: ")
                path.write_text(f"# shadows {row['sha256']}\n{text}")
                self.generate()
                self.assertNotIn("warning", self.check())

    def test_workloads(self):
        self.generate()
        folder = self.folder / "workloads"
        folder.mkdir()
        services = [path.stem for path in (self.inventory / "services").glob("*.yaml")]
        shown = documents(self.run_it("render", "production"))
        ports = {one["metadata"]["name"]: one["spec"]["ports"][0]["targetPort"]
                 for one in shown if one["kind"] == "Service"}
        for name in services:
            (folder / f"{name}.yaml").write_text(self.workload(name, ports[name]))
        self.check("--workloads", folder)
        (folder / "user-service.yaml").write_text(self.workload("user-service", ports["user-service"], "default"))
        self.check("--workloads", folder, code=1, says="runs as the account default")
        (folder / "user-service.yaml").write_text(self.workload("users", ports["user-service"]))
        self.check("--workloads", folder, code=1, says="matches nothing")
        self.check("--workloads", folder / "none", code=1, says="none")

    # --- explain ---
    def test_explain(self):
        rows = {row["field"]: row for row in json.loads(
            self.run_it("explain", "production", "Service/ecotrack/order-service", "--json"))["fields"]}
        port = rows["spec.ports[0].port"]
        line = int(port["inventory"].split("services/order-service.yaml:")[1].split(",")[0])
        said = (self.inventory / "services/order-service.yaml").read_text().splitlines()[line - 1]
        self.assertIn("port: 80", said)
        line = int(port["template"].rsplit(":", 1)[1])
        self.assertIn("port.port", (self.templates / "tree.yaml").read_text().splitlines()[line - 1])
        self.assertEqual(port["layer"], "Service ecotrack/order-service")
        self.assertNotIn("inventory", rows["kind"])
        table = self.run_it("explain", "production", "Namespace/ecotrack")
        self.assertIn("metadata.name", table)
        self.run_it("explain", "production", "Service/ecotrack/nobody", code=4, says="nobody")
        self.run_it("explain", "production", "Service", code=2, says="KIND/NAMESPACE/NAME")


class MeshConfig(unittest.TestCase):
    def test_mesh_config(self):
        """One normal form of paths for proxies and policies, or /a//b goes around the rule of /a/b."""
        done = subprocess.run([BIN / "meshca", "manifests", "mesh-config", ECOTRACK, "production"],
                              capture_output=True, text=True)
        config = yaml.safe_load(done.stdout)
        self.assertEqual(config["pathNormalization"], {"normalization": "DECODE_AND_MERGE_SLASHES"})
        self.assertEqual(config["outboundTrafficPolicy"], {"mode": "REGISTRY_ONLY"})
        self.assertEqual(config["trustDomain"], "cluster.local")


class Model(unittest.TestCase):
    def meshca(self, *words):
        done = subprocess.run([BIN / "meshca", "manifests", *words], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def test_models_are_as_their_schema_says(self):
        validator = jsonschema.Draft202012Validator(self.meshca("model-schema"))
        validator.check_schema(validator.schema)
        for environment in ("development", "production", "staging"):
            model = self.meshca("model", ECOTRACK, environment)
            self.assertEqual([error.message for error in validator.iter_errors(model)], [])
            del model["services"][0]["principal"]
            model["gateways"][0]["surprise"] = 1
            self.assertEqual(len(list(validator.iter_errors(model))), 2)


class Golden(unittest.TestCase):
    def test_golden_trees(self):
        """scripts/golden writes them anew; what changes is reviewed as YAML."""
        golden = sorted((ROOT / "tests/golden/ecotrack").glob("*.yaml"))
        self.assertEqual([path.stem for path in golden], ["development", "production", "staging"])
        for path in golden:
            done = subprocess.run([BIN / "meshca", "manifests", "render", ECOTRACK, path.stem],
                                  capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout == path.read_text(), f"{path} is stale: run scripts/golden and look at it")


if __name__ == "__main__":
    unittest.main()
