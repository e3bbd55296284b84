#include "analysis/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/assets.h"
#include "analysis/report_internal.h"

enum { LIBRARY_MOST = 4 << 20 };

/* ---- the charting library, from its Debian package ---- */

static char *read_library(const char *folder, const char *name, struct err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "rb");
    if (!in) {
        err_set(err, ERR_IO,
                "the charting library is missing: cannot read '%s' (%s); Debian's package "
                "libjs-dygraphs has it",
                path, strerror(errno));
        return NULL;
    }
    char *text = malloc(LIBRARY_MOST + 1);
    size_t size = text ? fread(text, 1, LIBRARY_MOST, in) : 0;
    bool whole = text && !ferror(in) && feof(in);
    fclose(in);
    if (whole) {
        text[size] = 0;
        char *map =
            strstr(text, "\n//# sourceMappingURL"); /* nothing to fetch: the page is alone */
        if (map)
            *map = 0;
        if (!(map = strstr(text, "</script")) && !(map = strstr(text, "</style")))
            return text;
    }
    free(text);
    err_set(err, ERR_IO, "'%s' is not the charting library that is expected there", path);
    return NULL;
}

/* ---- the page's data ---- */

static void put_about(struct json *j, const struct run *run)
{
    static const char *const texts[] = {"scenario_name",
                                        "scenario",
                                        "scenario_resolved",
                                        "program_version",
                                        "cost_profile",
                                        "host",
                                        "start",
                                        "end",
                                        "digest",
                                        "record_transactions",
                                        "kind"};
    json_open(j, "about", '{');
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        json_text(j, texts[i], h5in_text(run->in, texts[i]));
    json_number(j, "seed", h5in_number(run->in, "seed"));
    json_bool(j, "completed", run->completed);
    json_number(j, "interval", run->interval);
    json_number(j, "warm_up_end", run->warm_up_end);
    json_number(j, "load_end", run->load_end);
    json_number(j, "end_time", run->end);
    json_close(j, '}');
}

/* What the run itself said of what limited it. */
static const char *verdict(const struct run *run)
{
    const char *said = h5in_text(run->in, "verdict");
    if (*said)
        return said;
    return run->completed ? "The file does not say what limited this run."
                          : "This run did not end, so what would have limited it is not known.";
}

static void put_summary(struct json *j, const struct run *run, const struct summary *s)
{
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"measured", s->measured},
                   {"offered", s->offered},
                   {"achieved", s->achieved},
                   {"offered_txs", s->offered_txs},
                   {"committed_txs", s->committed_txs},
                   {"reverted_txs", s->reverted_txs},
                   {"pending_txs", s->pending_txs},
                   {"dropped_txs", s->dropped_txs},
                   {"latency_50", s->latency_50},
                   {"latency_90", s->latency_90},
                   {"latency_99", s->latency_99},
                   {"base_fee", s->base_fee},
                   {"base_fee_low", s->base_fee_low},
                   {"base_fee_high", s->base_fee_high},
                   {"tip", s->tip},
                   {"fee", s->fee},
                   {"full_blocks", s->full_blocks},
                   {"abort_share", s->abort_share},
                   {"speed_up", s->speed_up},
                   {"executions", s->executions},
                   {"aborts", s->aborts},
                   {"blocks", s->blocks},
                   {"all_blocks", s->all_blocks},
                   {"stale_blocks", s->stale_blocks},
                   {"view_changes", s->view_changes},
                   {"block_interval", s->block_interval},
                   {"asked_interval", s->asked_interval},
                   {"use_blocks", s->pressure.blocks},
                   {"use_execution", s->pressure.execution},
                   {"use_cores", s->pressure.cores},
                   {"use_uplink", s->pressure.uplink},
                   {"use_downlink", s->pressure.downlink}};
    json_open(j, "summary", '{');
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        json_number(j, numbers[i].key, numbers[i].value);
    json_text(j, "verdict", verdict(run));
    json_text(j, "warning", h5in_text(run->in, "warning"));
    json_close(j, '}');
}

static void put_layers(struct json *j, const struct run_layers *l)
{
    json_open(j, "layers", '[');
    for (size_t i = 0; i < l->count; i++) {
        json_open(j, NULL, '{');
        json_text(j, "name", run_text(&l->name, i));
        json_text(j, "kind", run_text(&l->kind, i));
        json_text(j, "consensus", run_text(&l->consensus, i));
        json_text(j, "executor", run_text(&l->executor, i));
        json_text(j, "coupling", run_text(&l->coupling, i));
        json_text(j, "fees", run_text(&l->fees, i));
        json_text(j, "mempool", run_text(&l->mempool, i));
        json_number(j, "nodes", l->nodes[i]);
        json_number(j, "block_interval", l->block_interval[i] / 1e9);
        json_number(j, "gas_limit", l->gas_limit[i]);
        json_number(j, "blocks", l->blocks[i]);
        json_number(j, "stale", l->stale_blocks[i]);
        json_number(j, "offered", l->txs_offered[i]);
        json_number(j, "committed", l->txs_committed[i]);
        json_number(j, "pending", l->txs_pending[i]);
        json_close(j, '}');
    }
    json_close(j, ']');
}

