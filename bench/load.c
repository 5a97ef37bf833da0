/*
 * load.c: sends one HTTP request over and over, by some connections that stay open, and says how
 * long the replies took.
 *
 *   load --port N --path TARGET [--body FILE] [--type T] [--expect FILE] [--clients N]
 *        [--source ADDRESS] [--refusals] --requests N | --seconds S [--rate R]
 *
 * Without --rate each client sends its next request when it has the reply to the last one. With
 * it requests are due at fixed times, whatever the service does, and a reply's time counts from
 * the moment when its request was due: a service that stops for a second is charged for all that
 * should have been sent meanwhile (Tene, "How NOT to measure latency", 2013). One thread, so that
 * it takes little of the machine that it measures. The result is one line of JSON. Any reply but a
 * 200, or one whose body is not that of --expect, ends it. With --refusals a 429 or 503 is counted
 * and timed apart, if it says when to come back (Retry-After).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum { MOST_CLIENTS = 256, SECOND = 1000000000, GIVE_UP_S = 600 };

struct options {
    uint16_t port;
    const char *path, *body, *type, *expect, *source;
    bool refusals;
    size_t clients, requests;
    double seconds, rate;
};

struct client {
    int fd; /* -1: none yet, or the service has closed it while nothing was asked */
    bool busy;
    bool used;     /* a reply came on this connection */
    bool refused;  /* the reply is a refusal */
    int64_t since; /* the request was due, or sent */
    size_t sent;   /* bytes of the request */
    struct cn_buf reply;
    size_t head, whole; /* bytes of its head, and of all of it; 0: not known yet */
    size_t chunk;       /* chunked: where the next chunk begins; else 0 */
};

/* How long replies took. */
struct times {
    int64_t *ns;
    size_t count, room;
};

static struct load {
    struct options options;
    struct cn_buf request;
    struct cn_buf expected; /* data is NULL: any body will do */
    struct client clients[MOST_CLIENTS];
    int64_t start, last_start;
    size_t begun, done;
    struct times served, refused;
} load;

__attribute__((noreturn)) static void die(const char *format, ...) CN_PRINTF(1, 2);
static void die(const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
    va_end(arguments);
    exit(1);
}

static void must(bool held) {
    if (!held)
        die("out of memory");
}

/* ---- preparing ----------------------------------------------------------------------------- */

static void read_file(const char *name, struct cn_buf *out) {
    FILE *file = fopen(name, "rb");
    size_t n;

    if (!file)
        die("%s: %s", name, strerror(errno));
    do {
        must(cn_buf_reserve(out, 1 << 20));
        n = fread(out->data + out->len, 1, 1 << 20, file);
        out->len += n;
    } while (n > 0);
    if (ferror(file))
        die("%s cannot be read", name);
    fclose(file);
}

static void make_request(void) {
    const struct options *options = &load.options;
    struct cn_buf body = CN_BUF_INIT;

    if (options->body)
        read_file(options->body, &body);
    must(cn_buf_printf(&load.request,
                       "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: %s\r\n"
                       "Content-Length: %zu\r\n\r\n",
                       options->path, options->port, options->type, body.len));
    must(cn_buf_add(&load.request, body.data ? body.data : "", body.len));
    cn_buf_release(&body);
    if (options->expect)
        read_file(options->expect, &load.expected);
}

/* Several clients of one machine can have an address each: all of 127.0.0.0/8 is here. */
static void bind_source(int fd) {
    struct sockaddr_in address = {.sin_family = AF_INET};

    if (inet_pton(AF_INET, load.options.source, &address.sin_addr) != 1 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        die("%s: no address to connect from", load.options.source);
}

static void connect_client(struct client *client) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(load.options.port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int yes = 1;

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd >= 0 && load.options.source)
        bind_source(client->fd);
    if (client->fd < 0 ||
        connect(client->fd, (const struct sockaddr *)&address, sizeof address) != 0)
        die("port %u: %s", load.options.port, strerror(errno));
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (fcntl(client->fd, F_SETFL, O_NONBLOCK) != 0)
        die("fcntl: %s", strerror(errno));
    client->used = false;
}

/* ---- one exchange -------------------------------------------------------------------------- */

/* The connection ended. A service may close one that it kept open just when the next request is
 * sent; that one is sent again, on a new connection, and its time goes on. */
static void connect_again(struct client *client, const char *why) {
    if (client->busy && (!client->used || client->reply.len > 0))
        die("the connection ended: %s", why);
    close(client->fd);
    client->fd = -1;
    if (!client->busy)
        return;
    client->sent = 0;
    connect_client(client);
}

static void send_more(struct client *client) {
    while (client->sent < load.request.len) {
        ssize_t n = send(client->fd, load.request.data + client->sent,
                         load.request.len - client->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            connect_again(client, strerror(errno));
            continue;
        }
        client->sent += (size_t)n;
    }
}

/* Whether another request may begin, and since when it is due. */
static bool next_is_due(int64_t now, int64_t *due) {
    const struct options *options = &load.options;

    if (options->requests > 0 && load.begun >= options->requests)
        return false;
    *due = now;
    if (options->rate > 0)
        *due = load.start + (int64_t)((double)load.begun * SECOND / options->rate);
    return *due <= now && (options->seconds <= 0 || *due < load.last_start);
}

