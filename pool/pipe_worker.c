/*
 * The process of `colonnade --worker`: it says who it is, is told what it may have, gives up
 * everything else, and serves.
 *
 * Only descriptors 3 and 4 lead to whoever drives it: what anything prints goes to standard error,
 * so that nothing gets between the answers.
 */
#include "pool/pipe_worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "pool/pipe_serve.h"
#include "pool/sandbox.h"

#define IN 3
#define OUT 4
#define PIPE_BYTES (1 << 20) /* a request in fewer turns, where the system lets us */

struct process {
    struct cn_worker_core core;
    struct cn_isolation isolation;
};

void cn_pipe_sizes(uint64_t sizes[CN_PIPE_SIZES]) {
    const uint64_t all[CN_PIPE_SIZES] = {
        sizeof(struct cn_pipe_setup),
        sizeof(struct cn_worker_request),
        offsetof(struct cn_worker_request, left_ns),
        offsetof(struct cn_worker_request, args),
        sizeof(struct cn_window_head),
        sizeof(struct cn_window_span),
        sizeof(struct cn_worker_answer),
        offsetof(struct cn_worker_answer, spans),
        offsetof(struct cn_worker_answer, result),
        sizeof(struct cn_error),
        CN_SPAN_COUNT,
        CN_CODE_COUNT,
    };
    memcpy(sizes, all, sizeof(all));
}

bool cn_pipe_worker_wanted(int argc, char **argv) {
    return argc == 2 && strcmp(argv[1], CN_PIPE_WORKER_ARGUMENT) == 0;
}

static _Noreturn void give_up(const char *why) {
    fprintf(stderr, "colonnade %s: %s\n", CN_PIPE_WORKER_ARGUMENT, why);
    _exit(1);
}

static void move(int fd, int high, int to) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, high);
    if (copy < 0 || dup3(copy, to, O_CLOEXEC) < 0)
        give_up("there is no standard input and output");
    (void)fcntl(to, F_SETPIPE_SZ, PIPE_BYTES);
}

/* Takes the two streams away from whatever prints or reads. */
static void take_streams(void) {
    move(STDIN_FILENO, 10, IN);
    move(STDOUT_FILENO, 11, OUT);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
        (dup2(STDERR_FILENO, STDOUT_FILENO) < 0 &&
         (dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)))
        give_up("there is no /dev/null");
    cn_close_from(OUT + 1);
    if (chdir("/") != 0) /* not to hold on to a mounted file system */
        return;
}

static void say_identity(const char *identity) {
    char text[CN_PIPE_IDENTITY] = {0};
    snprintf(text, sizeof(text), "%s", identity);
    if (!cn_pipe_write(OUT, text, sizeof(text)))
        give_up("nobody reads");
}

/* Whoever only wanted to know the identity goes now. */
static void read_setup(struct cn_pipe_setup *setup) {
    memset(setup, 0, sizeof(*setup));
    size_t sizes = offsetof(struct cn_pipe_setup, confinement);
    enum cn_pipe_got got = cn_pipe_read(IN, setup, sizes);
    if (got == CN_PIPE_ENDED)
        _exit(0);
    if (got == CN_PIPE_CUT)
        give_up("what it may have was cut off");
    if (setup->size != sizeof(*setup) || setup->answer_size != sizeof(struct cn_worker_answer) ||
        setup->request_size != sizeof(struct cn_worker_request))
        give_up("it was started by a server of another version");
    if (cn_pipe_read(IN, (char *)setup + sizes, sizeof(*setup) - sizes) != CN_PIPE_ALL)
        give_up("what it may have was cut off");
    const struct cn_confinement *confinement = &setup->confinement;
    if ((unsigned)confinement->level > CN_ISOLATION_OFF ||
        confinement->memory_bytes > SIZE_MAX / 4 || confinement->output_bytes > SIZE_MAX / 4)
        give_up("it was told of limits that make no sense");
}

static enum cn_code set_up(struct process *process, const struct cn_pipe_worker_program *program,
                           const struct cn_confinement *confinement, struct cn_error *error) {
    struct cn_worker_core *core = &process->core;
    if (program->prepare)
        CN_TRY(program->prepare(error));
    CN_TRY(cn_worker_core_init(core, program->registry, confinement->memory_bytes, error));
    CN_TRY(cn_window_init(&core->in, true, error));
    CN_TRY(cn_window_init(&core->out, true, error));
    core->in.most = (size_t)confinement->memory_bytes;
    core->out.most = (size_t)confinement->output_bytes;
    return cn_sandbox_pipe_worker(confinement, &process->isolation, error);
}

_Noreturn void cn_pipe_worker_enter(const struct cn_pipe_worker_program *program) {
    struct process process = {0};
    struct cn_pipe_setup setup;
    struct cn_error error;
    if (isatty(STDIN_FILENO)) {
        fprintf(stderr, "colonnade: %s is for the workers of a Dask cluster\n",
                CN_PIPE_WORKER_ARGUMENT);
        _exit(2);
    }
    cn_worker_reset_signals();
    prctl(PR_SET_NAME, "colonnade-work");
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it may be at work, and not see that its input ended */
    take_streams();
    say_identity(program->identity);
    read_setup(&setup);
    cn_error_init(&error);
    if (set_up(&process, program, &setup.confinement, &error) != CN_OK)
        give_up(error.detail);
    const char *why = cn_pipe_serve(&process.core, IN, OUT);
    if (why)
        give_up(why);
    _exit(0);
}
