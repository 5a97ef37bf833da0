/* pipe_helpers.h: a test program that starts itself as a worker on pipes, and talks to it. */
#ifndef CN_TESTS_PIPE_HELPERS_H
#define CN_TESTS_PIPE_HELPERS_H

#include "tests/unit/pool_helpers.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/pipe_worker.h"
#include "pool/protocol.h"

#define SECOND_NS (1000 * MILLION)
#define IDENTITY "colonnade 0 sha256:of-the-test"

/* ---- a process ------------------------------------------------------------------------------ */

struct worker {
    pid_t pid;
    int in; /* what it reads */
    int out;
    int said; /* standard error */
};

static inline struct worker start(void) {
    struct worker worker;
    int in[2], out[2], said[2];
    char name[] = "/proc/self/exe", argument[] = CN_PIPE_WORKER_ARGUMENT;
    char *arguments[] = {name, argument, NULL};
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, said[1], 2);
    assert_int_equal(posix_spawn(&worker.pid, name, &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    close(said[1]);
    worker.in = in[1];
    worker.out = out[0];
    worker.said = said[0];
    return worker;
}

static inline void put(const struct worker *worker, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        ssize_t wrote = write(worker->in, at, size);
        assert_true(wrote > 0);
        at += wrote;
        size -= (size_t)wrote;
    }
}

/* How many bytes came before the stream ended. */
static inline size_t get(const struct worker *worker, void *bytes, size_t size) {
    size_t have = 0;
    while (have < size) {
        struct pollfd wait = {.fd = worker->out, .events = POLLIN};
        if (poll(&wait, 1, 20000) != 1)
            fail_msg("the worker says nothing");
        ssize_t got = read(worker->out, (char *)bytes + have, size - have);
        assert_true(got >= 0);
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return have;
}

static inline void assert_identity(const struct worker *worker) {
    char text[CN_PIPE_IDENTITY], expected[CN_PIPE_IDENTITY] = IDENTITY;
    assert_int_equal(get(worker, text, sizeof(text)), sizeof(text));
    assert_memory_equal(text, expected, sizeof(text));
}

static inline struct cn_pipe_setup setup_of(struct cn_confinement confinement) {
    struct cn_pipe_setup setup;
    memset(&setup, 0, sizeof(setup));
    setup.size = sizeof(setup);
    setup.answer_size = sizeof(struct cn_worker_answer);
    setup.request_size = sizeof(struct cn_worker_request);
    setup.confinement = confinement;
    return setup;
}

static inline struct worker start_with(struct cn_confinement confinement) {
    struct worker worker = start();
    struct cn_pipe_setup setup = setup_of(confinement);
    assert_identity(&worker);
    put(&worker, &setup, sizeof(setup));
    return worker;
}

/* Its wait status, when it has ended; what it said is in `said`. */
static inline int await(struct worker *worker, char said[1024]) {
    size_t have = 0;
    ssize_t got;
    int status = 0;
    while (have < 1023 && (got = read(worker->said, said + have, 1023 - have)) > 0)
        have += (size_t)got;
    said[have] = 0;
    assert_int_equal(waitpid(worker->pid, &status, 0), worker->pid);
    close(worker->out);
    close(worker->said);
    if (worker->in >= 0)
        close(worker->in);
    return status;
}

static inline void close_in(struct worker *worker) {
    close(worker->in);
    worker->in = -1;
}

static inline void assert_ends_well(struct worker *worker) {
    char said[1024], byte;
    close_in(worker);
    assert_int_equal(get(worker, &byte, 1), 0);
    int status = await(worker, said);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("status %x: %s", (unsigned)status, said);
    assert_string_equal(said, "");
}

/* Nothing more comes from it, and it says why. */
static inline void assert_gives_up(struct worker *worker, const char *why) {
    char said[1024], byte;
    assert_int_equal(get(worker, &byte, 1), 0);
    int status = await(worker, said);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    if (!strstr(said, why))
        fail_msg("it said: %s", said);
}

/* ---- requests ------------------------------------------------------------------------------- */

struct message {
    struct cn_worker_request request;
    char *image;
};

static inline struct message make_of(const struct cn_task *task) {
    static uint64_t requests;
    struct message message;
    assert_true(cn_request_lay_out(&message.request, task, ++requests));
    message.image = calloc(1, (size_t)message.request.size);
    assert_non_null(message.image);
    cn_request_fill(&message.request, task, message.image);
    return message;
}

static inline void send_message(const struct worker *worker, struct message *message) {
    put(worker, &message->request, sizeof(message->request));
    put(worker, message->image, (size_t)message->request.size);
    free(message->image);
    message->image = NULL;
}

/* The answer, as the server takes it. */
static inline enum cn_code take(const struct worker *worker, const struct message *message,
                                struct cn_task *task, struct cn_buf *out) {
    struct cn_worker_answer answer;
    struct cn_buf bytes = CN_BUF_INIT;
    struct cn_str output;
    assert_int_equal(get(worker, &answer, sizeof(answer)), sizeof(answer));
    assert_true(cn_buf_add(&bytes, &answer, sizeof(answer)));
    assert_true(cn_buf_reserve(&bytes, (size_t)answer.out_len));
    assert_int_equal(get(worker, bytes.data + bytes.len, (size_t)answer.out_len), answer.out_len);
    bytes.len += (size_t)answer.out_len;
    assert_true(cn_answer_read(&answer, cn_buf_str(&bytes), message->request.number, &output));
    *task = (struct cn_task){.out = out};
    out->len = 0;
    enum cn_code code = cn_answer_take(&answer, output, SECOND_NS, task);
    assert_int_equal(task->error.code, code);
    cn_buf_release(&bytes);
    return code;
}

#endif
