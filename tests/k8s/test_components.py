# SPDX-License-Identifier: Apache-2.0
"""Components over the example's own workloads, under kubectl's kustomize: every pair goes together, and every patch arrives."""
import itertools
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import yaml

from invariants import ROOT, Tree

BIN = pathlib.Path(os.environ["MESHCA_BIN"]).resolve()
KUBECTL = shutil.which("kubectl")

def key(thing):
    return thing["kind"], thing["metadata"].get("namespace", ""), thing["metadata"]["name"]


def holds(have, want):
    """Whether all that a patch says is there; of lists whose items have names, by name."""
    if isinstance(want, dict):
        return isinstance(have, dict) and all(name in have and holds(have[name], one) for name, one in want.items())
    if isinstance(want, list) and want and all(isinstance(one, dict) and "name" in one for one in want):
        return all(any(holds(other, one) for other in have if other.get("name") == one["name"]) for one in want)
    return have == want


@unittest.skipUnless(KUBECTL, "kubectl is not installed")
class Components(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="meshca-components-")
        cls.out = pathlib.Path(cls.folder.name)
        subprocess.run([BIN / "meshca", "manifests", "generate", ROOT / "k8s/examples/ecotrack", "--out", cls.out,
                        "--environment", "production"], check=True, capture_output=True)
        cls.tree = cls.out / "environments/production"
        cls.components = sorted(path.parent.relative_to(cls.out) for path in cls.tree.rglob("kustomization.yaml")
                                if yaml.safe_load(path.read_text())["kind"] == "Component")
        cls.mine = cls.out / "mine"
        shutil.copytree(ROOT / "k8s/examples/ecotrack-workloads", cls.mine)
        cls.resources = sorted(path.name for path in cls.mine.glob("*.yaml") if path.name != "kustomization.yaml")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def build(self, *components):
        (self.mine / "kustomization.yaml").write_text(yaml.safe_dump(
            {"resources": self.resources, "components": [f"../{one}" for one in components]}))
        done = subprocess.run([KUBECTL, "kustomize", self.mine], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, (components, done.stderr))
        return {key(one): one for one in yaml.load_all(done.stdout, yaml.CSafeLoader)}

    def test_every_pair_goes_together(self):
        self.assertGreater(len(self.components), 5)
        for one, other in itertools.combinations(self.components, 2):
            self.assertEqual(self.build(one, other), self.build(other, one), (one, other))

    def test_every_patch_arrives(self):
        whole = [one for one in self.components if not any(
            one != other and one.is_relative_to(other) for other in self.components)]
        plain, built = self.build(), self.build(*whole)
        patches = Tree(self.tree).patches
        self.assertGreater(len(patches), 8)
        for patch in patches:
            where = key(patch)
            if where[0] == "Application":
                where = where[0], "argocd", where[2]
            self.assertIn(where, built, "the example has no such workload")
            for part in ("spec", "metadata"):
                said = {name: one for name, one in (patch.get(part) or {}).items() if name not in ("name", "namespace")}
                self.assertTrue(holds(built[where].get(part), said), (where, said, built[where].get(part)))
            self.assertFalse(holds(plain[where].get("spec"), patch["spec"]), f"{where} had it without the patch")


if __name__ == "__main__":
    unittest.main()
