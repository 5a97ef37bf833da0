/*
 * json_in.h: JSON objects of a known shape, read by tables of their members.
 *
 * A table says of each member where its value goes and what it may be; members that hold objects or
 * arrays have a function of their own. What does not fit is CN_INVALID_PARAMETER, a member that the
 * table does not have CN_UNKNOWN_PARAMETER; `parameter` is the member's path, as in
 * run.timing.ledger[2].ns. Nothing is kept of the text but what the arena holds and what CN_IN_RAW
 * points to. The depth of the text is bounded by the scanner, that of the calls by the tables.
 */
#ifndef CN_HANDLERS_JSON_IN_H
#define CN_HANDLERS_JSON_IN_H

#include "base/arena.h"
#include "columns/json_scan.h"

struct cn_json_place;
struct cn_json_in {
    struct cn_json_scan scan;
    struct cn_arena *arena;
    const char *path;                  /* names the document; "" if nothing does */
    const struct cn_json_place *place; /* what is at hand; NULL: the document itself */
    size_t most; /* elements of an array that has no bound of its own; 0: none */
};

enum cn_json_in_kind {
    CN_IN_INT,  /* a whole number from `least` to `most`; the target has `size` bytes */
    CN_IN_TEXT, /* a string: struct cn_str */
    CN_IN_NAME, /* a string without NUL: const char * */
    CN_IN_ID,   /* 32 lower-case hex digits: char[33] */
    CN_IN_BOOL,
    CN_IN_NUMBER, /* any number, which is not kept */
    CN_IN_STRING, /* any string, which is not kept */
    CN_IN_RAW,    /* any value: struct cn_str with its text */
    CN_IN_SKIP,   /* any value, not looked at */
    CN_IN_CALL,   /* `read` */
};

struct cn_json_field {
    const char *name;
    enum cn_json_in_kind kind;
    bool optional; /* may be absent; the target stays as it is */
    bool nullable; /* may be null; the target stays as it is */
    uint8_t size;
    size_t offset;
    int64_t least;
    int64_t most;
    enum cn_code (*read)(struct cn_json_in *in, void *target, struct cn_error *error);
};
struct cn_json_shape {
    const struct cn_json_field *fields; /* at most 64 */
    size_t n_fields;
    bool open; /* members that are not in the table are passed over */
};
#define CN_SHAPE(table)                                                                            \
    { (table), sizeof(table) / sizeof *(table), false }
#define CN_SHAPE_OPEN(table)                                                                       \
    { (table), sizeof(table) / sizeof *(table), true }

/* Checks the whole text; then the scanner stands at its beginning. `path` names the document. */
enum cn_code cn_json_in_init(struct cn_json_in *in, struct cn_str text, const char *path,
                             size_t max_depth, struct cn_arena *arena, struct cn_error *error);

/* What is at hand must be an object of that shape; `target` is what the offsets count from. */
enum cn_code cn_json_in_object(struct cn_json_in *in, const struct cn_json_shape *shape,
                               void *target, struct cn_error *error);

/* What is at hand must be an array; each element is read into `size` zeroed bytes. */
struct cn_json_items {
    size_t size;
    enum cn_code (*read)(struct cn_json_in *in, void *item, struct cn_error *error);
    size_t most; /* elements; 0: as many as `most` of the reader says */
    void *items; /* in the arena; NULL: there are none */
    size_t n;
};
enum cn_code cn_json_in_array(struct cn_json_in *in, struct cn_json_items *items,
                              struct cn_error *error);

/* What is at hand must be an object whose names are data. */
enum cn_code cn_json_in_members(struct cn_json_in *in,
                                enum cn_code (*read)(struct cn_json_in *in, struct cn_str name,
                                                     void *target, struct cn_error *error),
                                void *target, struct cn_error *error);

/* One value, as the field says. */
enum cn_code cn_json_in_value(struct cn_json_in *in, const struct cn_json_field *field,
                              void *target, struct cn_error *error);

/* The member at hand is wrong: "run.mode must be ..., not 7." `value` may be empty. */
enum cn_code cn_json_in_wrong(const struct cn_json_in *in, struct cn_str value,
                              const char *expected, struct cn_error *error);
/* The same for a member `name` of the object at hand. */
enum cn_code cn_json_in_wrong_member(struct cn_json_in *in, const char *name, const char *expected,
                                     struct cn_error *error);

#endif
