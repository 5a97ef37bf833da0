/*
 * http_framing.c: requests that the check in front of the library (framing.h) refused: what they
 * are told.
 *
 * The check runs inside the library's reads, on the connection's own thread, as do all functions
 * here.
 */
#include "server/mhd.h"

static const struct {
    enum cn_code code;
    const char *limit;
    const char *detail;
} faults[CN_FRAMING_FAULT_COUNT] = {
    [CN_FRAMING_REQUEST_LINE] =
        {CN_AMBIGUOUS_REQUEST, NULL,
         "The request line is not a method, a target and a version, with one "
         "blank between them."},
    [CN_FRAMING_TARGET] = {CN_INVALID_PARAMETER, NULL,
                           "The request's target holds a control character; write it as %XX."},
    [CN_FRAMING_VERSION] = {CN_AMBIGUOUS_REQUEST, NULL, "This server speaks HTTP/1.1."},
    [CN_FRAMING_LINE_END] = {CN_AMBIGUOUS_REQUEST, NULL,
                             "A line does not end with CR and LF, or one of them stands alone."},
    [CN_FRAMING_NAME] = {CN_AMBIGUOUS_REQUEST, NULL,
                         "A header's name is not a token; there may be no blank before the colon."},
    [CN_FRAMING_FOLDED] = {CN_AMBIGUOUS_REQUEST, NULL,
                           "A line of the head begins with a blank; headers may not be folded."},
    [CN_FRAMING_VALUE] = {CN_AMBIGUOUS_REQUEST, NULL,
                          "A header's value holds a control character."},
    [CN_FRAMING_HOST] = {CN_AMBIGUOUS_REQUEST, NULL, "The Host header does not name a host."},
    [CN_FRAMING_HOST_TWICE] = {CN_AMBIGUOUS_REQUEST, NULL, "There are two Host headers."},
    [CN_FRAMING_HOST_MISSING] = {CN_AMBIGUOUS_REQUEST, NULL, "There is no Host header."},
    [CN_FRAMING_LENGTH] = {CN_AMBIGUOUS_REQUEST, NULL, "Content-Length is not a plain number."},
    [CN_FRAMING_LENGTH_TWICE] = {CN_AMBIGUOUS_REQUEST, NULL,
                                 "There are two Content-Length headers."},
    [CN_FRAMING_LENGTH_LARGE] = {CN_BODY_TOO_LARGE, "--max-body-bytes",
                                 "The body is longer than any that is taken."},
    [CN_FRAMING_CODING] = {CN_AMBIGUOUS_REQUEST, NULL,
                           "The only transfer coding that is taken is 'chunked'."},
    [CN_FRAMING_CODING_OLD] = {CN_AMBIGUOUS_REQUEST, NULL, "HTTP/1.0 has no Transfer-Encoding."},
    [CN_FRAMING_CODING_AND_LENGTH] = {CN_AMBIGUOUS_REQUEST, NULL,
                                      "There are both Content-Length and Transfer-Encoding."},
    [CN_FRAMING_TARGET_LONG] =
        {CN_URI_TOO_LONG, "--max-header-bytes",
         "The request's target is too long; options may stand in a JSON body "
         "or a form instead."},
    [CN_FRAMING_HEAD_LONG] = {CN_HEADERS_TOO_LARGE, "--max-header-bytes",
                              "The request's head is too long."},
    [CN_FRAMING_CHUNK_SIZE] = {CN_AMBIGUOUS_REQUEST, NULL,
                               "The size of a chunk is not a plain hexadecimal number."},
    [CN_FRAMING_CHUNK_LARGE] = {CN_BODY_TOO_LARGE, "--max-body-bytes",
                                "A chunk is longer than any body that is taken."},
    [CN_FRAMING_CHUNK_EXTENSION] = {CN_AMBIGUOUS_REQUEST, NULL,
                                    "The extension of a chunk is not name=value."},
    [CN_FRAMING_CHUNK_LINE_LONG] = {CN_AMBIGUOUS_REQUEST, NULL,
                                    "The line of a chunk's size is too long."},
    [CN_FRAMING_CHUNK_END] = {CN_AMBIGUOUS_REQUEST, NULL, "A chunk is not followed by CR and LF."},
    [CN_FRAMING_TRAILER] = {CN_AMBIGUOUS_REQUEST, NULL,
                            "A line behind the last chunk is not a header."},
    [CN_FRAMING_TRAILER_LONG] = {CN_HEADERS_TOO_LARGE, "--max-header-bytes",
                                 "The lines behind the last chunk are too long."},
};

bool cn_http_framing_fault(struct cn_request *request, struct cn_error *error) {
    enum cn_framing_fault fault =
        cn_framing_fault_of(&request->connection->framing, request->number);
    if (fault == CN_FRAMING_GOOD)
        return false;
    cn_error_set(error, faults[fault].code, "%s", faults[fault].detail);
    if (faults[fault].limit)
        cn_error_set_limit(error, faults[fault].limit);
    if (fault == CN_FRAMING_VERSION)
        request->bare_status = 505; /* no code of the contract has it */
    request->broken = true;
    request->exchange.reply.close = true;
    return true;
}

enum cn_code cn_http_framing_check(struct cn_request *request, struct cn_error *error) {
    if (cn_http_framing_fault(request, error))
        return error->code;
    if (cn_framing_passed(&request->connection->framing, request->number))
        return CN_OK;
    request->broken = true;
    request->exchange.reply.close = true;
    return cn_error_set(error, CN_INTERNAL, "The request's head was not checked.");
}
