/*
 * protocol.h: what the server, the fork server and the workers say to each other (private to this
 * room). On this machine all messages are fixed structs on SOCK_SEQPACKET sockets, so a message
 * comes whole or not at all, and a closed peer is an end of file; what goes to other machines is on
 * streams (bridge_protocol.h, pipe_serve.h).
 */
#ifndef CN_POOL_PROTOCOL_H
#define CN_POOL_PROTOCOL_H

#include "pool/forkserver.h"

/* ---- server and fork server --------------------------------------------------------------- */

#define CN_FORKSERVER_ARGUMENT "--fork-server"
#define CN_FORKSERVER_SOCKET 3
#define CN_FORK_PIECE ((size_t)32 << 10) /* bytes of the context in one message */

/* The first message; then come the context's bytes in pieces, then an answer with number 0. */
struct cn_fork_setup {
    uint32_t size; /* of this struct, and the next two: a wrong program is not believed */
    uint32_t answer_size;
    uint32_t request_size;
    struct cn_confinement confinement;
    uint64_t context_size;
};

struct cn_fork_ready {
    struct cn_isolation isolation;
    int32_t code;
    struct cn_error error;
};

enum cn_fork_op {
    CN_FORK_SPAWN = 1, /* comes with three descriptors: socket, inputs, outputs */
    CN_FORK_REAP = 2   /* kills a worker (no harm to a dead one) and takes its wait status */
};

struct cn_fork_request {
    uint64_t number; /* comes back in the answer */
    uint32_t op;
    pid_t pid;
};

struct cn_fork_answer {
    uint64_t number;
    int32_t error; /* errno; 0: done */
    pid_t pid;
    int32_t status; /* of waitpid() */
};

/* ---- server and worker --------------------------------------------------------------------- */

/* The window of inputs (the worker maps it read-only) begins with this; then come the table of
 * inputs (struct cn_window_span), the plan's bytes, and the inputs, each aligned. */
#define CN_WINDOW_ALIGN 64
struct cn_window_head {
    _Alignas(CN_WINDOW_ALIGN) atomic_int stop; /* the worker polls it through cn_run.stop */
};

struct cn_window_span {
    uint64_t offset;
    uint64_t len;
};

struct cn_worker_request {
    uint64_t number; /* 0 is the greeting */
    uint64_t plan_id;
    struct cn_window_span plan;
    uint64_t table; /* offset of the table of inputs */
    uint64_t n_inputs;
    uint64_t size;   /* of the window's used part */
    int64_t left_ns; /* until the task's deadline, where nobody sets the stop flag; 0: none */
    uint32_t kind;
    _Alignas(16) unsigned char args[CN_TASK_ARGS];
};

/* The first answer is sent unasked, when the worker is ready to serve; its number is 0. The output
 * is the first `out_len` bytes of the window of outputs (which the server maps read-only). */
struct cn_worker_answer {
    uint64_t number;
    uint64_t out_len;
    int64_t cpu_ns;
    int32_t code;
    struct cn_spans spans;
    _Alignas(16) unsigned char result[CN_TASK_RESULT];
    struct cn_error error;
};

struct cn_window;

/*
 * What is believed of an answer. cn_answer_check looks at the fixed part: that `got` bytes are all
 * of it, that it answers request `number`, that its code is one; and it makes the texts of its
 * error safe to read. It says nothing of the output, which is believed where it really is:
 * cn_answer_output maps it in the window (false: it is not all there, or more than the window may
 * hold); cn_answer_read takes an answer that came through a stream, `bytes` being the fixed part
 * and all of the output behind it, and does the check too. Either one sets *out to memory of the
 * window or of `bytes`. Times and spans are not looked at here.
 */
CN_NODISCARD bool cn_answer_check(struct cn_worker_answer *answer, size_t got, uint64_t number);
CN_NODISCARD bool cn_answer_output(const struct cn_worker_answer *answer, struct cn_window *window,
                                   struct cn_str *out);
CN_NODISCARD bool cn_answer_read(struct cn_worker_answer *answer, struct cn_str bytes,
                                 uint64_t number, struct cn_str *out);
/* Copies an answer that was checked, with its output, into the task; the CPU's time is kept within
 * `elapsed_ns`, the spans come as they are (cn_task_conclude makes them sum up). The task's code.
 */
enum cn_code cn_answer_take(const struct cn_worker_answer *answer, struct cn_str out,
                            int64_t elapsed_ns, struct cn_task *task);

/* Where things of a task go in a window, whose used part is request->size bytes long; false: it
 * cannot be so large. */
CN_NODISCARD bool cn_request_lay_out(struct cn_worker_request *request, const struct cn_task *task,
                                     uint64_t number);
/* Puts them there; of the used part every byte is written. */
void cn_request_fill(const struct cn_worker_request *request, const struct cn_task *task,
                     char *base);

/* The worker trusts the server; that a request lies within its window of `mapped` bytes is looked
 * at all the same, and so is each input. */
bool cn_request_check(const struct cn_worker_request *request, uint64_t mapped);
bool cn_request_input(const struct cn_worker_request *request, const char *base, size_t index,
                      struct cn_str *input);

/* Closes all descriptors from `first` on. */
void cn_close_from(int first);

/* What a worker gets from the fork server that forked it. */
struct cn_worker_legacy {
    const struct cn_registry *registry;
    struct cn_confinement confinement;
    struct cn_isolation isolation;
};

/* Runs a worker on these descriptors (socket, inputs, outputs) until its socket closes. Called in
 * the forked child. */
_Noreturn void cn_worker_main(int fds[3], const struct cn_worker_legacy *legacy);

/* ---- the server's side of the fork server --------------------------------------------------- */

/* A worker's process, and which fork server forked it. */
struct cn_worker_process {
    pid_t pid; /* 0: none */
    uint64_t server;
};

/* Forks a worker, handing it duplicates of the descriptors. A fork server that is gone is replaced.
 * CN_WORKER_LOST: there is none, or it could not fork. */
enum cn_code cn_forkserver_spawn(struct cn_forkserver *server, const int fds[3],
                                 struct cn_worker_process *process, struct cn_error *error);
/* Tells that the worker is ready to serve. */
void cn_forkserver_prove(struct cn_forkserver *server, const struct cn_worker_process *process);
/* Kills a worker and takes its wait status; one that was dead already keeps the status it died
 * with. False: it went together with its fork server. */
bool cn_forkserver_reap(struct cn_forkserver *server, const struct cn_worker_process *process,
                        int *status);

#endif
