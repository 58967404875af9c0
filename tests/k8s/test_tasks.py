# SPDX-License-Identifier: Apache-2.0
"""k8s/tasks.yaml: a row for every bullet, and nothing in a row that is not there. Every test that a row cites is seen to
fail without the row's objects: here, or by scripts/task-mutants where it needs Go or Envoy."""
import collections
import fnmatch
import functools
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

import invariants
import proofs
import test_network
import test_proofs

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ["MESHCA_BIN"]).resolve()
ECOTRACK = ROOT / "k8s/examples/ecotrack"
ROWS = yaml.safe_load((ROOT / "k8s/tasks.yaml").read_text())["tasks"]
NEEDS = {"proven here": {"title", "what", "objects", "test"},
         "configured, needs a cluster": {"title", "what", "objects", "test"},
         "procedure": {"title", "what", "why"}, "open": {"title", "why"}}
MORE = {"mesh", "environment", "beside"}  # what a row may say, too: of which tree it is, and tests that prove nothing of it
TRIED_HERE = ("tests/k8s/proofs.py:", "tests/k8s/invariants.py:", "tests/k8s/test_network.py:",
              "tests/k8s/test_tasks.py:test_drift_is_seen")
TRIED_BY_SCRIPT = ("tests/conformance/", "tests/edges/")
TITLE_LENGTH = 60


def name(thing):
    metadata = thing["metadata"]
    return f"{thing['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"


def is_thing(node):
    return isinstance(node, dict) and isinstance(node.get("metadata"), dict) and "name" in node["metadata"]


def is_of(row, thing):
    return any(fnmatch.fnmatch(name(thing), pattern) for pattern in row["objects"])


@functools.cache
def tree(mesh, environment):
    with tempfile.TemporaryDirectory(prefix="meshca-tasks-") as folder:
        return test_proofs.made(folder, mesh, environment)


def made(row):
    """(tree, model) that a row is about."""
    return tree(ROOT / row.get("mesh", "k8s/examples/ecotrack"), row.get("environment", "production"))


def things(row):
    whole, _ = made(row)
    return whole.objects + whole.patches


def without(whole, thing, instead=None):
    def changed(rows):
        return [instead if one is thing else one for one in rows if one is not thing or instead is not None]
    return test_proofs.with_objects(whole, changed(whole.objects), changed(whole.patches))


def judged_rows():
    """Rows that a proof or an invariant is named in, with that function."""
    for row in ROWS:
        path, _, function = row.get("test", "").partition(":")
        if path == "tests/k8s/proofs.py":
            yield row, proofs.PROOFS[function]
        elif path == "tests/k8s/invariants.py":
            yield row, next(one for one in invariants.INVARIANTS if one.__name__ == function)


def findings(judge, row, whole):
    _, model = made(row)
    found = judge(whole, model) if judge.__name__ in proofs.PROOFS else judge(whole)
    return {repr(one) for one in found}


def notices(judge, row, whole, before):
    try:
        return bool(findings(judge, row, whole) - before)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError):
        return True  # a judge that cannot even read it has noticed


