/*
 * transport.c: a service that does no work: it drops what it is sent, and replies with so many
 * bytes. It shows what libmicrohttpd, the kernel and the client alone take for a body and a reply
 * of these sizes, which no service that uses them can undercut.
 *
 *   transport REPLY_BYTES
 *
 * It prints the port that it listens on, and ends with its standard input.
 */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct server {
    char *bytes;
    size_t len;
};

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state) {
    const struct server *server = context;
    struct MHD_Response *response;
    enum MHD_Result result;

    (void)url;
    (void)method;
    (void)version;
    (void)data;
    if (!*state || *size > 0) { /* the head, or a piece of the body */
        *state = context;
        *size = 0;
        return MHD_YES;
    }
    response = MHD_create_response_from_buffer(server->len, server->bytes, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "text/csv");
    result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct server server = {.len = argc > 1 ? strtoull(argv[1], NULL, 10) : 0};
    struct MHD_Daemon *daemon;
    char byte;

    server.bytes = malloc(server.len + 1);
    if (!server.bytes)
        return 1;
    memset(server.bytes, '7', server.len); /* touched: the reply's memory costs nothing later */
    daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                              answer, &server, MHD_OPTION_SOCK_ADDR,
                              (const struct sockaddr *)&address, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                              (size_t)128 << 10, MHD_OPTION_THREAD_POOL_SIZE, 2u, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "transport: the daemon did not start\n");
        free(server.bytes);
        return 1;
    }
    printf("{\"port\": %u}\n",
           (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        ;
    MHD_stop_daemon(daemon);
    free(server.bytes);
    return 0;
}
