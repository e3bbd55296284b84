/* The messages of a window of time, where the run kept them: lanes, arrows, marks. */
#include <math.h>
#include <stdlib.h>

#include "analysis/report_internal.h"

enum { MESSAGES_MOST = 4000, LANES_MOST = 24 };

struct messages {
    size_t count;
    const double *sent, *arrived, *from, *to, *bytes;
    struct run_texts kind, says;
};

static enum err_code load(struct messages *m, const struct run *run, struct err *err)
{
    struct h5in *in = run->in;
    m->count = h5in_rows(in, "messages");
    m->sent = h5in_column(in, "messages", "sent");
    m->arrived = h5in_column(in, "messages", "arrived");
    m->from = h5in_column(in, "messages", "from");
    m->to = h5in_column(in, "messages", "to");
    m->bytes = h5in_column(in, "messages", "bytes");
    m->kind.bytes = h5in_texts(in, "messages", "kind", &m->kind.size);
    m->says.bytes = h5in_texts(in, "messages", "says", &m->says.size);
    return h5in_error(in, err);
}

/* The nodes that take part, in order of their numbers, the lowest LANES_MOST; how many there are.
 */
static size_t find_lanes(const struct messages *m, double *lanes, size_t *all)
{
    size_t count = 0;
    double below = -1;
    *all = 0;
    for (;;) { /* the next higher number: few lanes, so a pass for each is cheap */
        double next = INFINITY;
        for (size_t i = 0; i < m->count; i++) {
            if (m->from[i] > below && m->from[i] < next)
                next = m->from[i];
            if (m->to[i] > below && m->to[i] < next)
                next = m->to[i];
        }
        if (isinf(next))
            return count;
        ++*all;
        if (count == LANES_MOST)
            return count;
        lanes[count++] = below = next;
    }
}

static double lane_of(const double *lanes, size_t count, double node)
{
    for (size_t i = 0; i < count; i++)
        if (lanes[i] == node)
            return (double)i;
    return -1;
}

/* A row: ns from the window's start when it was sent and (null: never) when it arrived, lanes (-1:
 * none), bytes, kind, text. */
static size_t put_rows(struct json *j, const struct messages *m, const double *lanes, size_t count)
{
    size_t shown = 0;
    json_open(j, "rows", '[');
    for (size_t i = 0; i < m->count && shown < MESSAGES_MOST; i++) {
        double from = lane_of(lanes, count, m->from[i]), to = lane_of(lanes, count, m->to[i]);
        if ((m->from[i] >= 0 && from < 0) || (m->to[i] >= 0 && to < 0))
            continue; /* of nodes without a lane */
        json_open(j, NULL, '[');
        json_number(j, NULL, m->sent[i] - m->sent[0]);
        json_number(j, NULL, m->arrived[i] < 0 ? NAN : m->arrived[i] - m->sent[0]);
        json_number(j, NULL, from);
        json_number(j, NULL, to);
        json_number(j, NULL, m->bytes[i]);
        json_text(j, NULL, run_text(&m->kind, i));
        json_text(j, NULL, run_text(&m->says, i));
        json_close(j, ']');
        shown++;
    }
    json_close(j, ']');
    return shown;
}

enum err_code report_messages(struct json *j, const struct run *run, struct err *err)
{
    struct messages m = {0};
    double lanes[LANES_MOST];
    size_t all;
    double traced = h5in_number(run->in, "messages_traced");
    if (isnan(traced) || traced == 0)
        return ERR_OK;
    enum err_code code = load(&m, run, err);
    if (code != ERR_OK)
        return code;
    size_t count = find_lanes(&m, lanes, &all);
    json_open(j, "messages", '{');
    json_number(j, "start", m.sent[0]);
    json_number(j, "count", (double)m.count);
    json_number(j, "left_out", h5in_number(run->in, "messages_left_out"));
    json_number(j, "more_nodes", (double)(all - count));
    json_open(j, "lanes", '[');
    for (size_t i = 0; i < count; i++)
        json_text(j, NULL,
                  lanes[i] < (double)run->nodes.count ? run_text(&run->nodes.name, (size_t)lanes[i])
                                                      : "");
    json_close(j, ']');
    json_number(j, "shown", (double)put_rows(j, &m, lanes, count));
    json_close(j, '}');
    return ERR_OK;
}
