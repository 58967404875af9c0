/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of the schema that several kinds share. */
#ifndef K8S_SCHEMA_PARTS_H
#define K8S_SCHEMA_PARTS_H

#include "k8s/schema.h"

#define K8S_METHODS "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS"
#define K8S_PORT "1..65535"
#define K8S_END {NULL, K8S_TYPE_INVALID, 0, NULL, NULL, NULL, NULL}

extern const struct k8s_map K8S_IDENTITY;
extern const struct k8s_map K8S_WORKLOAD;
extern const struct k8s_map K8S_PLAINTEXT;
extern const struct k8s_map K8S_RESOURCES;
extern const struct k8s_map K8S_PROXY;
extern const struct k8s_map K8S_SCALING;
extern const struct k8s_map K8S_RETRIES;
extern const struct k8s_map K8S_POOL;
extern const struct k8s_map K8S_BREAKER;
extern const struct k8s_map K8S_SERVICE_SPEC;
extern const struct k8s_map K8S_DATA_SPEC;
extern const struct k8s_map K8S_GATEWAY_SPEC;
extern const struct k8s_map K8S_EXTERNAL_SPEC;
extern const struct k8s_map K8S_PROVIDER_SPEC;

#endif
