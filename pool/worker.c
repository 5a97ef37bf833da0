/*
 * A worker process: it takes one request after another from its socket, computes, and answers.
 *
 * It trusts the server, and the server does not trust it. It maps its inputs read-only, writes its
 * output straight into the other window, and ends when its socket closes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool/sandbox.h"
#include "pool/worker_core.h"

/* Standard input and output lead to /dev/null already; standard error stays, for the sanitizers'
 * and the C library's last words. The three descriptors become 3, 4 and 5. */
static void keep_only(int fds[3]) {
    int high[3];
    for (int i = 0; i < 3; i++)
        high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
    for (int i = 0; i < 3; i++) {
        if (high[i] < 0 || dup3(high[i], 3 + i, O_CLOEXEC) < 0)
            _exit(1);
        fds[i] = 3 + i;
    }
    cn_close_from(6);
}

static bool serve_one(struct cn_worker_core *core, int socket) {
    struct cn_worker_request request;
    struct cn_worker_answer answer;
    ssize_t got;
    do
        got = recv(socket, &request, sizeof(request), 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(request))
        return false;
    cn_worker_core_run(core, &request, cn_clock_now(), &answer);
    return send(socket, &answer, sizeof(answer), MSG_NOSIGNAL) == (ssize_t)sizeof(answer);
}

_Noreturn void cn_worker_main(int fds[3], const struct cn_worker_legacy *legacy) {
    struct cn_worker_core core;
    cn_worker_reset_signals();
    keep_only(fds);
    prctl(PR_SET_NAME, "colonnade-work");
    if (cn_worker_core_init(&core, legacy->registry, legacy->confinement.memory_bytes, NULL) !=
        CN_OK)
        _exit(1);
    cn_window_adopt(&core.in, fds[1], false);
    cn_window_adopt(&core.out, fds[2], true);
    core.out.most = (size_t)legacy->confinement.output_bytes;
    struct cn_worker_answer greeting;
    memset(&greeting, 0, sizeof(greeting));
    if (!cn_window_map(&core.in, 1) || !cn_window_map(&core.out, 1) ||
        !cn_sandbox_worker(&legacy->confinement, &legacy->isolation) ||
        send(fds[0], &greeting, sizeof(greeting), MSG_NOSIGNAL) < 0)
        _exit(1);
    while (serve_one(&core, fds[0]))
        continue;
    _exit(0);
}
