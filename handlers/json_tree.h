/*
 * json_tree.h: small JSON values as a tree: options, lists, types of columns.
 *
 * The text was checked before, as a part of a body; it is read by the same scanner (json_scan.h).
 * All memory is the arena's, each text ends with a NUL behind it, and what cannot be had is said: a
 * library that reads on after an allocation failed may give another value than the text's. Arrays
 * and objects are read down to CN_JSON_LEVELS; what lies deeper is known by its type alone, which
 * suffices to refuse it.
 */
#ifndef CN_HANDLERS_JSON_TREE_H
#define CN_HANDLERS_JSON_TREE_H

#include "base/arena.h"
#include "base/error.h"

enum { CN_JSON_LEVELS = 3 };

enum cn_json_type {
    CN_JSON_NULL,
    CN_JSON_BOOL,
    CN_JSON_INTEGER,
    CN_JSON_REAL, /* with a fraction or an exponent */
    CN_JSON_STRING,
    CN_JSON_ARRAY,
    CN_JSON_OBJECT,
};

struct cn_json {
    enum cn_json_type type;
    struct cn_str key; /* of a member; it holds no NUL */
    union {
        struct cn_str text; /* of a string */
        int64_t integer;
        struct {
            const struct cn_json *first; /* element or member, in their order */
            size_t n;
        };
    };
    const struct cn_json *next; /* in the same array or object */
};

/* Why a text is no tree. */
enum cn_json_fault {
    CN_JSON_SOUND,
    CN_JSON_NO_MEMORY,
    CN_JSON_INVALID,   /* not JSON: the error says where */
    CN_JSON_TOO_LARGE, /* an integer beyond int64, a number beyond float64 */
    CN_JSON_NUL_NAME,  /* a member's name holds a NUL */
    CN_JSON_TWICE,     /* an object has two members `name` */
};

struct cn_json_doubt {
    struct cn_str name;
    struct cn_error error;
};

enum cn_json_fault cn_json_tree(struct cn_str text, struct cn_arena *arena,
                                const struct cn_json **json, struct cn_json_doubt *doubt);

/* The text of a string; empty for anything else. */
struct cn_str cn_json_string(const struct cn_json *json);

#endif