class Tasks(unittest.TestCase):
    def test_every_bullet_has_a_row(self):
        wanted = (ROOT / "tests/data/mesh-tasks.txt").read_text().split()
        self.assertEqual(collections.Counter(row["id"] for row in ROWS), collections.Counter(wanted))

    def test_rows_say_what_their_status_needs(self):
        for row in ROWS:
            self.assertEqual(set(row) - {"id", "status"} - (MORE if "test" in row else set()), NEEDS[row["status"]],
                             row["id"])

    def test_titles_tell_rows_apart(self):
        for row in ROWS:
            self.assertRegex(row.get("title") or "", rf"^(?=.{{1,{TITLE_LENGTH}}}$)\S+( \S+)*$", row["id"])
        seen = collections.Counter(row["title"] for row in ROWS)
        self.assertEqual([title for title, count in seen.items() if count > 1], [])

    def test_tests_are_there(self):
        for row in ROWS:
            named = [row["test"], *row.get("beside", ())] if "test" in row else []
            self.assertEqual(len(named), len(set(named)), row["id"])
            for one in named:
                path, _, function = one.partition(":")
                self.assertNotIn(pathlib.Path(path).suffix, (".md", ""), f"{row['id']} points to prose")
                self.assertRegex((ROOT / path).read_text(), rf"(def |func |START_TEST\(){re.escape(function)}\b",
                                 row["id"])

    def test_objects_are_there(self):
        for row in ROWS:
            names = [name(one) for one in things(row)] if "objects" in row else []
            for pattern in row.get("objects", ()):
                self.assertTrue(fnmatch.filter(names, pattern), f"{row['id']}: nothing is called {pattern}")

    # --- a test that a row cites is seen to fail without the row's objects ---
    def test_every_cited_test_is_tried(self):
        """Here, or by scripts/task-mutants; any other could pass whatever is generated."""
        for row in ROWS:
            if "test" in row:
                self.assertTrue(row["test"].startswith(TRIED_HERE + TRIED_BY_SCRIPT), f"{row['id']}: {row['test']}")
            if row.get("test", "").startswith(TRIED_BY_SCRIPT):
                self.assertNotIn("environment", row, row["id"])  # the script takes production

    def test_judges_miss_their_objects(self):
        """Each object of a row for itself: the judge that the row names finds something that was not wrong before. The
        same of weaker ones, where the row's objects can be weaker: some of them at least, the judges together see all
        (test_proofs.py)."""
        tried, wrong = collections.Counter(), []
        for row, judge in judged_rows():
            whole, _ = made(row)
            before = findings(judge, row, whole)
            weaker, seen = 0, 0
            for one in things(row):
                if not is_of(row, one):
                    continue
                tried["taken out"] += 1
                if not notices(judge, row, without(whole, one), before):
                    wrong.append(f"{row['id']}: {name(one)} is not missed")
                for _, _, other in test_proofs.weaker(one):
                    weaker += 1
                    seen += notices(judge, row, without(whole, one, other), before)
            tried["weaker"] += weaker
            tried["weaker, seen by this judge"] += seen
            if weaker and not seen:
                wrong.append(f"{row['id']}: {row['test']} sees none of {weaker} weaker objects")
        print(dict(tried))
        self.assertEqual(wrong, [])

    def network_fails(self, test, gone):
        case = test_network.Network(test)
        case.setUp()
        case.policies = test_network.Policies([one for one in case.objects if name(one) not in gone])
        try:
            getattr(case, test)()
        except AssertionError:
            return True
        return False

    def test_network_proofs_fail_without_their_objects(self):
        """All at once by the test that is named. Each for itself by one of them: what a workload's policy lets out, the
        namespace's still keeps in."""
        every = [one for one in dir(test_network.Network) if one.startswith("test_") and "without" not in one]
        for row in ROWS:
            path, _, function = row.get("test", "").partition(":")
            if path == "tests/k8s/test_network.py":
                gone = {name(one) for one in things(row) if is_of(row, one)}
                self.assertFalse(self.network_fails(function, set()))
                self.assertTrue(self.network_fails(function, gone), row["id"])
                for one in gone:
                    self.assertTrue(any(self.network_fails(test, {one}) for test in every), f"{row['id']}: {one}")

    def test_drift_is_seen(self):
        """What check says of a tree in which a row's objects are missing, and of one that is whole."""
        rows = [row for row in ROWS if row.get("test") == "tests/k8s/test_tasks.py:test_drift_is_seen"]
        self.assertTrue(rows)
        for row in rows:
            with tempfile.TemporaryDirectory(prefix="meshca-tasks-") as out:
                words = [BIN / "meshca", "manifests", "check", ECOTRACK, "--out", out]
                subprocess.run([BIN / "meshca", "manifests", "generate", ECOTRACK, "--out", out], check=True,
                               capture_output=True)
                self.assertEqual(subprocess.run(words, capture_output=True).returncode, 0)
                for file in sorted((pathlib.Path(out) / "environments/production").rglob("*.yaml")):
                    text = file.read_text()
                    kept = [one for one in text.split("\n---\n") if not any(
                        is_of(row, thing) for thing in yaml.load_all(one, yaml.CSafeLoader) if is_thing(thing))]
                    if len(kept) < len(text.split("\n---\n")):
                        file.write_text("\n---\n".join(kept))
                        self.assertEqual(subprocess.run(words, capture_output=True).returncode, 1, file)
                        file.write_text(text)
                        self.assertEqual(subprocess.run(words, capture_output=True).returncode, 0)

    def test_page_is_not_stale(self):
        page = subprocess.run([ROOT / "scripts/tasks", "--print"], capture_output=True, text=True, check=True).stdout
        self.assertTrue(page == (ROOT / "k8s/README.md").read_text(), "k8s/README.md is stale: run scripts/tasks")


if __name__ == "__main__":
    unittest.main()
