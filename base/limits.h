/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every limit of the product, with its reason. Past a limit a caller waits a bounded
 * time, then gets a clear, retryable refusal; never a stall or a crash.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* --- between processes --- */
#define LIMIT_FRAME (64 * 1024)  /* bytes of a SEQPACKET frame: fits a default socket buffer */
#define LIMIT_FRAME_ITEMS 64     /* items in a frame: one commit batch takes four frames */
#define LIMIT_CHAN_WINDOW 1024   /* requests under way on one channel: 100 ms of full load */
#define LIMIT_CHAN_SOCKET (1024 * 1024)      /* send buffer of a channel: a window of intents */
#define LIMIT_CHAN_QUEUE (64 * 1024 * 1024) /* bytes waiting for a peer: a window of full frames */
#define LIMIT_BULK_CHUNK (48 * 1024) /* bytes of a CRL or list chunk: a frame less headers */

/* --- identities and requests --- */
#define LIMIT_K8S_NAMESPACE 63   /* RFC 1123 label */
#define LIMIT_K8S_NAME 253       /* RFC 1123 subdomain: service accounts */
#define LIMIT_TRUST_DOMAIN 255   /* SPIFFE-ID section 2.1 */
#define LIMIT_SPIFFE_ID 2048     /* SPIFFE-ID section 2.3 */
#define LIMIT_DNS_NAME 253       /* RFC 1035 text form */
#define LIMIT_DNS_NAMES 16       /* names in one server certificate: istiod needs 6 */
#define LIMIT_CLUSTER 253        /* Istio cluster id */
#define LIMIT_ENVIRONMENT 63     /* environment names are RFC 1123 labels */
#define LIMIT_ENVIRONMENTS 32    /* one signer process each */
#define LIMIT_CLUSTERS 64        /* per environment */
#define LIMIT_REQUESTER 512      /* who asked: a service account or a person's name */
#define LIMIT_EVIDENCE 1024      /* JSON of the bound claims that were checked */
#define LIMIT_USER_NAME 64
#define LIMIT_CSR_PEM (16 * 1024) /* an RSA-4096 CSR is 1.6 kB */
#define LIMIT_CSR_DER (12 * 1024)
#define LIMIT_TOKEN (16 * 1024)  /* compact JWT; projected tokens are about 1.2 kB */
#define LIMIT_RSA_BYTES 512      /* modulus of RSA-4096 */
#define LIMIT_KEY_BYTES LIMIT_RSA_BYTES
#define LIMIT_TBS (12 * 1024)    /* 16 DNS names of 253 bytes and an RSA-4096 key fit */
#define LIMIT_CERT (14 * 1024)
#define LIMIT_SERIAL 20          /* RFC 5280 4.1.2.2 */
#define LIMIT_SIGNATURE 600      /* AlgorithmIdentifier and BIT STRING of RSA-4096 */
#define LIMIT_DETAIL 256         /* error detail in an answer */
#define LIMIT_PASSPHRASE 1024

/* --- gRPC and REST --- */
#define LIMIT_GRPC_MESSAGE (64 * 1024) /* an RSA-4096 CSR needs 2 kB; protobuf has no limit of its own */
#define LIMIT_HEADER_LIST (64 * 1024)  /* bytes of HTTP/2 header list: a token fits four times */
#define LIMIT_H2_STREAMS 256           /* concurrent streams of one connection */
#define LIMIT_CONNECTIONS 16384        /* per listener; 16 kB each: 10,000 agents reconnect */
#define LIMIT_H2_IDLE_S 3600           /* istio agents keep channels open and ping at 30 s */
#define LIMIT_HANDSHAKE_S 10           /* silent clients are cut off */
#define LIMIT_REQUEST_BODY_S 10        /* a slow body is cut off */
#define LIMIT_HANDSHAKES_PER_S 1200    /* per listener: a core does about 2,700 one-way */
#define LIMIT_ADMISSION_QUEUE 16384    /* waiting requests: each agent may have one */
#define LIMIT_ADMISSION_WAIT_MS 5000   /* Istio's agents re-dial TLS after every refusal */
#define LIMIT_TOKEN_CACHE 65536        /* verdicts */
#define LIMIT_TOKEN_CACHE_S 60
#define LIMIT_REST_BODY (64 * 1024)
#define LIMIT_REST_CONNECTIONS 256
#define LIMIT_HTTP_LINE 8192           /* request line: seven filters of 640 bytes, encoded, fit */
#define LIMIT_HTTP_HEAD 16384          /* request line and header fields */
#define LIMIT_HTTP_FIELDS 64
#define LIMIT_REST_IDLE_S 30           /* between requests, and for a request's header to come */
#define LIMIT_REST_WAIT_MS 10000       /* for an answer of the ledger or a signer */
#define LIMIT_DRAIN_S 8                /* at the end, who has no whole answer by then is cut off */
#define LIMIT_REST_BULK 4              /* CRLs and inventories being gathered at once: 128 MiB at worst, and their PEM */
#define LIMIT_PAGE 500                 /* rows of a list page */
#define LIMIT_PAGE_DEFAULT 100

