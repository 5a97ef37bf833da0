/*
 * pools_document.h: the pools as GET /v1/pools shows them.
 */
#ifndef CN_HANDLERS_POOLS_DOCUMENT_H
#define CN_HANDLERS_POOLS_DOCUMENT_H

#include "handlers/json_out.h"

struct cn_service;

/* Writes the document as an element. */
void cn_pools_write(struct cn_json_out *out, struct cn_service *service);

#endif