/* The table of nodes; long ones are cut, the file has them all. */
static void put_nodes(struct json *j, const struct run *run)
{
    const struct run_nodes *n = &run->nodes;
    json_number(j, "node_count", (double)n->count);
    json_open(j, "nodes", '[');
    for (size_t i = 0; i < n->count && i < 1000; i++) {
        json_open(j, NULL, '{');
        json_text(j, "name", run_text(&n->name, i));
        json_text(j, "region", run_text(&n->region, i));
        json_number(j, "layer", n->layer[i]);
        json_number(j, "cores", n->cores[i]);
        json_number(j, "proposed", n->proposed[i]);
        json_number(j, "accepted", n->accepted[i]);
        json_number(j, "busy",
                    run->end > 0 && n->cores[i] > 0 ? n->busy[i] / 1e9 / run->end / n->cores[i]
                                                    : NAN);
        json_number(j, "down", n->crashed_time[i] / 1e9);
        json_number(j, "sent", n->bytes_out[i]);
        json_number(j, "received", n->bytes_in[i]);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static enum err_code put_data(FILE *out, const struct run *run, struct err *err)
{
    struct summary s;
    struct json j = {.out = out};
    enum err_code code = summary_make(&s, run, err);
    if (code != ERR_OK)
        return code;
    json_open(&j, NULL, '{');
    put_about(&j, run);
    put_summary(&j, run, &s);
    put_layers(&j, &run->layers);
    put_nodes(&j, run);
    report_marks(&j, run);
    code = report_series(&j, run, err);
    if (code == ERR_OK)
        code = report_blocks(&j, run, err);
    if (code == ERR_OK)
        code = report_latency(&j, run, err);
    if (code == ERR_OK)
        code = report_insight(&j, run, err);
    if (code == ERR_OK)
        code = report_gantt(&j, run, err);
    if (code == ERR_OK)
        code = report_messages(&j, run, err);
    if (code == ERR_OK)
        code = report_layers(&j, run, err);
    json_close(&j, '}');
    return code;
}

/* ---- the page ---- */

struct parts {
    const struct run *run;
    char *library, *library_style;
};

static enum err_code put_part(FILE *out, const char *name, const struct parts *parts,
                              struct err *err)
{
    if (!strcmp(name, "LIBRARY"))
        fputs(parts->library, out);
    else if (!strcmp(name, "LIBRARY_STYLE"))
        fputs(parts->library_style, out);
    else if (!strcmp(name, "STYLE"))
        fputs(asset_style, out);
    else if (!strcmp(name, "SCRIPT"))
        fputs(asset_script, out);
    else if (!strcmp(name, "DATA"))
        return put_data(out, parts->run, err);
    return ERR_OK;
}

/* Writes the template, with the part NAME in the place of every @NAME@. */
static enum err_code put_page(FILE *out, const struct parts *parts, struct err *err)
{
    const char *at = asset_page;
    enum err_code code = ERR_OK;
    while (code == ERR_OK) {
        const char *mark = strchr(at, '@'), *end = mark ? strchr(mark + 1, '@') : NULL;
        char name[32];
        if (!end) {
            fputs(at, out);
            break;
        }
        fwrite(at, 1, (size_t)(mark - at), out);
        snprintf(name, sizeof name, "%.*s", (int)(end - mark - 1), mark + 1);
        code = put_part(out, name, parts, err);
        at = end + 1;
    }
    return code;
}

static enum err_code complain(struct err *err, const char *page)
{
    return err_set(err, ERR_IO, "cannot write the report to '%s': %s", page, strerror(errno));
}

/* Whether a file is there that is no page: results or a scenario given as -o by mistake, say. */
static bool is_foreign(const char *page)
{
    char head[2];
    FILE *f = fopen(page, "rb");
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    return n > 0 && (n < sizeof head || memcmp(head, "<!", sizeof head) != 0);
}

/* To a temporary name first: a page that is there is whole. */
static enum err_code write_file(const char *page, const struct parts *parts, struct err *err)
{
    struct stat st;
    size_t size = strlen(page) + 40;
    char *temporary = malloc(size);
    if (!temporary)
        return err_set(err, ERR_MEMORY, "no memory left to make the report");
    snprintf(temporary, size, "%s.tmp-%ld", page, (long)getpid());
    enum err_code code = ERR_OK;
    if (stat(page, &st) == 0 && !S_ISREG(st.st_mode)) {
        code =
            err_set(err, ERR_IO, "cannot write the report to '%s': it is not a regular file", page);
        free(temporary);
        return code;
    }
    if (is_foreign(page)) {
        free(temporary);
        return err_set(err, ERR_IO,
                       "cannot write the report to '%s': a file is there that is no page", page);
    }
    FILE *out = fopen(temporary, "wb");
    if (!out) {
        code = complain(err, page);
        free(temporary);
        return code;
    }
    code = put_page(out, parts, err);
    bool lost = ferror(out) || fflush(out) != 0;
    if (fclose(out) != 0)
        lost = true;
    if (code == ERR_OK && (lost || rename(temporary, page) != 0))
        code = complain(err, page);
    if (code != ERR_OK)
        unlink(temporary);
    free(temporary);
    return code;
}

enum err_code report_write(const char *results, const char *page, const char *library,
                           struct err *err)
{
    struct run run;
    struct parts parts = {.run = &run};
    const char *folder = library ? library : REPORT_LIBRARY;
    enum err_code code = run_open(&run, results, err);
    if (code != ERR_OK)
        return code;
    parts.library = read_library(folder, "dygraph.min.js", err);
    if (parts.library)
        parts.library_style = read_library(folder, "dygraph.min.css", err);
    code = parts.library && parts.library_style ? write_file(page, &parts, err) : ERR_IO;
    free(parts.library);
    free(parts.library_style);
    run_close(&run);
    return code;
}
