/* SPDX-License-Identifier: Apache-2.0 */
/* Every statement of the driver. CROSS JOIN fixes the order of the look-ups. */
#include "store/sqlite_int.h"

#define CERT_COLUMNS                                                                   \
	"SELECT i.seq, i.profile, i.serial, e.text, c.text, d.text, r.text, v.text,"   \
	" p.issuer_id, i.spki, i.request_id, i.recorded_at, i.not_before_at,"          \
	" i.not_after_at, x.revoked_at, x.reason, i.leaf_hash, s.seq, i.dedup_key,"    \
	" i.dedup_body"
#define CERT_FULL                                                                      \
	CERT_COLUMNS ", i.tbs, s.tail, p.cert,"                                        \
	" EXISTS(SELECT 1 FROM revocations WHERE cert_seq = i.issuer)"
#define CERT_JOINS                                                                     \
	" CROSS JOIN names e ON e.id = i.environment"                                  \
	" CROSS JOIN names c ON c.id = i.cluster CROSS JOIN names d ON d.id = i.identity" \
	" CROSS JOIN names r ON r.id = i.requester"                                    \
	" CROSS JOIN evidence v ON v.id = i.evidence"                                  \
	" LEFT JOIN signatures s ON s.seq = i.seq"                                     \
	" LEFT JOIN revocations x ON x.cert_seq = i.seq"                               \
	" LEFT JOIN issuers p ON p.seq = i.issuer"
#define CERT_FILTERS                                                                   \
	" i.seq < ?1 AND i.seq >= ?2 AND (?3 = 0 OR i.environment = ?3)"               \
	" AND (?4 = 0 OR i.profile = ?4) AND (?5 = 0 OR i.not_after_at < ?5)"
#define USER_COLUMNS                                                                   \
	"SELECT u.name, u.role, u.cert_sha256, i.serial, u.added_at, u.added_by,"      \
	" i.not_after_at FROM users u CROSS JOIN intents i ON i.seq = u.cert_seq"      \
	" LEFT JOIN revocations x ON x.cert_seq = u.cert_seq"
#define USER_LIVE " u.removed_at IS NULL AND x.seq IS NULL AND i.not_after_at >= ?1"

