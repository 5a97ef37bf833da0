#include "server/framing_parts.h"

#define VISIBLE (IN_VALUE | IN_TARGET)
#define NAME_CHARACTER (VISIBLE | TOKEN | IN_HOST)

const uint8_t cn_framing_classes[256] = {
    ['\t'] = IN_VALUE | BLANK,
    [' '] = IN_VALUE | BLANK,
    ['!'] = NAME_CHARACTER,
    ['"'] = VISIBLE,
    ['#'] = VISIBLE | TOKEN,
    ['$' ... '\''] = NAME_CHARACTER,
    ['(' ... ')'] = VISIBLE | IN_HOST,
    ['*' ... '+'] = NAME_CHARACTER,
    [','] = VISIBLE | IN_HOST,
    ['-' ... '.'] = NAME_CHARACTER,
    ['/'] = VISIBLE,
    ['0' ... '9'] = NAME_CHARACTER | DIGIT,
    [':' ... ';'] = VISIBLE | IN_HOST,
    ['<'] = VISIBLE,
    ['='] = VISIBLE | IN_HOST,
    ['>' ... '@'] = VISIBLE,
    ['A' ... 'Z'] = NAME_CHARACTER,
    ['['] = VISIBLE | IN_HOST,
    ['\\'] = VISIBLE,
    [']'] = VISIBLE | IN_HOST,
    ['^'] = VISIBLE | TOKEN,
    ['_'] = NAME_CHARACTER,
    ['`'] = VISIBLE | TOKEN,
    ['a' ... 'z'] = NAME_CHARACTER,
    ['{'] = VISIBLE,
    ['|'] = VISIBLE | TOKEN,
    ['}'] = VISIBLE,
    ['~'] = NAME_CHARACTER,
    [0x80 ... 0xff] = VISIBLE,
};

void cn_framing_restart(struct cn_framing *framing) {
    framing->state = START;
    framing->left = framing->bytes = framing->target = 0;
    framing->has_host = framing->has_length = framing->has_coding = false;
    framing->at = framing->minor = 0;
}

void cn_framing_init(struct cn_framing *framing, uint64_t limit) {
    *framing = (struct cn_framing){.limit = limit};
    cn_framing_restart(framing);
}

size_t cn_framing_rest(struct cn_framing *framing, char *data, size_t room) {
    size_t n = framing->rest ? strnlen(framing->rest, room) : 0;
    if (n > 0) {
        memcpy(data, framing->rest, n);
        framing->rest += n;
    }
    return n;
}

size_t cn_framing_feed(struct cn_framing *framing, char *data, size_t n, size_t room) {
    struct bytes bytes = {.at = data, .end = data + n, .out = data};
    if (framing->fault) {
        framing->skipped += n;
        return cn_framing_rest(framing, data, room);
    }
    while (goes_on(framing, &bytes)) {
        if (framing->state < BODY)
            cn_framing_step_head(framing, &bytes);
        else
            cn_framing_step_body(framing, &bytes);
    }
    size_t good = (size_t)(bytes.out - data);
    if (!framing->fault)
        return good;
    bool in_head = framing->state < BODY;
    framing->refused = framing->heads + in_head;
    framing->rest = in_head ? cn_framing_end_of_head(framing) : cn_framing_end_of_body(framing);
    framing->skipped = (uint64_t)(bytes.end - bytes.at);
    return good + cn_framing_rest(framing, data + good, room - good);
}
