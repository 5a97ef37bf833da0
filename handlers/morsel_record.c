#include "handlers/morsel_record.h"

#include <stdlib.h>

/* A column of a record; in the index, slots hold their number + 1. */
struct field {
    struct cn_str name;
    struct cn_box *value;
    struct cn_box *text; /* the field as it stands in the CSV text, if the program reads that */
};

struct cn_record {
    uint64_t seed;
    size_t n_fields;
    size_t mask;
    uint32_t *slots;
    struct field fields[];
};

/* FNV-1a from a start that nobody outside knows, so that nobody can choose names that collide. */
static size_t hash(const struct cn_record *record, struct cn_str name) {
    uint64_t h = 0xcbf29ce484222325U ^ record->seed;

    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (unsigned char)name.data[i]) * 0x100000001b3U;
    return (size_t)(h ^ h >> 32);
}

/* The slot that holds the name, or the free one where it belongs. */
static uint32_t *slot_of(const struct cn_record *record, struct cn_str name) {
    size_t at = hash(record, name) & record->mask;

    while (record->slots[at] > 0 && !cn_str_equal(record->fields[record->slots[at] - 1].name, name))
        at = (at + 1) & record->mask;
    return &record->slots[at];
}

struct cn_vector cn_morsel_row_view(const struct cn_vector *vector, size_t row) {
    static const size_t widths[CN_TYPE_COUNT] = {
        [CN_TYPE_BOOL] = sizeof(uint8_t),
        [CN_TYPE_INT64] = sizeof(int64_t),
        [CN_TYPE_FLOAT64] = sizeof(double),
        [CN_TYPE_STRING] = sizeof(struct cn_str),
    };
    struct cn_vector view = *vector;

    if (view.values)
        view.values = (const char *)view.values + row * widths[view.type];
    if (view.nulls)
        view.nulls += row;
    return view;
}

static struct cn_box *box_new(const struct cn_vector *vector, size_t row) {
    bool null = vector->type == CN_TYPE_NULL || (vector->nulls && vector->nulls[row]);
    struct cn_str text = CN_STR("");
    struct cn_box *box;

    if (vector->type == CN_TYPE_STRING && !null)
        text = ((const struct cn_str *)vector->values)[row];
    box = malloc(sizeof *box + text.len);
    if (!box)
        return NULL;
    *box = (struct cn_box){.type = vector->type, .null = null};
    if (vector->type == CN_TYPE_STRING) {
        if (text.len > 0)
            memcpy(box->bytes, text.data, text.len);
        box->value.text = cn_str(box->bytes, text.len);
    } else if (null) {
        return box;
    } else if (vector->type == CN_TYPE_BOOL) {
        box->value.boolean = ((const uint8_t *)vector->values)[row];
    } else if (vector->type == CN_TYPE_INT64) {
        box->value.integer = ((const int64_t *)vector->values)[row];
    } else {
        box->value.real = ((const double *)vector->values)[row];
    }
    return box;
}

static struct cn_record *record_alloc(uint64_t seed, size_t n_fields) {
    size_t slots = 4;
    struct cn_record *record;

    while (slots / 2 < n_fields)
        slots *= 2;
    /* one piece: the fields, and behind them the index */
    record = calloc(1, sizeof *record + n_fields * sizeof *record->fields +
                           slots * sizeof *record->slots);
    if (!record)
        return NULL;
    record->seed = seed;
    record->n_fields = n_fields;
    record->mask = slots - 1;
    record->slots = (uint32_t *)(void *)(record->fields + n_fields);
    return record;
}

struct cn_record *cn_morsel_record_new(const struct cn_morsel *morsel, size_t row) {
    const struct cn_spec *spec = morsel->plan->spec;
    struct cn_record *record = record_alloc(morsel->state->seed, spec->n_columns);
    const struct cn_program_input *inputs;
    size_t n_inputs;

    if (!record)
        return NULL;
    for (size_t c = 0; c < spec->n_columns; c++) {
        uint32_t *slot = slot_of(record, spec->columns[c].name);
        if (*slot == 0)
            *slot = (uint32_t)c + 1;
        record->fields[c].name = spec->columns[c].name;
        record->fields[c].value = box_new(&morsel->values[c], row);
        if (!record->fields[c].value)
            goto out_of_memory;
    }
    inputs = cn_program_inputs(morsel->plan->program, &n_inputs);
    for (size_t i = 0; i < n_inputs; i++) {
        struct field *field = &record->fields[inputs[i].column];
        if (!inputs[i].raw)
            continue;
        field->text = box_new(&morsel->raws[i], row);
        if (!field->text)
            goto out_of_memory;
    }
    return record;
out_of_memory:
    cn_morsel_record_free(record);
    return NULL;
}

void cn_morsel_record_free(struct cn_record *record) {
    for (size_t c = 0; record && c < record->n_fields; c++) {
        free(record->fields[c].value);
        free(record->fields[c].text);
    }
    free(record);
}

const struct cn_box *cn_morsel_record_find(const struct cn_record *record,
                                           const struct cn_program_input *input,
                                           struct cn_str name) {
    const uint32_t *slot = slot_of(record, name);
    size_t at = *slot > 0 && *slot - 1 == input->column ? *slot - 1 : input->column;

    return input->raw ? record->fields[at].text : record->fields[at].value;
}
