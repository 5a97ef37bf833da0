/*
 * api.h: what the HTTP interface looks like, as tables, for /openapi.json.
 *
 * Which endpoints there are, their paths and methods is read off the table that routes; the options
 * of /v1/compute off the table that reads them; codes, functions and the names of executors, modes,
 * stages and states off the code that has them. What is said here beside is the form of bodies and
 * replies. tests/http/test_openapi.py holds all of it against what is served.
 *
 * Types are written in a small language:
 *
 *   string integer number boolean any     as in JSON
 *   count                                 an integer, 0 or more
 *   id time                               a run's or job's id; RFC 3339
 *   1..1000 1..1000=5                     an integer in a range, with a default
 *   =a|b|c                                one of these texts
 *   @executor @mode @stage @type ...      one of the names that the code has (openapi_types.c)
 *   #Name #A|#B                           a schema of the table; one of several
 *   [T] {T}                               an array; an object whose members are all T
 *   +T                                    T, or an array of T
 *   T?                                    T, or null
 */
#ifndef CN_HANDLERS_API_H
#define CN_HANDLERS_API_H

#include <stdbool.h>
#include <stddef.h>

#include "handlers/json_out.h"
#include "handlers/operation.h"
#include "handlers/service.h"

/* Limits of parameters, for the endpoints and for what is said of them. */
#define CN_RUNS_LIMIT_DEFAULT 50
#define CN_RUNS_LIMIT_MOST 100000
#define CN_JOBS_LIMIT_DEFAULT 50
#define CN_JOBS_LIMIT_MOST 100000

/* A member of an object; one whose name ends in '?' may be missing. The last of a list has no name.
 */
struct cn_api_member {
    const char *name;
    const char *type;
    const char *help; /* NULL: the name says it */
};

struct cn_api_schema {
    const char *name;
    const char *help;
    const struct cn_api_member *members;
};
/* The last of each list has no name. */
extern const struct cn_api_schema cn_api_work_schemas[];    /* requests, jobs and runs */
extern const struct cn_api_schema cn_api_service_schemas[]; /* pools, load, functions, health */

struct cn_api_parameter {
    const char *name;
    const char *type;
    const char *help;
};

struct cn_api_reply {
    int status;
    const char *media; /* NULL: no body */
    const char *type;  /* NULL: a text */
    const char *help;
};

enum { CN_API_PARAMETERS = 4, CN_API_REPLIES = 6 };
struct cn_api_operation {
    enum cn_operation operation;
    const char *method;
    const char *summary;
    const char *body; /* type of a JSON body; NULL: none; "@compute": those of /v1/compute */
    struct cn_api_parameter query[CN_API_PARAMETERS];
    struct cn_api_reply replies[CN_API_REPLIES];
};
/* NULL: there is none. */
const struct cn_api_operation *cn_api_operation(enum cn_operation operation, const char *method);

/* ---- for the document ---------------------------------------------------------------------- */

/* Writes the schema of a type as a member, or as an element where `key` is NULL. */
void cn_api_write_type(struct cn_json_out *out, const char *key, const char *type, const char *help,
                       const struct cn_service *service);
/* A member for each schema of a list. */
void cn_api_write_schemas(struct cn_json_out *out, const struct cn_api_schema *schemas,
                          const struct cn_service *service);
/* The options of /v1/compute: parameters of a query, members of a form or of JSON. */
void cn_api_write_options_query(struct cn_json_out *out, const struct cn_service *service);
void cn_api_write_options_form(struct cn_json_out *out, const struct cn_service *service);
void cn_api_write_options_json(struct cn_json_out *out, const struct cn_service *service);

#endif
