// SPDX-License-Identifier: Apache-2.0
// @grpc/grpc-js as a client: every status code and the connection's behaviour, seen from a third stack.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const test = require('node:test');
const grpc = require('@grpc/grpc-js');

const need = (name) => {
  assert.ok(process.env[name], `${name} is not set: start this through tests/interop/run.py`);
  return process.env[name];
};
const bytes = (value) => value;
const method = (path) => ({
  path, requestStream: false, responseStream: false,
  requestSerialize: bytes, responseDeserialize: bytes,
});
const Client = grpc.makeClientConstructor({
  create: method('/istio.v1.auth.IstioCertificateService/CreateCertificate'),
  unknown: method('/istio.v1.auth.IstioCertificateService/Nothing'),
  foreign: method('/nobody.Knows/This'),
  health: method('/grpc.health.v1.Health/Check'),
}, 'Meshca');

const anchors = fs.readFileSync(need('MESHCA_ANCHORS_FILE'));
const token = fs.readFileSync(need('MESHCA_TOKEN_FILE'), 'utf8');
const request = fs.readFileSync(need('MESHCA_REQUEST_FILE')); // an encoded IstioCertificateRequest

const connect = (options) => new Client(need('MESHCA_ADDRESS'),
  grpc.credentials.createSsl(anchors),
  { 'grpc.ssl_target_name_override': 'istiod.istio-system.svc', ...options });
const metadata = (entries = { authorization: `Bearer ${token}`, clusterid: 'Kubernetes' }) => {
  const result = new grpc.Metadata();
  for (const [key, value] of Object.entries(entries)) result.set(key, value);
  return result;
};
const call = (client, name, body, meta = metadata(), options = {}) => new Promise((resolve) => {
  client[name](body, meta, { deadline: Date.now() + 10000, ...options },
    (error, answer) => resolve({ code: error ? error.code : grpc.status.OK, error, answer }));
});

test('a request is answered with a chain', async (t) => {
  const client = connect();
  t.after(() => client.close());
  const { code, error, answer } = await call(client, 'create', request);
  assert.strictEqual(code, grpc.status.OK, String(error));
  assert.strictEqual(answer.toString('latin1').split('BEGIN CERTIFICATE').length - 1, 3);
});

test('status codes', async (t) => {
  const client = connect();
  t.after(() => client.close());
  const rows = [
    ['no token', 'create', request, metadata({ clusterid: 'Kubernetes' }), 'UNAUTHENTICATED'],
    ['not a token', 'create', request, metadata({ authorization: 'Bearer x' }), 'UNAUTHENTICATED'],
    ['no CSR', 'create', Buffer.alloc(0), metadata(), 'INVALID_ARGUMENT'],
    ['not a CSR', 'create', Buffer.from('0a03616263', 'hex'), metadata(), 'INVALID_ARGUMENT'],
    ['not protobuf', 'create', Buffer.from('ffffffff', 'hex'), metadata(), 'INVALID_ARGUMENT'],
    ['unknown method', 'unknown', request, metadata(), 'UNIMPLEMENTED'],
    ['unknown service', 'foreign', request, metadata(), 'UNIMPLEMENTED'],
    ['oversize', 'create', Buffer.alloc(1 << 20), metadata(), 'RESOURCE_EXHAUSTED'],
  ];
  for (const [name, rpc, body, meta, want] of rows) {
    await t.test(name, async () => {
      const { code, error } = await call(client, rpc, body, meta);
      assert.strictEqual(grpc.status[code], want, String(error));
    });
  }
});

test('health', async (t) => {
  const client = connect();
  t.after(() => client.close());
  const { code, answer } = await call(client, 'health', Buffer.alloc(0), new grpc.Metadata());
  assert.strictEqual(code, grpc.status.OK);
  assert.deepStrictEqual(answer, Buffer.from([0x08, 0x01]), 'SERVING');
});

test('compression is refused as unimplemented', async (t) => {
  const client = connect({ 'grpc.default_compression_algorithm': 2 });
  t.after(() => client.close());
  const { code } = await call(client, 'create', request);
  assert.strictEqual(grpc.status[code], 'UNIMPLEMENTED');
});

test('cancellation and deadlines leave the connection usable', async (t) => {
  const client = connect();
  t.after(() => client.close());
  const cancelled = await new Promise((resolve) => {
    const running = client.create(request, metadata(), (error) => resolve(error && error.code));
    running.cancel();
  });
  assert.strictEqual(cancelled, grpc.status.CANCELLED);
  const { code } = await call(client, 'create', request, metadata(), { deadline: Date.now() + 1 });
  assert.ok([grpc.status.DEADLINE_EXCEEDED, grpc.status.OK].includes(code));
  assert.strictEqual((await call(client, 'create', request)).code, grpc.status.OK);
});
