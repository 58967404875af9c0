# SPDX-License-Identifier: Apache-2.0
"""k8s/tasks.yaml: a row for every bullet, and nothing in a row that is not there. Whether a proof fails without its
objects, scripts/task-mutants sees; those that need no Go are tried here."""
import collections
import fnmatch
import json
import os
import pathlib
import re
import subprocess
import unittest

import yaml

import test_network

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ["MESHCA_BIN"]).resolve()
ECOTRACK = ROOT / "k8s/examples/ecotrack"
ROWS = yaml.safe_load((ROOT / "k8s/tasks.yaml").read_text())["tasks"]
NEEDS = {"proven here": {"title", "what", "objects", "test"},
         "configured, needs a cluster": {"title", "what", "objects", "test"},
         "procedure": {"title", "what", "why"}, "open": {"title", "why"}}
TITLE_LENGTH = 60


def render():
    text = subprocess.run([BIN / "meshca", "manifests", "render", ECOTRACK, "production"], capture_output=True,
                          text=True, check=True).stdout
    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]


def name(thing):
    metadata = thing["metadata"]
    return f"{thing['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"


class Tasks(unittest.TestCase):
    def test_every_bullet_has_a_row(self):
        wanted = (ROOT / "tests/data/mesh-tasks.txt").read_text().split()
        self.assertEqual(collections.Counter(row["id"] for row in ROWS), collections.Counter(wanted))

    def test_rows_say_what_their_status_needs(self):
        for row in ROWS:
            self.assertEqual(set(row) - {"id", "status"}, NEEDS[row["status"]], row["id"])

    def test_titles_tell_rows_apart(self):
        for row in ROWS:
            self.assertRegex(row.get("title") or "", rf"^(?=.{{1,{TITLE_LENGTH}}}$)\S+( \S+)*$", row["id"])
        seen = collections.Counter(row["title"] for row in ROWS)
        self.assertEqual([title for title, count in seen.items() if count > 1], [])

    def test_tests_are_there(self):
        for row in ROWS:
            if "test" in row:
                path, _, function = row["test"].partition(":")
                self.assertNotIn(pathlib.Path(path).suffix, (".md", ""), f"{row['id']} points to prose")
                self.assertRegex((ROOT / path).read_text(), rf"(def |func |START_TEST\(){re.escape(function)}\b",
                                 row["id"])

    def test_objects_are_there(self):
        names = [name(one) for one in render()]
        for row in ROWS:
            for pattern in row.get("objects", ()):
                self.assertTrue(fnmatch.filter(names, pattern), f"{row['id']}: nothing is called {pattern}")

    def test_every_service_has_its_account(self):
        self.assertEqual(self.services_without_account(render()), [])
        self.assertTrue(self.services_without_account([one for one in render() if one["kind"] != "ServiceAccount"]))

    def services_without_account(self, objects):
        model = json.loads(subprocess.run([BIN / "meshca", "manifests", "model", ECOTRACK, "production"],
                                          capture_output=True, text=True, check=True).stdout)
        names = {name(one) for one in objects}
        return [one["name"] for one in model["services"]
                if f"ServiceAccount/{one['namespace']}/{one['serviceAccount']}" not in names]

    def test_network_proofs_fail_without_their_objects(self):
        for row in ROWS:
            if row["status"] != "proven here" or not row["test"].startswith("tests/k8s/test_network.py:"):
                continue
            case = test_network.Network(row["test"].partition(":")[2])
            case.setUp()
            case.policies = test_network.Policies([one for one in case.objects if not any(
                fnmatch.fnmatch(name(one), pattern) for pattern in row["objects"])])
            with self.assertRaises(AssertionError, msg=row["id"]):
                getattr(case, row["test"].partition(":")[2])()

    def test_page_is_not_stale(self):
        page = subprocess.run([ROOT / "scripts/tasks", "--print"], capture_output=True, text=True, check=True).stdout
        self.assertTrue(page == (ROOT / "k8s/README.md").read_text(), "k8s/README.md is stale: run scripts/tasks")


if __name__ == "__main__":
    unittest.main()
