#include "handlers/wire.h"

void cn_wire_put(struct cn_wire *wire, const void *data, size_t len) {
    if (!wire->bad && !cn_buf_add(wire->buf, data, len))
        wire->bad = true;
}

void cn_wire_put_u64(struct cn_wire *wire, uint64_t value) {
    cn_wire_put(wire, &value, sizeof value);
}

void cn_wire_put_str(struct cn_wire *wire, struct cn_str text) {
    cn_wire_put_u64(wire, text.len);
    cn_wire_put(wire, text.data, text.len);
}

void cn_wire_get(struct cn_wire_reader *reader, void *data, size_t len) {
    if (reader->bad || len > reader->left) {
        reader->bad = true;
        memset(data, 0, len);
        return;
    }
    if (len > 0)
        memcpy(data, reader->at, len);
    reader->at += len;
    reader->left -= len;
}

uint64_t cn_wire_get_u64(struct cn_wire_reader *reader) {
    uint64_t value;

    cn_wire_get(reader, &value, sizeof value);
    return value;
}

struct cn_str cn_wire_get_str(struct cn_wire_reader *reader) {
    uint64_t len = cn_wire_get_u64(reader);
    struct cn_str text;

    if (reader->bad || len > reader->left) {
        reader->bad = true;
        return CN_STR("");
    }
    text = cn_str(reader->at, (size_t)len);
    reader->at += len;
    reader->left -= (size_t)len;
    return text;
}

size_t cn_wire_get_count(struct cn_wire_reader *reader, size_t each) {
    uint64_t count = cn_wire_get_u64(reader);

    if (reader->bad || count > reader->left / (each ? each : 1)) {
        reader->bad = true;
        return 0;
    }
    return (size_t)count;
}
