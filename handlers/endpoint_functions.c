#include "expr/expr.h"
#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"

static void functions_finish(struct cn_exchange *exchange) {
    size_t n;
    const struct cn_function_doc *docs = cn_function_docs(&n);
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    cn_json_out_open(&out, NULL, '{');
    cn_json_out_open(&out, "functions", '[');
    for (size_t i = 0; i < n; i++) {
        cn_json_out_open(&out, NULL, '{');
        cn_json_out_c(&out, "name", docs[i].name);
        cn_json_out_c(&out, "signature", docs[i].signature);
        cn_json_out_c(&out, "summary", docs[i].summary);
        cn_json_out_c(&out, "group", docs[i].group);
        cn_json_out_close(&out, '}');
    }
    cn_json_out_close(&out, ']');
    cn_json_out_close(&out, '}');
    cn_endpoint_reply_json(exchange, 200, &out);
}

const struct cn_endpoint cn_endpoint_functions = {.methods = "GET",
                                                  .path = "/v1/functions",
                                                  .operation = CN_OPERATION_FUNCTIONS,
                                                  .open = cn_endpoint_open_plain,
                                                  .finish = functions_finish};
