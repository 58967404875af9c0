# SPDX-License-Identifier: Apache-2.0
"""Scalars that YAML readers differ about, written as manifests are written. They must come out of
PyYAML (YAML 1.1) and of `kubectl kustomize` (go-yaml, read and written once more) as they went in:
strings as strings, numbers, booleans and null as such. As values, in lists and as keys."""
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

WRITE = os.environ["MESHCA_YAML_WRITE"]

WORDS = [form for word in ("yes", "no", "on", "off", "y", "n", "true", "false", "null", "nan", "inf", "none")
         for form in (word, word.upper(), word.capitalize())]
NUMBERS = ["0", "00", "-0", "+1", "1", "-1", "010", "0o10", "08", "0x1F", "0X1f", "0b11", "1_000", "1e3", "1E3", "1e+3",
           "1.", ".5", "-.5", "1.5", "0.95", "1.0e3", "1e999", ".inf", "-.inf", "+.inf", ".Inf", ".nan", ".NaN", "1:30",
           "190:20:30", "12:30:00", "1:30.5", "9223372036854775808", "1,000", "1 000", "--1", "0x", "0o", "1e", "1.2.3",
           "1.31", "0.5", "1d", "1Gi", "250m"]
DATES = ["2027-03-31", "2027-3-1", "2027-03-31T00:00:00Z", "2027-03-31 00:00:00", "2027-03-31t00:00:00.5-05:00"]
SIGNS = ["", " ", "  ", "~", "=", "<<", "-", "--", "---", "...", "- x", "-x", "? x", "?x", "?", ":", "::", "a:", "a: b",
         "a:b", ":a", "#", "# x", "a #b", "a# b", "a#b", "&", "&a", "*", "*a", "!", "!tag", "!!str x", "!!binary aGk=",
         "|", "|-", ">", ">-", "%", "%YAML 1.2", "@", "@a", "@{a.b}", "@@{a}", "`", "`a`", "'", "''", "\"", "\"\"",
         "it's", "say \"x\"", "'a'", "\"a\"", "{", "}", "{}", "{a: b}", "{{ a }}", "{{- .Values.a -}}", "${A}", "$1",
         "$(A)", "%DOWNSTREAM_PEER_URI_SAN%", "[", "]", "[]", "[a, b]", ",", "a, b", "\\", "\\n", "a\\", "C:\\x", "/", ".",
         "..", "./a", "a.", ".a", "_", "a_b", "-.", "!=", "==", "&&", "||", "a/b", "/api/*", "*.example", "^a$", "(?i)a"]
SPACES = [" a", "a ", " a ", "\ta", "a\t", "a\tb", "a  b", "\u00a0a", "a\u2003b", "\u3000", "\u200b"]
LINES = ["\n", "\n\n", "a\n", "a\n\n", "\na", "\n\na", "a\nb", "a\nb\n", "a\n\nb", " a\nb", "  a\n b\n", "a \nb", "a\n b",
         "a\n\tb", "\ta\nb\n", "a\n \n", "a\n  \nb\n", "a\r\nb", "a\rb", "a\n---\nb\n", "a\n...\n", "# a\nb\n", "- a\n- b\n",
         "a: b\nc: d\n", "{\n}\n", "\n a\n", "a\n\n\n", "a\n  ", "if x:\n\tpass\n", "%YAML 1.2\n---\n", "a\u2028b", "a\u2029b",
         "a\u0085b", "a\n\u2028b\n", "\ufeff", "\ufeffa", "a\ufeffb\n"]
UNICODE = ["é", "ß", "日本", "😀", "a😀b\n", "\u0000"[1:], "\u0001", "\u001b[2J", "\u007f", "\u0080", "\u009f", "\u00ad",
           "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\uffff", "\U00010000", "\U0010ffff", "e\u0301", "\u202e", "\u061c"]
LONG = ["a" * 200, "a b " * 100 + "a", "a" * 79 + " b", "a" * 80 + " b", "x " * 5000 + "x", "é " * 200 + "é", "a, b: c # " * 20 + "a",
        "sum(rate(istio_requests_total{reporter=\"destination\", response_code!~\"5..\"}[5m]))\n  / sum(rate(x[5m])) > 0.99\n",
        "a" * 4096 + "\n" + "b" * 4096 + "\n", "\n".join(["word " * 40] * 20)]