static void begin(struct client *client, int64_t now) {
    int64_t due;

    if (!next_is_due(now, &due))
        return;
    client->busy = true;
    client->since = due;
    client->sent = client->head = client->whole = 0;
    client->reply.len = 0;
    load.begun++;
    if (client->fd < 0)
        connect_client(client);
    send_more(client);
}

static bool is_refusal(const char *head) {
    bool refused = load.options.refusals && (strncmp(head, "HTTP/1.1 503", 12) == 0 ||
                                             strncmp(head, "HTTP/1.1 429", 12) == 0);

    if (refused && !strcasestr(head, "\nretry-after:"))
        die("a refusal does not say when to come back");
    return refused;
}

static void read_head(struct client *client) {
    struct cn_buf *reply = &client->reply;
    const char *end = memmem(reply->data, reply->len, "\r\n\r\n", 4);
    const char *length;

    if (!end)
        return;
    client->head = (size_t)(end - reply->data) + 4;
    reply->data[client->head - 1] = '\0';
    client->refused = is_refusal(reply->data);
    if (!client->refused && strncmp(reply->data, "HTTP/1.1 200", 12) != 0)
        die("the reply is %.*s, %.*s", (int)strcspn(reply->data, "\r"), reply->data,
            (int)(reply->len - client->head), reply->data + client->head);
    length = strcasestr(reply->data, "\ncontent-length:");
    client->chunk = 0;
    if (length)
        client->whole = client->head + strtoull(length + 16, NULL, 10);
    else if (strcasestr(reply->data, "\ntransfer-encoding: chunked") && !load.expected.data)
        client->chunk = client->head;
    else
        die("the reply has no Content-Length");
}

/* Goes from chunk to chunk of what has arrived; the last one is empty. */
static void follow_chunks(struct client *client) {
    struct cn_buf *reply = &client->reply;

    while (client->chunk < reply->len) {
        const char *at = reply->data + client->chunk;
        const char *line_end = memmem(at, reply->len - client->chunk, "\r\n", 2);
        size_t size;
        if (!line_end)
            return;
        size = strtoull(at, NULL, 16);
        client->chunk += (size_t)(line_end - at) + 2 + size + 2;
        if (size > 0)
            continue;
        client->whole = client->chunk;
        return;
    }
}

static void note(struct times *times, int64_t ns) {
    if (times->count == times->room) {
        times->room = times->room > 0 ? 2 * times->room : 1024;
        times->ns = realloc(times->ns, times->room * sizeof *times->ns);
        must(times->ns != NULL);
    }
    times->ns[times->count++] = ns;
}

static void end(struct client *client, int64_t now) {
    size_t len = client->reply.len - client->head;

    if (client->reply.len > client->whole)
        die("the reply is longer than it said");
    if (load.expected.data && !client->refused &&
        (len != load.expected.len ||
         memcmp(client->reply.data + client->head, load.expected.data, len)))
        die("a reply differs from %s", load.options.expect);
    note(client->refused ? &load.refused : &load.served, now - client->since);
    load.done++;
    client->busy = false;
    client->used = true;
}

static void receive(struct client *client) {
    struct cn_buf *reply = &client->reply;

    for (;;) {
        must(cn_buf_reserve(reply, 256 << 10));
        ssize_t n = recv(client->fd, reply->data + reply->len, reply->cap - reply->len, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0 || !client->busy) { /* what comes unasked is a farewell (408) */
            connect_again(client, n < 0 ? strerror(errno) : "closed");
            if (client->busy)
                send_more(client);
            return;
        }
        reply->len += (size_t)n;
        if (client->head == 0)
            read_head(client);
        if (client->head > 0 && client->chunk > 0 && client->whole == 0)
            follow_chunks(client);
        if (client->whole == 0 || reply->len < client->whole)
            continue;
        end(client, cn_clock_now());
        begin(client, cn_clock_now());
        return;
    }
}

/* ---- all of them --------------------------------------------------------------------------- */

/* Waits for a client, or for the moment when the next request is due. */
static void wait_for_any(struct pollfd *polls, int64_t now) {
    int64_t until = now + (int64_t)GIVE_UP_S * SECOND;
    bool idle = false;
    struct timespec timeout;

    for (size_t i = 0; i < load.options.clients; i++) {
        const struct client *client = &load.clients[i];
        bool more = client->busy && client->sent < load.request.len;
        polls[i] = (struct pollfd){client->fd, (short)(POLLIN | (more ? POLLOUT : 0)), 0};
        idle |= !client->busy;
    }
    if (load.options.rate > 0 && idle)
        until = load.start + (int64_t)((double)load.begun * SECOND / load.options.rate);
    if (until < now)
        until = now;
    timeout = (struct timespec){(until - now) / SECOND, (until - now) % SECOND};
    if (ppoll(polls, load.options.clients, &timeout, NULL) < 0)
        die("ppoll: %s", strerror(errno));
    if (cn_clock_now() - now >= (int64_t)GIVE_UP_S * SECOND)
        die("no reply came");
}

