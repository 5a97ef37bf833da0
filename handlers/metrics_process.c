#include "handlers/metrics_document.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void write_cpu(struct cn_metrics_text *text) {
    struct timespec time;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) != 0)
        return;
    cn_metrics_family(text, "process_cpu_seconds_total", "counter",
                      "CPU time of the server, without its worker processes.");
    cn_metrics_sample_ns(text, (struct cn_labels){0},
                         (uint64_t)time.tv_sec * (uint64_t)CN_NS_PER_SECOND +
                             (uint64_t)time.tv_nsec);
}

static void write_memory(struct cn_metrics_text *text) {
    uint64_t size, resident;
    long page = sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");
    bool known = file && page > 0 && fscanf(file, "%" SCNu64 " %" SCNu64, &size, &resident) == 2;
    if (file)
        fclose(file);
    if (!known)
        return;
    cn_metrics_gauge(text, "process_resident_memory_bytes", "Resident memory of the server.",
                     resident * (uint64_t)page);
    cn_metrics_gauge(text, "process_virtual_memory_bytes", "Address space of the server.",
                     size * (uint64_t)page);
}

static void write_descriptors(struct cn_metrics_text *text) {
    struct rlimit limit;
    DIR *dir = opendir("/proc/self/fd");
    if (dir) {
        uint64_t n = 0;
        while (readdir(dir))
            n++;
        closedir(dir);
        cn_metrics_gauge(text, "process_open_fds", "Descriptors that are open.",
                         n > 3 ? n - 3 : 0); /* ".", ".." and the folder's own */
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        cn_metrics_gauge(text, "process_max_fds", "Descriptors that may be open.",
                         (uint64_t)limit.rlim_cur);
}

void cn_metrics_write_process(struct cn_metrics_text *text, const struct cn_metrics *metrics) {
    write_cpu(text);
    write_memory(text);
    write_descriptors(text);
    cn_metrics_family(text, "process_start_time_seconds", "gauge",
                      "When the server started, in seconds since 1970.");
    cn_metrics_sample_ns(text, (struct cn_labels){0}, (uint64_t)metrics->started_at);
}