STRINGS = list(dict.fromkeys(WORDS + NUMBERS + DATES + SIGNS + SPACES + LINES + UNICODE + LONG))
# All pairs of what is special, so that nothing is right only by itself.
PIECES = ["", " ", "\n", "a", "-", ":", "#", "'", "\"", "\\", "1", "~", "\t", "é", "|", "{", "\r", "!", "%", ","]
PAIRS = ["".join(parts) for size in (2, 3) for parts in itertools.product(PIECES, repeat=size)]
# 1e3 is a number for Go and a string for PyYAML, and kustomize makes 1 of 1.0: neither is in a manifest.
TYPED = [0, 1, -1, 65535, 2**53 + 1, 2**63 - 1, -2**63, 0.5, 0.95, 99.99, -0.25, True, False, None, [], {}, [[]], [{}],
         {"a": []}, [[1, [2]], {"a": {"b": [{"c": None}]}}]]
# What kustomize itself loses or refuses, however it is quoted: on its way it is JSON that it reads as YAML.
LOST_BY_KUSTOMIZE = ["a\u0085b", "\u007f", "\u0080", "\u009f", "\ufffe", "\uffff"]
KEYS_LOST_BY_KUSTOMIZE = ["<<"]


class GoLoader(yaml.SafeLoader):
    """Reads what go-yaml writes: for it, = and << are plain words."""


GoLoader.yaml_implicit_resolvers = {
    letter: [row for row in rows if row[0] not in ("tag:yaml.org,2002:value", "tag:yaml.org,2002:merge")]
    for letter, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def written(tree):
    """What our writer makes of a tree."""
    done = subprocess.run([WRITE], input=json.dumps(tree).encode(), capture_output=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    return done.stdout.decode()


def tree_of(strings):
    """Keys are shorter: YAML ends a simple key at 1,024 bytes."""
    return {"apiVersion": "torture.example/v1", "kind": "Torture", "metadata": {"name": "torture"},
            "spec": {"values": {f"k{index}": text for index, text in enumerate(strings)}, "list": strings,
                     "keys": {text: text for text in strings if 0 < len(text) < 100}, "typed": TYPED}}


class Torture(unittest.TestCase):
    maxDiff = 2000

    def same(self, got, want, path=""):
        self.assertIs(type(got), type(want), (path, got, want))
        if isinstance(want, dict):
            self.assertEqual(set(got), set(want), path)
            for key in want:
                self.same(got[key], want[key], f"{path}.{key}")
        elif isinstance(want, list):
            self.assertEqual(len(got), len(want), path)
            for index, item in enumerate(want):
                self.same(got[index], item, f"{path}[{index}]")
        else:
            self.assertEqual(got, want, path)

    def test_pyyaml(self):
        for strings in (STRINGS, PAIRS):
            tree = tree_of(strings)
            self.same(yaml.safe_load(written(tree)), tree)

    def test_one_form(self):
        """What is read and written again is the same bytes, and no line is folded."""
        for strings in (STRINGS, PAIRS):
            text = written(tree_of(strings))
            done = subprocess.run([WRITE], input=text.encode(), capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout.decode(), text)
            self.assertNotIn(": >", [line[-3:] for line in text.splitlines()])

    def test_plain_only_when_safe(self):
        strings = STRINGS + PAIRS
        lines = dict(line.split(": ", 1) for line in written({f"k{index}": text for index, text in enumerate(strings)})
                     .split("\n") if line.startswith("k"))
        self.assertEqual(len(lines), len(strings))
        for index, text in enumerate(strings):
            line = lines[f"k{index}"]
            if line[:1] not in ("\"", "'", "|"):
                self.assertRegex(line, r"^[A-Za-z/][A-Za-z0-9_./-]*$")
                self.assertFalse(line.endswith("."), line)
                self.assertEqual(line, text)

    def kustomize(self, tree):
        with tempfile.TemporaryDirectory(prefix="meshca-test-torture-") as name:
            folder = pathlib.Path(name)
            (folder / "kustomization.yaml").write_text("resources: [torture.yaml]\n")
            (folder / "torture.yaml").write_text(written(tree))
            done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, timeout=120)
            return yaml.load(done.stdout.decode(), GoLoader) if done.returncode == 0 else done.stderr[-2000:]

    def test_kustomize(self):
        if shutil.which("kubectl") is None:
            self.fail("kubectl is needed (kustomize is in it)")
        for strings in (STRINGS, PAIRS):
            tree = tree_of([text for text in strings if text not in LOST_BY_KUSTOMIZE])
            for key in KEYS_LOST_BY_KUSTOMIZE:
                tree["spec"]["keys"].pop(key, None)
            self.same(self.kustomize(tree), tree)
        for text in LOST_BY_KUSTOMIZE + KEYS_LOST_BY_KUSTOMIZE:
            self.assertIn(text, STRINGS)
            tree = tree_of([text])
            self.assertNotEqual(self.kustomize(tree), tree, f"{text!r} survives: take it off the list")


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
