/*
 * openapi.h: /openapi.json: the HTTP interface as an OpenAPI 3.1 document.
 * https://spec.openapis.org/oas/v3.1.1.html
 */
#ifndef CN_HANDLERS_OPENAPI_H
#define CN_HANDLERS_OPENAPI_H

#include "base/buf.h"
#include "handlers/service.h"

/* Appends the document: of the endpoints in the table that routes, with the limits of the moment.
 * False: no memory. */
CN_NODISCARD bool cn_openapi_write(struct cn_buf *buf, const struct cn_service *service);

#endif
