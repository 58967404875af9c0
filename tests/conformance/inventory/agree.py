# SPDX-License-Identifier: Apache-2.0
"""Two judges of inventories: `meshca inventory lint`, and python3-jsonschema with what
`meshca inventory schema` prints. They are made from one table, and must say the same of

- the inventories in tests/data/inventory, whose codes expected.yaml names, and
- every document of the example mesh and of those, with one change each: a key gone, a key too
  many, a value of another type, null, a text that its pattern is near to.

JSON Schema cannot say that a list has each name once (MCA0008), nor anything about several
documents. It takes 80.0 for an integer, which meshca does not: no such number is tried."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import yaml
from jsonschema import Draft202012Validator

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
BIN = pathlib.Path(os.environ["MESHCA_BIN"])
DATA = ROOT / "tests/data/inventory"
SCHEMA_CODES = {f"MCA{number:04}" for number in (3, 4, 5, 6, 7, 9)}
BATCH = 1500  # documents of one inventory: all findings must fit
# Each is near to what some type takes, or the largest that it takes.
TEXTS = ("", " ", "a", "A", "a.b", "a..b", "-a", "a-", "a" * 63, "a" * 64, "a" * 253, "a" * 254, "a.b.", "*.a.b",
         "/", "//", "/a", "/a/", "/a/*", "/*", "/{*}", "/{**}/a", "/a{*}", "a/b", "/a b", "/a?b", "https://a",
         "https://a.b/c", "http://a.b", "https://a.b?c", "192.0.2.0/24", "192.0.2.0/33", "256.0.0.0/8", "::/0",
         "2001:db8::/129", "2027-03-31", "2027-13-01", "2027-3-1", "1s", "1h30m", "30m1h", "1.5s", "500ms", "s", "1d",
         "100m", "1Gi", "1.5", "-1", "Ki", "0", "100", "100.0", "100.1", "99.99", "0.5", "0.0", "1.0", "1.31",
         "1.31.0", "v1.31", "true", "GET", "STRICT", "b" * 1024, "b" * 1025, "é", "é" * 64, "a\tb", "a\n", "a\x1bb", "a\u2028b", "a b", "a: b",
         "0123456789abcdef" * 4, "0123456789ABCDEF" * 4, "Bearer ", "coraza-wasm", "canary", "10.0.0.0", "a_b", "{a}")
OTHERS = (None, True, False, 0, 1, -1, 65535, 65536, 10**9, 10**12, 0.5, [], ["a"], [None], [1], {}, {"a": "b"}, [{}])


class Loader(yaml.SafeLoader):
    """YAML 1.2 as meshca reads it: a date is text."""


Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in rows if not tag.endswith(":timestamp")]
    for letter, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def documents(folder):
    for path in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")]):
        for document in yaml.load_all(path.read_text(), Loader):
            yield path, document


def run(*words, codes=(0,)):
    done = subprocess.run([BIN / "meshca", "inventory", *words], capture_output=True, text=True, timeout=300)
    if done.returncode not in codes:
        raise AssertionError((words, done.returncode, done.stderr[-2000:]))
    return json.loads(done.stdout)


def lint(folder):
    return run("lint", folder, "--json", "--at", "2026-11-24", codes=(0, 1))["findings"]


def replaced(node, path, value):
    """The tree with another value at a path."""
    if not path:
        return value
    copy = list(node) if isinstance(node, list) else dict(node)
    copy[path[0]] = replaced(node[path[0]], path[1:], value)
    return copy


def changes(document):
    """(what was done, the changed document), one change each."""
    def walk(node, path):
        if isinstance(node, dict):
            for key in node:
                rest = {name: value for name, value in node.items() if name != key}
                yield f"{path + (key,)} gone", replaced(document, path, rest)
                yield f"{path + (key,)} misspelt", replaced(document, path, {**rest, key + "x": node[key]})
                yield from walk(node[key], path + (key,))
        elif isinstance(node, list):
            yield f"{path} empty", replaced(document, path, [])
            for index, item in enumerate(node):
                yield from walk(item, path + (index,))
        if path:
            for value in OTHERS:
                yield f"{path} is {value!r}", replaced(document, path, value)
        if path and not isinstance(node, (dict, list)):
            for value in TEXTS:
                yield f"{path} is {value!r:.80}", replaced(document, path, value)
    yield from walk(document, ())


class Agree(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        schema = run("schema")
        Draft202012Validator.check_schema(schema)
        cls.validator = Draft202012Validator(schema)

    def expected(self):
        rows = yaml.safe_load((DATA / "expected.yaml").read_text())
        self.assertEqual(set(rows), {path.name for path in DATA.iterdir() if path.is_dir()})
        return rows

    def test_folders(self):
        for name, codes in self.expected().items():
            with self.subTest(name):
                rows = lint(DATA / name)
                errors = sorted({row["code"] for row in rows if row["severity"] == "error"})
                self.assertEqual(errors, codes, rows)
                if "MCA0001" in codes:
                    continue
                good = all(self.validator.is_valid(document) for _, document in documents(DATA / name))
                self.assertEqual(good, not SCHEMA_CODES & set(codes))

    def test_every_schema_code_is_in_the_corpus(self):
        used = {code for codes in self.expected().values() for code in codes}
        self.assertEqual({f"MCA{number:04}" for number in (1, *range(3, 14))} - used, set())

    def judge(self, batch):
        """What meshca and the schema say differently."""
        with tempfile.TemporaryDirectory(prefix="meshca-test-agree-") as folder:
            for index, (_, document) in enumerate(batch):
                (pathlib.Path(folder) / f"{index}.yaml").write_text(json.dumps(document, ensure_ascii=False))
            bad = {row["file"]: row for row in lint(folder) if row["code"] in SCHEMA_CODES}
        differ = []
        faults = 0
        for index, (what, document) in enumerate(batch):
            finding = bad.get(f"{index}.yaml")
            faults += finding is not None
            if self.validator.is_valid(document) != (finding is None):
                errors = [f"{list(error.absolute_path)}: {error.message:.200}"
                          for error in self.validator.iter_errors(document)]
                differ.append(f"{what}: meshca {finding}, schema {errors[:2]}")
        return differ, faults

    def test_changes(self):
        sources = [document for folder in (ROOT / "k8s/examples/ecotrack", DATA / "minimal", DATA / "overrides")
                   for _, document in documents(folder)]
        every = [(f"{document['kind']} {document['metadata']['name']}: {what}", changed)
                 for document in sources for what, changed in changes(document)]
        if "--all" not in sys.argv:  # a fixed tenth, spread over all: the rest takes minutes
            every = every[::10]
        faults = 0
        for begin in range(0, len(every), BATCH):
            differ, bad = self.judge(every[begin:begin + BATCH])
            faults += bad
            self.assertEqual(differ[:10], [])
        print(f"{len(every)} changed documents, {faults} of them with a fault of the schema", file=sys.stderr)
        self.assertGreater(faults, len(every) // 10)
        self.assertGreater(len(every) - faults, len(every) // 20)


if __name__ == "__main__":
    unittest.main(argv=[word for word in sys.argv if word != "--all"])
