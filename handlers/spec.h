/*
 * spec.h: what a computation is, before its columns' types are known.
 *
 * Made once for each request, on the thread that read the options and the names of the columns;
 * never changed afterwards and shared by reference count: by the job, its plans, and the workers'
 * caches, which may outlive the request.
 */
#ifndef CN_HANDLERS_SPEC_H
#define CN_HANDLERS_SPEC_H

#include <stdatomic.h>

#include "columns/csv.h"
#include "columns/json.h"
#include "expr/expr.h"
#include "handlers/options.h"

enum cn_source { CN_SOURCE_CSV, CN_SOURCE_FRAME, CN_SOURCE_GENERATE };
enum cn_sink { CN_SINK_CSV, CN_SINK_JSON };

/* A column of the reply. */
struct cn_output {
    struct cn_str name; /* after `rename` */
    int32_t let;        /* -1: the input column */
    uint32_t column;    /* of the input, when let is -1 */
};

struct cn_spec_column {
    struct cn_str name;
    bool declared; /* option `types` names its type */
    enum cn_type type;
};

struct cn_spec {
    atomic_uint refs;
    struct cn_arena arena;
    enum cn_source source;
    enum cn_sink sink;
    enum cn_mode mode;
    struct cn_csv_dialect dialect; /* of CSV in */
    char delimiter;                /* of CSV out */
    enum cn_json_nan nan;
    bool wrap_overflow;
    bool null_on_error;
    bool normal; /* generate: normal, else uniform */
    uint64_t seed;
    struct cn_csv_nulls nulls;
    struct cn_spec_column *columns;
    size_t n_columns;
    struct cn_recipe *recipe;
    struct cn_output *outputs;
    size_t n_outputs;
    bool verbatim; /* the first n_columns outputs are the input columns: rows are copied whole */
};

/*
 * Takes the recipe over (also on failure). Errors: CN_UNKNOWN_COLUMN, CN_DUPLICATE_NAME of select,
 * drop, rename, types and of the lets' names, with `parameter`.
 */
enum cn_code cn_spec_new(struct cn_spec **spec, const struct cn_options *options,
                         enum cn_source source, enum cn_sink sink, struct cn_recipe *recipe,
                         const struct cn_str *names, size_t n_names, struct cn_error *error);
struct cn_spec *cn_spec_ref(struct cn_spec *spec);
void cn_spec_unref(struct cn_spec *spec);

/* Fills outputs and verbatim from select, drop and rename (layout.c). */
enum cn_code cn_spec_lay_out(struct cn_spec *spec, const struct cn_options *options,
                             struct cn_error *error);

struct cn_wire;
struct cn_wire_reader;
void cn_spec_write(const struct cn_spec *spec, struct cn_wire *wire);
enum cn_code cn_spec_read(struct cn_spec **spec, struct cn_wire_reader *reader,
                          struct cn_error *error);

#endif
