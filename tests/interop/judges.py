# SPDX-License-Identifier: Apache-2.0
"""Every kind of certificate and CRL before zlint and pkilint: scripts/judges calls this.

    judges.py --zlint PROGRAM --pkilint FOLDER [--report FILE]

A finding that EXPLAINED does not name fails the run, and so does an explanation that nothing needs.
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from cryptography import x509

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integ"))
from harness import Authority, make_csr, new_key  # noqa: E402

ZLINT_SOURCES = "RFC3279,RFC5280,RFC5480,RFC5891,RFC8813,Community"
CA_KEYS = ("rsa-4096", "p-384")
EXPLAINED = {  # (judge, finding): why it stays
    ("pkilint", "pkix.invalid_uri_syntax"):
        "its URIs go through `validators.url`, which knows a list of schemes without `spiffe`; the form is the SPIFFE "
        "ID of X509-SVID section 2, and RFC 3986's",
    ("pkilint", "pkix.invalid_domain_name_syntax"):
        "`localhost`, in this demonstration's own listener: `validators.domain` wants a dot, RFC 5280 section 4.2.1.6 "
        "(preferred name syntax, RFC 1034 section 3.5) does not",
    ("zlint", "n_san_iana_pub_suffix_empty"):
        "the same `localhost`, which a rule of the Web PKI takes for a public suffix; a notice",
}


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120)
    return done.stdout, done.stderr


def revoke(ca, person, serial):
    status, _, answer = ca.call("POST", f"/v1/certificates/{serial}/revoke", {"reason": "superseded"}, person)
    assert status == 200, answer


def await_crls(ca, person, want):
    """Until the CRLs name so many certificates; a revocation may take some seconds to get there."""
    end = time.monotonic() + 20
    while True:
        rows = ca.call("GET", "/v1/issuers", person=person)[2]["issuers"]
        found = {}
        for row in rows:
            if row["profile"] == "lineage":
                continue  # the environment's key and name: its CRL is the anchor's
            old = "revoked " if row["state"] == "revoked" else ""
            found[f"{old}{row['profile']} of {row['environment'] or 'all'}"] = ca.call(
                "GET", f"/v1/issuers/{row['id']}/crl", headers={"Accept": "application/x-pem-file"})[2].decode()
        lists = sum(entries(text) for text in found.values())
        if lists >= want or time.monotonic() > end:
            assert lists >= want, "the revocations are in no CRL"
            return found
        time.sleep(0.3)


def entries(crl):
    return len(list(x509.load_pem_x509_crl(crl.encode())))


def collect(ca_key):
    """{name: PEM} of certificates and of CRLs."""
    ca = Authority(environments=("production",), ca_key=ca_key)
    try:
        ca.__enter__()
        admin = ca.admin("alice", "admin")
        certs, crls = {}, {}
        for row in ca.call("GET", "/v1/issuers", person=admin)[2]["issuers"]:
            certs[f"{row['profile']} of {row['environment'] or 'all'}"] = row["certificate"]
        certs["svid, P-256"] = ca.fetch("production", "shop", "cart")[0]
        certs["svid, RSA-2048"] = ca.fetch("production", "shop", "cart", key=new_key("rsa-2048"))[0]
        body = {"profile": "server", "csr": make_csr(new_key()).decode(),
                "dns_names": ["istiod.istio-system.svc", "a.meshca.svc"]}
        status, _, answer = ca.call("POST", "/v1/environments/production/certificates", body, admin)
        assert status == 201, answer
        certs["server of production"] = answer["chain"][0]
        certs["client of operators"] = (admin / "alice.crt").read_text().split("-----END")[0] + \
            "-----END CERTIFICATE-----\n"
        listed = ca.call("GET", "/v1/certificates?environment=operators&profile=server", person=admin)[2]
        row = ca.call("GET", f"/v1/certificates/{listed['certificates'][0]['serial']}", person=admin)[2]
        certs["server of operators"] = row["certificate"]
        crls.update({"empty, " + name: text for name, text in await_crls(ca, admin, 0).items()})
        revoke(ca, admin, answer["serial"])
        ca.meshca("issuer", "rotate", "--environment", "production")
        old = [r for r in ca.call("GET", "/v1/issuers", person=admin)[2]["issuers"]
               if r["profile"] == "issuing" and r["environment"] == "production"]
        ca.meshca("cert", "revoke", min(old, key=lambda r: r["not_before"])["serial"], "--reason", "superseded",
                  "--client", admin / "client.json")  # a CA's needs a signature, which this makes
        crls.update({"with entries, " + name: text for name, text in await_crls(ca, admin, 2).items()})
        return certs, crls
    finally:
        ca.__exit__(None, None, None)


def zlint(program, path):
    out, said = run(program, "-includeSources", ZLINT_SOURCES, path)
    results = json.loads(out) if out.strip() else sys.exit(f"zlint: {said}")
    ran = [name for name, row in results.items() if row["result"] not in ("NA", "NE")]
    return len(ran), [("zlint", name, f"{row['result']} {row.get('details', '')}")
                      for name, row in results.items() if row["result"] in ("info", "warn", "error", "fatal")]


def pkilint(program, *words):
    out, said = run(program, "lint", "-s", "NOTICE", "-f", "JSON", *words)
    if not out.strip():
        sys.exit(f"{program}: {said}")
    return [("pkilint", finding["code"], f"{finding['severity']} at {row['node_path']}: "
             f"{finding.get('message') or ''}")
            for row in json.loads(out)["results"] for finding in row["finding_descriptions"]]


def judge_all(options, ca_key, folder):
    """(rows of the table, findings)"""
    certs, crls = collect(ca_key)
    issuer_of = {"svid": "issuing of production", "server of production": "issuing of production",
                 "server of operators": "issuing of operators", "client": "issuing of operators",
                 "issuing of production": "environment of production", "lineage": "root of all",
                 "issuing of operators": "environment of operators"}
    rows, findings = [], []
    for kind, objects in (("certificate", certs), ("CRL", crls)):
        for number, (name, pem) in enumerate(sorted(objects.items())):
            path = folder / f"{ca_key}-{kind}-{number}.pem"
            path.write_text(pem)
            ran, found = zlint(options.zlint, path)
            if kind == "certificate":
                found += pkilint(options.pkilint / "lint_pkix_cert", path)
                above = next((up for start, up in issuer_of.items() if name.startswith(start)), None)
                if above:
                    (folder / "issuer.pem").write_text(certs[above])
                    found += pkilint(options.pkilint / "lint_pkix_signer_signee_cert_chain",
                                     folder / "issuer.pem", path)
            else:
                found += pkilint(options.pkilint / "lint_crl", "-t",
                                 "CRL" if "issuing" in name else "ARL", "-p", "PKIX", path)
            rows.append((ca_key, kind, name, ran, sorted({code for _, code, _ in found})))
            findings += [(name, *finding) for finding in found]
    return rows, findings


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--zlint", required=True, type=pathlib.Path)
    parser.add_argument("--pkilint", required=True, type=pathlib.Path)
    parser.add_argument("--report", type=pathlib.Path)
    options = parser.parse_args()
    rows, findings = [], []
    with tempfile.TemporaryDirectory(prefix="meshca-test-") as folder:
        for ca_key in CA_KEYS:
            more, found = judge_all(options, ca_key, pathlib.Path(folder))
            rows += more
            findings += found
    lines = ["| CA keys | what | which | zlint checks that applied | findings |", "|---|---|---|---|---|"]
    lines += [f"| {ca_key} | {kind} | {name} | {ran} | {', '.join(codes) or 'none'} |"
              for ca_key, kind, name, ran, codes in rows]
    seen = collections.Counter((judge, code) for _, judge, code, _ in findings)
    lines += ["", *(f"- `{code}` ({judge}, {count} times): {EXPLAINED.get((judge, code), 'NOT EXPLAINED')}"
                    for (judge, code), count in sorted(seen.items()))]
    print("\n".join(lines))
    if options.report:
        options.report.write_text("\n".join(lines) + "\n")
    for name, judge, code, text in findings:
        if (judge, code) not in EXPLAINED:
            print(f"{judge}: {name}: {code}: {text}", file=sys.stderr)
    unused = set(EXPLAINED) - set(seen)
    if unused:
        print(f"explained, but not found: {sorted(unused)}", file=sys.stderr)
    return 1 if unused or set(seen) - set(EXPLAINED) else 0


if __name__ == "__main__":
    sys.exit(main())