static bool is_over(int64_t now) {
    const struct options *options = &load.options;
    int64_t due = now;

    for (size_t i = 0; i < options->clients; i++)
        if (load.clients[i].busy)
            return false;
    if (options->requests > 0)
        return load.done >= options->requests;
    if (options->rate > 0)
        due = load.start + (int64_t)((double)load.begun * SECOND / options->rate);
    return due >= load.last_start;
}

static void run(void) {
    struct pollfd polls[MOST_CLIENTS];
    int64_t now = cn_clock_now();

    load.start = now;
    load.last_start = now + (int64_t)(load.options.seconds * SECOND);
    while (!is_over(now)) {
        for (size_t i = 0; i < load.options.clients; i++)
            if (!load.clients[i].busy)
                begin(&load.clients[i], now);
        wait_for_any(polls, now);
        for (size_t i = 0; i < load.options.clients; i++) {
            if (polls[i].revents & POLLOUT)
                send_more(&load.clients[i]);
            if (polls[i].revents & (POLLIN | POLLHUP | POLLERR))
                receive(&load.clients[i]);
        }
        now = cn_clock_now();
    }
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t quantile(const struct times *times, double part) {
    if (times->count == 0)
        return 0;
    return times->ns[(size_t)((double)(times->count - 1) * part + 0.5)];
}

static void sort(struct times *times) {
    if (times->count > 0)
        qsort(times->ns, times->count, sizeof *times->ns, compare);
}

static void report(int64_t ended) {
    const struct times *served = &load.served, *refused = &load.refused;

    if (load.done == 0)
        die("no request was sent");
    sort(&load.served);
    sort(&load.refused);
    printf("{\"requests\": %zu, \"seconds\": %.6f, \"min_ns\": %" PRId64 ", \"p50_ns\": %" PRId64
           ", \"p90_ns\": %" PRId64 ", \"p99_ns\": %" PRId64 ", \"max_ns\": %" PRId64,
           served->count, (double)(ended - load.start) / SECOND, quantile(served, 0),
           quantile(served, 0.5), quantile(served, 0.9), quantile(served, 0.99),
           quantile(served, 1));
    if (load.options.refusals)
        printf(", \"refused\": %zu, \"refused_p50_ns\": %" PRId64 ", \"refused_p99_ns\": %" PRId64
               ", \"refused_max_ns\": %" PRId64,
               refused->count, quantile(refused, 0.5), quantile(refused, 0.99),
               quantile(refused, 1));
    puts("}");
}

static void read_options(int argc, char **argv) {
    static const struct option names[] = {
        {"port", 1, NULL, 'p'},    {"path", 1, NULL, 'u'},     {"body", 1, NULL, 'b'},
        {"type", 1, NULL, 't'},    {"expect", 1, NULL, 'e'},   {"clients", 1, NULL, 'c'},
        {"source", 1, NULL, 'f'},  {"refusals", 0, NULL, 'x'}, {"requests", 1, NULL, 'n'},
        {"seconds", 1, NULL, 's'}, {"rate", 1, NULL, 'r'},     {NULL, 0, NULL, 0}};
    struct options *options = &load.options;
    int letter;

    *options = (struct options){.path = "/", .type = "text/csv", .clients = 1};
    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (letter) {
        case 'p':
            options->port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'u':
            options->path = optarg;
            break;
        case 'b':
            options->body = optarg;
            break;
        case 't':
            options->type = optarg;
            break;
        case 'e':
            options->expect = optarg;
            break;
        case 'f':
            options->source = optarg;
            break;
        case 'x':
            options->refusals = true;
            break;
        case 'c':
            options->clients = strtoull(optarg, NULL, 10);
            break;
        case 'n':
            options->requests = strtoull(optarg, NULL, 10);
            break;
        case 's':
            options->seconds = strtod(optarg, NULL);
            break;
        case 'r':
            options->rate = strtod(optarg, NULL);
            break;
        default:
            exit(2);
        }
    }
    if (optind != argc || options->port == 0 || options->clients < 1 ||
        options->clients > MOST_CLIENTS || (options->requests > 0) == (options->seconds > 0))
        die("usage: load --port N --path TARGET [--body FILE] [--type T] [--expect FILE] "
            "[--clients N] [--source ADDRESS] [--refusals] --requests N | --seconds S [--rate R]");
}

int main(int argc, char **argv) {
    int64_t ended;

    read_options(argc, argv);
    make_request();
    for (size_t i = 0; i < load.options.clients; i++)
        load.clients[i].fd = -1; /* each connects with its first request */
    run();
    ended = cn_clock_now();
    report(ended);
    for (size_t i = 0; i < load.options.clients; i++) {
        if (load.clients[i].fd >= 0)
            close(load.clients[i].fd);
        cn_buf_release(&load.clients[i].reply);
    }
    cn_buf_release(&load.request);
    cn_buf_release(&load.expected);
    free(load.served.ns);
    free(load.refused.ns);
    return 0;
}