static const char *const SQL[SQ_STMT_COUNT] = {
	[SQ_BEGIN] = "BEGIN IMMEDIATE",
	[SQ_COMMIT] = "COMMIT",
	[SQ_ROLLBACK] = "ROLLBACK",
	[SQ_HEAD_GET] = "SELECT i.seq, i.recorded_at, i.leaf_hash, m.value FROM meta m"
	    " LEFT JOIN (SELECT seq, recorded_at, leaf_hash FROM intents"
	    " ORDER BY seq DESC LIMIT 1) i WHERE m.key = 'signed_count'",
	[SQ_HEAD_SET] = "UPDATE meta SET value = ?1 WHERE key = 'signed_count'",
	[SQ_NAME_GET] = "SELECT id FROM names WHERE text = ?1",
	[SQ_NAME_PUT] = "INSERT INTO names(text) VALUES(?1)",
	[SQ_EVIDENCE_PUT] = "INSERT INTO evidence(text) VALUES(?1)",
	[SQ_INTENT_PUT] = "INSERT INTO intents(seq, serial, profile, environment, issuer,"
	    " cluster, identity, requester, evidence, recorded_at, not_before_at,"
	    " not_after_at, spki, request_id, dedup_key, dedup_body, leaf_hash, tbs)"
	    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)",
	[SQ_INTENT_BY_SERIAL] = "SELECT seq, tbs FROM intents WHERE serial = ?1",
	[SQ_INTENT_KEY] = "SELECT serial, environment FROM intents WHERE seq = ?1",
	[SQ_APPROVAL_GET] = "SELECT request_id FROM approvals WHERE id = ?1",
	[SQ_APPROVAL_PUT] =
	    "INSERT INTO approvals(id, until_at, request_id) VALUES(?1, ?2, ?3)",
	[SQ_APPROVAL_OLD] = "DELETE FROM approvals WHERE until_at < ?1",
	[SQ_SIGNATURE_PUT] = "INSERT INTO signatures(seq, tail) VALUES(?1, ?2)",
	[SQ_SIGNATURE_GET] = "SELECT tail FROM signatures WHERE seq = ?1",
	[SQ_ISSUER_BY_ID] =
	    "SELECT p.seq, p.environment, p.profile, x.seq FROM issuers p"
	    " LEFT JOIN revocations x ON x.cert_seq = p.seq WHERE p.issuer_id = ?1",
	[SQ_ISSUER_PUT] = "INSERT INTO issuers(seq, issuer_id, profile, environment,"
	    " trust_domain, subject, key_id, cert, registered_at)"
	    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
	[SQ_ISSUER_LIST] = "SELECT p.seq, p.profile, p.issuer_id, i.serial, e.text,"
	    " p.trust_domain, p.subject, p.key_id, i.not_before_at, i.not_after_at,"
	    " l.number, l.this_update_at, l.next_update_at, p.cert, x.seq"
	    " FROM issuers p CROSS JOIN intents i ON i.seq = p.seq"
	    " CROSS JOIN names e ON e.id = p.environment"
	    " LEFT JOIN revocations x ON x.cert_seq = p.seq"
	    " LEFT JOIN crls l ON l.issuer = p.seq AND l.number = (SELECT max(number)"
	    " FROM crls WHERE issuer = p.seq AND received = total)"
	    " WHERE (?1 = 0 OR p.environment = ?1) ORDER BY p.seq",
	[SQ_BUNDLE_BUMP] = "INSERT INTO bundles(environment, sequence, trust_domain)"
	    " VALUES(?1, 1, ?2) ON CONFLICT(environment) DO UPDATE SET"
	    " sequence = sequence + 1, trust_domain = excluded.trust_domain",
	[SQ_ANCHOR_PUT] = "INSERT INTO anchors(environment, issuer) VALUES(?1, ?2)",
	[SQ_BUNDLE_GET] =
	    "SELECT sequence, trust_domain FROM bundles WHERE environment = ?1",
	[SQ_ANCHOR_LIST] = "SELECT p.cert FROM anchors a CROSS JOIN issuers p"
	    " ON p.seq = a.issuer WHERE a.environment = ?1 ORDER BY a.issuer",
	[SQ_CRL_NUMBER_NEXT] = "INSERT INTO crl_numbers(issuer, last) VALUES(?1, 1)"
	    " ON CONFLICT(issuer) DO UPDATE SET last = last + 1",
	[SQ_CRL_NUMBER_GET] = "SELECT last FROM crl_numbers WHERE issuer = ?1",
	[SQ_CRL_CURRENT] = "SELECT coalesce(max(number), 0) FROM crls"
	    " WHERE issuer = ?1 AND received = total",
	[SQ_CRL_CURRENT_AT] = "SELECT this_update_at FROM crls WHERE issuer = ?1"
	    " AND received = total ORDER BY number DESC LIMIT 1",
	[SQ_CRL_PENDING] = "SELECT revocation_seq, this_update_at, next_update_at, total,"
	    " received FROM crls WHERE issuer = ?1 AND number = ?2",
	[SQ_CRL_PUT] = "INSERT OR REPLACE INTO crls(issuer, number, revocation_seq,"
	    " this_update_at, next_update_at, total, received)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0)",
	[SQ_CRL_GROW] =
	    "UPDATE crls SET received = received + ?3 WHERE issuer = ?1 AND number = ?2",
	[SQ_CRL_CLEAR_CHUNKS] = "DELETE FROM crl_chunks WHERE issuer = ?1 AND number = ?2",
	[SQ_CRL_CHUNK_PUT] =
	    "INSERT INTO crl_chunks(issuer, number, start, bytes) VALUES(?1, ?2, ?3, ?4)",
	[SQ_CRL_OLD_CHUNKS] = "DELETE FROM crl_chunks WHERE issuer = ?1 AND number < ?2"
	    " AND number <> ?3",
	[SQ_CRL_OLD] = "DELETE FROM crls WHERE issuer = ?1 AND number < ?2 AND number <> ?3",
	[SQ_CRL_GET] = "SELECT number, this_update_at, next_update_at, total FROM crls"
	    " WHERE issuer = ?1 AND received = total AND (?2 = 0 OR number = ?2)"
	    " ORDER BY number DESC LIMIT 1",
	[SQ_CRL_CHUNK_GET] = "SELECT start, bytes FROM crl_chunks WHERE issuer = ?1"
	    " AND number = ?2 AND start <= ?3 ORDER BY start DESC LIMIT 1",
	[SQ_CRL_STATUS] = "SELECT p.seq, p.issuer_id, p.profile, e.text, i.not_after_at,"
	    " l.number, l.this_update_at, l.next_update_at, l.revocation_seq,"
	    " (SELECT max(seq) FROM revocations WHERE issuer = p.seq)"
	    " FROM issuers p CROSS JOIN intents i ON i.seq = p.seq"
	    " CROSS JOIN names e ON e.id = p.environment"
	    " LEFT JOIN crls l ON l.issuer = p.seq AND l.number = (SELECT max(number)"
	    " FROM crls WHERE issuer = p.seq AND received = total)"
	    " WHERE i.not_after_at > ?1 AND p.profile <> ?2 ORDER BY p.seq",
	[SQ_REVOKED_NEWEST] =
	    "SELECT coalesce(max(seq), 0) FROM revocations WHERE issuer = ?1",
	[SQ_REVOKED_LIST] = "SELECT i.serial, x.revoked_at, x.reason FROM revocations x"
	    " CROSS JOIN intents i ON i.seq = x.cert_seq WHERE x.issuer = ?1"
	    " AND x.seq <= ?2 AND x.not_after_at >= ?3 ORDER BY x.seq",
	[SQ_REVOKED_COUNT] = "SELECT count(*) FROM revocations WHERE issuer = ?1"
	    " AND seq <= ?2 AND not_after_at >= ?3",
	[SQ_REVOKE_FIND] = "SELECT i.seq, x.seq, d.text, s.seq, s.tail, i.tbs, i.profile,"
	    " i.environment, EXISTS(SELECT 1 FROM users WHERE cert_seq = i.seq"
	    " AND removed_at IS NULL) FROM intents i CROSS JOIN names d ON d.id = i.identity"
	    " LEFT JOIN revocations x ON x.cert_seq = i.seq"
	    " LEFT JOIN signatures s ON s.seq = i.seq WHERE i.serial = ?1",
	[SQ_REVOKE_PUT] = "INSERT INTO revocations(cert_seq, issuer, not_after_at, revoked_at,"
	    " reason, actor, source, request_id) SELECT seq, issuer, not_after_at, ?2, ?3, ?4,"
	    " ?5, ?6 FROM intents WHERE seq = ?1",
	[SQ_USER_PUT] = "INSERT INTO users(name, role, cert_sha256, cert_seq, added_at,"
	    " added_by) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[SQ_USER_GET] = USER_COLUMNS " WHERE" USER_LIVE " AND u.cert_sha256 = ?2",
	[SQ_USER_APPROVER] = "SELECT u.role, u.name, i.spki FROM users u"
	    " CROSS JOIN intents i ON i.seq = u.cert_seq"
	    " LEFT JOIN revocations x ON x.cert_seq = u.cert_seq WHERE" USER_LIVE
	    " AND u.cert_sha256 = ?2",
	[SQ_USER_LIST] = USER_COLUMNS " WHERE" USER_LIVE " ORDER BY u.name, u.id",
	[SQ_USER_CERTS] = "SELECT u.cert_seq, u.role, x.seq FROM users u"
	    " LEFT JOIN revocations x ON x.cert_seq = u.cert_seq"
	    " WHERE u.name = ?1 AND u.removed_at IS NULL AND u.cert_seq > ?2"
	    " ORDER BY u.cert_seq LIMIT 1",
	[SQ_USER_REMOVE] = "UPDATE users SET removed_at = ?2 WHERE cert_seq = ?1",
	[SQ_USER_OTHER_ADMINS] = "SELECT count(*) FROM users u"
	    " CROSS JOIN intents i ON i.seq = u.cert_seq"
	    " LEFT JOIN revocations x ON x.cert_seq = u.cert_seq WHERE" USER_LIVE
	    " AND u.role = ?2 AND u.name <> ?3",
	[SQ_EVENT_PUT] = "INSERT INTO events(at, actor, action, target, source, note,"
	    " request_id) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQ_EVENT_LIST] = "SELECT seq, at, actor, action, target, source, note, request_id"
	    " FROM events WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
	[SQ_CONFIG_NEWEST] = "SELECT hash, text FROM configs ORDER BY seq DESC LIMIT 1",
	[SQ_CONFIG_PUT] = "INSERT INTO configs(at, hash, actor, text, diff)"
	    " VALUES(?1, ?2, ?3, ?4, ?5)",
	[SQ_CERT_BY_SERIAL] = CERT_FULL " FROM intents i" CERT_JOINS " WHERE i.serial = ?1",
	[SQ_CERT_BY_SEQ] = CERT_FULL " FROM intents i" CERT_JOINS " WHERE i.seq = ?1",
	[SQ_CERT_LIST] = CERT_COLUMNS " FROM intents i NOT INDEXED" CERT_JOINS
	    " WHERE" CERT_FILTERS " ORDER BY i.seq DESC",
	[SQ_CERT_LIST_IDENTITY] = CERT_COLUMNS
	    " FROM intents i INDEXED BY intents_identity" CERT_JOINS
	    " WHERE i.identity = ?6 AND" CERT_FILTERS " ORDER BY i.seq DESC",
	[SQ_CERT_WALK] = CERT_FULL " FROM intents i NOT INDEXED" CERT_JOINS
	    " WHERE i.seq >= ?1 ORDER BY i.seq",
	[SQ_DEDUP_RECENT] = "SELECT dedup_key, seq, recorded_at FROM intents NOT INDEXED"
	    " WHERE seq >= ?1 ORDER BY seq",
	[SQ_INVENTORY_PUT] = "INSERT INTO inventories(environment, registered_only, count, sha256,"
	    " at, actor, source, request_id, document) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
	[SQ_INVENTORY_OLD] = "DELETE FROM inventories WHERE environment = ?1 AND seq <= (SELECT seq"
	    " FROM inventories WHERE environment = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
	[SQ_INVENTORY_GET] = "SELECT seq, registered_only, count, sha256, at, actor,"
	    " length(document) FROM inventories WHERE environment = ?1 AND (?2 = 0 OR seq = ?2)"
	    " ORDER BY seq DESC LIMIT 1",
	[SQ_INVENTORY_BYTES] = "SELECT substr(document, ?2, ?3) FROM inventories WHERE seq = ?1",
	[SQ_REGISTRATION_GET] = "SELECT state, max_ttl_s, key_types, dns_names, owner"
	    " FROM registrations WHERE environment = ?1 AND identity = ?2",
	[SQ_REGISTRATION_PUT] = "INSERT INTO registrations(environment, identity, place, inventory,"
	    " namespace, account, owner, state, max_ttl_s, key_types, dns_names, registered_at)"
	    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"
	    " ON CONFLICT(environment, identity) DO UPDATE SET place = excluded.place,"
	    " inventory = excluded.inventory, owner = excluded.owner, state = excluded.state,"
	    " max_ttl_s = excluded.max_ttl_s, key_types = excluded.key_types,"
	    " dns_names = excluded.dns_names",
	[SQ_REGISTRATIONS_OLD] =
	    "DELETE FROM registrations WHERE environment = ?1 AND inventory <>"
	    " (SELECT max(seq) FROM inventories WHERE environment = ?1)",
	[SQ_REGISTRATION_LIST] = "SELECT g.place, d.text, g.namespace, g.account, g.owner, g.state,"
	    " g.max_ttl_s, g.key_types, g.dns_names, g.registered_at, i.recorded_at,"
	    " i.not_after_at FROM registrations g INDEXED BY registrations_place"
	    " CROSS JOIN names d ON d.id = g.identity"
	    " LEFT JOIN intents i ON i.seq = (SELECT seq FROM intents INDEXED BY"
	    " intents_identity WHERE identity = g.identity"
	    " AND environment = g.environment ORDER BY seq DESC LIMIT 1)"
	    " WHERE g.environment = ?1 AND g.place > ?2 ORDER BY g.place LIMIT ?3",
	[SQ_REGISTERED_NAME_PUT] =
	    "INSERT OR IGNORE INTO registered_names(environment, name, identity)"
	    " VALUES(?1, ?2, ?3)",
	[SQ_REGISTERED_NAMES_CLEAR] =
	    "DELETE FROM registered_names WHERE environment = ?1",
	[SQ_GATE_GET] = "SELECT registered_only FROM inventories WHERE environment = ?1"
	    " ORDER BY seq DESC LIMIT 1",
	[SQ_GATE_REGISTRATION] = "SELECT state, max_ttl_s, key_types FROM registrations"
	    " WHERE environment = ?1 AND identity = ?2",
	[SQ_GATE_NAME] = "SELECT count(*), coalesce(sum(g.state = ?3), 0) FROM registered_names n"
	    " CROSS JOIN registrations g ON g.environment = n.environment"
	    " AND g.identity = n.identity WHERE n.environment = ?1 AND n.name = ?2",
	[SQ_RECORDED_AT] = "SELECT recorded_at FROM intents WHERE seq = ?1",
};

const char *
sq_sql(enum sq_stmt which)
{
	return SQL[which];
}