/* --- ledger --- */
#define LIMIT_COMMIT_ROWS 256          /* above it, larger batches gain little and wait long */
#define LIMIT_COMMIT_GATHER_US 1000    /* no change for so long, about a few fsyncs: what is there is committed */
#define LIMIT_COMMIT_GATHER_MAX_US 4000 /* while they keep coming: a tenth of what full load waits anyway */
#define LIMIT_SIGNATURE_GATHER_US 2000 /* a signature that nobody waits for joins a commit */
#define LIMIT_LEDGER_QUEUE 8192        /* changes waiting for a commit: 0.5 s of full load */
#define LIMIT_LEDGER_READS 64          /* queries waiting, of the front and of all others; each answers one bounded page */
#define LIMIT_CRL (32 * 1024 * 1024)   /* bytes of one CRL: 900,000 entries; REST hands out what a signer may sign */
/* Room that is kept for revocations and CRLs on a full disk: the log until it is moved (LEDGER_LOG_MOVE,
 * 32 MiB, about 40 kB for a revocation), and as much for the table that it is moved to. */
#define LIMIT_LEDGER_RESERVE (64 * 1024 * 1024)
#define LIMIT_CONFIG_DIFF (8 * 1024)   /* recorded line difference of two configurations */
#define LIMIT_P256_SPKI 91             /* DER; the one form that it has */
#define LIMIT_P256_SIG 72              /* the longest DER ECDSA-Sig-Value */
#define LIMIT_APPROVAL_S 600           /* an administrator signs, then sends; not for tomorrow */
#define LIMIT_IDEMPOTENCY_S 600        /* longer than any client retries one request */
#define LIMIT_IDEMPOTENCY_ROWS (1 << 20) /* remembered duplicates: 32 MB; older ones are forgotten */

/* --- keys, time --- */
#define LIMIT_BACKDATE_S 120           /* notBefore = now - 2 min */
#define LIMIT_SECURE_HEAP (1024 * 1024) /* power of two, or OpenSSL 3.0 aborts */
#define LIMIT_CONFIG (1024 * 1024)     /* bytes of meshca.yaml, and of each file that it names */
#define LIMIT_CONFIG_BLOB (8 * 1024 * 1024) /* the configuration with its files, as roles get it */
#define LIMIT_YAML_DEPTH 64            /* an EnvoyFilter in a template needs 30 */
#define LIMIT_YAML_ITEMS 131072        /* of one list or map: MANIFEST.json names 13 files for
					* each service; the items of one kubectl get */
#define LIMIT_YAML (16 * 1024 * 1024)  /* bytes of one inventory, template or manifest file;
					* MANIFEST.json of 4,000 services */
#define LIMIT_YAML_TEXT "16 MiB"
#define LIMIT_INVENTORY_FILES 16384    /* one per service, for meshes ten times the largest known */
#define LIMIT_INVENTORY_DEPTH 16       /* folders within folders */
#define LIMIT_INVENTORY (64 * 1024 * 1024) /* bytes of all files: 4 kB for each of the above */
#define LIMIT_REGISTRATIONS 16384      /* of one environment: as many as inventory files */
#define LIMIT_APPLIED (16 * 1024 * 1024) /* bytes of one applied copy: 16,384 services of 1 kB */
#define LIMIT_APPLYING 4               /* copies on their way at once: 64 MiB in front, as much in the ledger */
#define LIMIT_APPLIED_KEPT 16          /* applied copies of an environment; events stay for ever */
#define LIMIT_FINDINGS 10000           /* of one severity about one inventory; more are nobody's reading */
#define LIMIT_TEMPLATE_DEPTH 16        /* includes within includes */
#define LIMIT_TEMPLATE_RESULT ((size_t)512 * 1024 * 1024) /* bytes: loops within loops end */
#define LIMIT_FOLDER_OBJECTS 500       /* kustomize grows worse than linear above */
#define LIMIT_RENDER ((size_t)256 * 1024 * 1024) /* bytes printed: the objects of 10,000 services */
#define LIMIT_LOG_LINE 4096
#define LIMIT_LISTEN_WAIT_MS 3000      /* at a start: a killed predecessor's processes are still leaving */
#define LIMIT_LISTEN_RETRY_MS 50       /* between two attempts to bind */
#define LIMIT_PROC_RESTART_MAX_S 10    /* longest wait before a crashed role is restarted */

#endif
