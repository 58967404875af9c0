# SPDX-License-Identifier: Apache-2.0
"""A real Envoy with a configuration of a test, and the small applications behind it."""
import http.server
import json
import os
import socket
import socketserver
import subprocess
import threading
import time

ENVOY = os.environ["MESHCA_ENVOY"]


class Application(http.server.BaseHTTPRequestHandler):
    """Answers 200, or what X-Answer asks for."""
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(int(self.headers.get("X-Answer", 200)))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096):
            self.request.sendall(data)


class Web(http.server.ThreadingHTTPServer):
    request_queue_size = 512


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def application():
    return serve(Web(("127.0.0.1", 0), Application))


def echo():
    return serve(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo))


def cluster(name, port):
    return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": [
        {"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}]}]}}


INSPECTOR = {"name": "envoy.filters.listener.tls_inspector", "typed_config": {
    "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}


def listener(name, address, port, *chains):
    """Of several chains, that one serves a connection whose match is nearest; the inspector sees whether it is TLS."""
    return {"name": name, "filter_chains": list(chains), "listener_filters": [INSPECTOR] if len(chains) > 1 else [],
            "address": {"socket_address": {"address": address, "port_value": port}}}


def is_istios(name):
    return name.startswith("istio.")


def take_out(chain, drop, removed):
    """Filters of Istio's own build of Envoy, and those that drop names; what went is noted."""
    def keep(filters):
        removed.update(one["name"] for one in filters if is_istios(one["name"]))
        return [one for one in filters if not is_istios(one["name"]) and not drop(one["name"])]
    for one in chain["filters"]:
        if "httpFilters" in one["typedConfig"]:
            one["typedConfig"]["httpFilters"] = keep(one["typedConfig"]["httpFilters"])
    chain["filters"] = keep(chain["filters"])


def certificate_of(files):
    return [{"certificateChain": {"filename": f"{files}/chain.pem"}, "privateKey": {"filename": f"{files}/key.pem"}}]


class Envoy:
    def __init__(self, folder, listeners, clusters):
        self.config = folder / "envoy.json"
        self.places = [(one["address"]["socket_address"]["address"], one["address"]["socket_address"]["port_value"])
                       for one in listeners]
        self.config.write_text(json.dumps({"static_resources": {"listeners": listeners, "clusters": clusters}}))

    def __enter__(self):
        self.log = self.config.with_suffix(".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [ENVOY, "-c", self.config, "--concurrency", "1", "--use-dynamic-base-id",
                 "--file-flush-interval-msec", "20"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(200):
            try:
                for place in self.places:
                    socket.create_connection(place, 1).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        self.__exit__()
        raise AssertionError("envoy did not start: " + self.log.read_text(errors="replace")[-3000:])

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
