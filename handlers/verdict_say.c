#include "handlers/verdict_say.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void cn_figure(double value, char out[CN_FIGURE]) {
    double size = fabs(value);
    if (size >= 999.5 || (size > 0 && size < 1e-3)) {
        /* %g would write an exponent from here on */
        double unit = size >= 999.5 ? pow(10, floor(log10(size)) - 2) : 0;
        if (unit > 0)
            snprintf(out, CN_FIGURE, "%.0f", round(value / unit) * unit);
        else
            snprintf(out, CN_FIGURE, "%.6f", value);
        return;
    }
    snprintf(out, CN_FIGURE, "%.3g", value);
}

void cn_figure_time(double ns, char out[CN_FIGURE]) {
    static const struct {
        double ns;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "\u00b5s"}};
    char figure[CN_FIGURE];
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (ns < units[i].ns * 0.9995)
            continue;
        cn_figure(ns / units[i].ns, figure);
        snprintf(out, CN_FIGURE, "%.24s %s", figure, units[i].name);
        return;
    }
    snprintf(out, CN_FIGURE, "%.0f ns", ns);
}

void cn_figure_count(uint64_t count, char out[CN_FIGURE]) {
    char digits[CN_FIGURE];
    size_t n = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

void cn_say(struct cn_verdict *verdict, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (!cn_buf_add_c(&verdict->line, text))
        verdict->out->ok = false;
}

void cn_say_factor(struct cn_verdict *verdict, double factor) {
    char figure[CN_FIGURE];
    cn_figure(factor, figure);
    cn_say(verdict, "x%s", figure);
}

void cn_say_count(struct cn_verdict *verdict, uint64_t count) {
    char figure[CN_FIGURE];
    cn_figure_count(count, figure);
    cn_say(verdict, "%s", figure);
}

void cn_say_time(struct cn_verdict *verdict, double ns) {
    char figure[CN_FIGURE];
    cn_figure_time(ns, figure);
    cn_say(verdict, "%s", figure);
}

void cn_say_case(struct cn_verdict *verdict, const struct cn_case *a) {
    if (!cn_case_name(&verdict->line, a, verdict->chunks))
        verdict->out->ok = false;
}

void cn_say_case_time(struct cn_verdict *verdict, const struct cn_case *a) {
    cn_say_case(verdict, a);
    cn_say(verdict, " (");
    cn_say_time(verdict, cn_case_time(a));
    cn_say(verdict, ")");
}

void cn_say_end(struct cn_verdict *verdict) {
    cn_json_out_text(verdict->out, NULL, cn_buf_str(&verdict->line));
    verdict->line.len = 0;
}
