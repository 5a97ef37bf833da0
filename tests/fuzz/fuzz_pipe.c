/*
 * Fuzz target: the stream of requests that `colonnade --worker` reads.
 *
 * The input is what comes in, from the first request on. What must hold: every request that makes
 * sense and is all there gets one answer, in order, which the server would believe; the loop ends
 * where the first one does not, and says why. Nothing outside of an image is read, and no more is
 * written than an answer may have.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pool/pipe_serve.h"
#include "tests/fuzz/check.h"

#define MOST_IN ((size_t)1 << 11) /* of an image */
#define MOST_OUT ((size_t)1 << 12)

/* ---- kinds ---------------------------------------------------------------------------------- */

enum { KIND_ECHO, KIND_FAIL, KIND_FILL, KIND_WAIT, N_KINDS };

static enum cn_code run_echo(struct cn_run *run, struct cn_error *error) {
    bool ok = cn_buf_add_str(run->out, run->plan->bytes);
    for (size_t i = 0; ok && i < run->n_inputs; i++) {
        CHECK((uintptr_t)run->inputs[i].data % CN_WINDOW_ALIGN == 0);
        ok = cn_buf_add_str(run->out, run->inputs[i]);
    }
    return ok ? CN_OK : cn_error_memory(error);
}

static enum cn_code run_fail(struct cn_run *run, struct cn_error *error) {
    if (!cn_buf_add_char(run->out, '.'))
        return cn_error_memory(error);
    return cn_error_set(error, CN_TYPE_ERROR, "it fails");
}

/* As many bytes as the arguments say. */
static enum cn_code run_fill(struct cn_run *run, struct cn_error *error) {
    uint32_t size;
    memcpy(&size, run->args, sizeof size);
    if (!cn_buf_reserve(run->out, size))
        return cn_error_memory(error);
    memset(run->out->data + run->out->len, 'x', size);
    run->out->len += size;
    return CN_OK;
}

/* Until it is stopped, where there is a deadline. */
static enum cn_code run_wait(struct cn_run *run, struct cn_error *error) {
    (void)error;
    CHECK(*run->stop == 0);
    if (run->deadline_ns == 0 || run->deadline_ns > cn_clock_now() + CN_NS_PER_MS)
        return CN_OK;
    while (!cn_run_stopped(run))
        continue;
    return CN_CANCELLED;
}

static const struct cn_kind kinds[N_KINDS] = {
    [KIND_ECHO] = {.name = "echo", .run = run_echo},
    [KIND_FAIL] = {.name = "fail", .run = run_fail},
    [KIND_FILL] = {.name = "fill", .run = run_fill},
    [KIND_WAIT] = {.name = "wait", .run = run_wait},
};
static const struct cn_registry registry = {kinds, N_KINDS, NULL};

/* ---- what must come of it ------------------------------------------------------------------- */

/* The next answer of the output, which is that of the request. */
static void check_answer(const struct cn_worker_request *request, struct cn_str *output) {
    struct cn_worker_answer answer;
    struct cn_str out;
    CHECK(output->len >= sizeof answer);
    memcpy(&answer, output->data, sizeof answer);
    CHECK(answer.out_len <= MOST_OUT && answer.out_len <= output->len - sizeof answer);
    size_t len = sizeof answer + (size_t)answer.out_len;
    CHECK(cn_answer_read(&answer, cn_str(output->data, len), request->number, &out));
    CHECK(answer.code == (int32_t)answer.error.code || answer.code == CN_CANCELLED);
    CHECK(answer.code == CN_OK || out.len == 0);
    if (request->size > MOST_IN)
        CHECK(answer.code == CN_LIMIT_EXCEEDED);
    else if (request->kind == KIND_FAIL)
        CHECK(answer.code == CN_TYPE_ERROR || answer.code == CN_INTERNAL);
    else if (request->kind >= N_KINDS)
        CHECK(answer.code == CN_INTERNAL);
    output->data += len;
    output->len -= len;
}

/* Goes through the input as the worker must have. */
static void check_all(struct cn_str input, struct cn_str output, const char *why) {
    for (;;) {
        struct cn_worker_request request;
        if (input.len < sizeof request)
            break;
        memcpy(&request, input.data, sizeof request);
        if (!cn_request_check(&request, request.size)) {
            CHECK(why && strstr(why, "no sense") && output.len == 0);
            return;
        }
        size_t left = input.len - sizeof request;
        if (request.size > left) {
            input.len = 1;
            break;
        }
        check_answer(&request, &output);
        input.data += sizeof request + request.size;
        input.len = left - (size_t)request.size;
    }
    CHECK(output.len == 0);
    CHECK(input.len == 0 ? why == NULL : why && strstr(why, "cut off"));
}

static int make_file(const uint8_t *data, size_t size) {
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    CHECK(fd >= 0 && cn_pipe_write(fd, data, size) && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct cn_worker_core core;
    static bool made;
    if (!made) {
        made = true;
        CHECK(cn_worker_core_init(&core, &registry, MOST_IN, NULL) == CN_OK);
        CHECK(cn_window_init(&core.in, true, NULL) == CN_OK);
        CHECK(cn_window_init(&core.out, true, NULL) == CN_OK);
        core.in.most = MOST_IN;
        core.out.most = MOST_OUT;
    }
    int in = make_file(data, size), out = make_file(NULL, 0);
    const char *why = cn_pipe_serve(&core, in, out);
    off_t len = lseek(out, 0, SEEK_END);
    CHECK(len >= 0);
    char *output = malloc(len > 0 ? (size_t)len : 1);
    CHECK(output && lseek(out, 0, SEEK_SET) == 0);
    CHECK(len == 0 || cn_pipe_read(out, output, (size_t)len) == CN_PIPE_ALL);
    check_all(cn_str((const char *)data, size), cn_str(output, (size_t)len), why);
    free(output);
    close(in);
    close(out);
    return 0;
}
