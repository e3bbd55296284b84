#include "sim/record/reference.h"

#include <string.h>

#include "sim/record/record.h"

static const char intro[] =
    "# The results file\n\n"
    "<!-- Made by `weft format` from sim/record/tables.def; edit that and run `make docs`. -->\n\n"
    "A run writes one HDF5 file. It opens in h5py, pandas, xarray, MATLAB, R and HDFView without "
    "help;\n"
    "`analysis/weft.py` is a small reader for Python. It is a whole, closed file at every moment "
    "of the\n"
    "run: new rows appear at once and together, every few seconds, and a run that is killed leaves "
    "the\n"
    "rows up to its last flush, with `completed` 0. Hidden files `.NAME.weft-PID-a` to `-d` that a "
    "killed run\n"
    "leaves beside it are removed by the next run to that path; so may you.\n\n"
    "Times are nanoseconds of virtual time since the start of the run; -1 is never. Fees are in "
    "wei.\n"
    "Hashes are text, `0x` and 64 digits. Text is UTF-8 of fixed size, padded with zeros. Labels "
    "are HDF5\n"
    "enumerations.\n\n"
    "## Attributes of the root\n\n"
    "| attribute | meaning |\n|---|---|\n"
    "| `format_version` | 1; higher when a reader of this page would be misled |\n"
    "| `program`, `program_version` | what wrote the file |\n"
    "| `completed` | 1 once the run has ended; 0 while it runs, and for ever if it was cut |\n"
    "| `digest` | SHA-256 over all tables and series (below); empty until completed |\n"
    "| `verdict`, `limit` | what limited the run, in plain words and as one word; empty until it "
    "is "
    "known |\n"
    "| `scenario_name`, `scenario`, `scenario_resolved` | name; text as given; with every default "
    "filled in |\n"
    "| `seed` | of all random streams |\n"
    "| `cost_profile` | what work costs on the simulated hardware |\n"
    "| `record_transactions` | which transactions have a row: all, a sample, none |\n"
    "| `plugins` | only with plug-ins: a line each, its model, the Keccak-256 of the file, the "
    "file "
    "|\n"
    "| `messages_traced`, `messages_left_out` | only with record.trace: rows of /messages; what "
    "found no room there |\n"
    "| `interval` | ns between samples of the series |\n"
    "| `warm_up_end`, `load_end`, `end_time` | ns; measuring starts, load ends and draining "
    "starts, the run ended |\n"
    "| `host`, `start`, `end` | machine and wall-clock times; for the reader, no result depends on "
    "them |\n\n"
    "Models may add attributes, tables and series of their own.\n\n"
    "## Tables\n\n"
    "Each is a dataset of compound rows. Its attributes: `doc`, and the lists `column_units` and\n"
    "`column_docs` in the order of the columns.\n";

static const char series_intro[] =
    "\n## Series\n\n"
    "One sample per `interval`. `/series/time` (ns) says when the interval ended, `/series/phase` "
    "which part\n"
    "of the run it belongs to. The others have one row per sample and one value per layer or node, "
    "with\n"
    "HDF5 dimension scales `time` and `layer` or `node`, and the attributes `units` and `doc`. A "
    "rate is\n"
    "what happened in the interval divided by its length. NaN is not measured.\n\n"
    "| series | one value per | unit | meaning |\n|---|---|---|---|\n";

static const char digest_text[] =
    "\n## The digest\n\n"
    "SHA-256 over the bytes `weft results 1` and a newline, then, for every table and series in "
    "the byte\n"
    "order of their paths (`/series/layer` and `/series/node` left out): the path and a newline; "
    "for each\n"
    "column its name, a space, its type and a newline (a series has one column, `value`); `rows N` "
    "and a\n"
    "newline; the 32 bytes of SHA-256 over the rows. Rows are as HDF5 holds them: columns in "
    "order,\n"
    "little-endian, no gaps. Types are `u64`, `i64`, `u32`, `i32`, `u8`, `f64`, `text:BYTES`,\n"
    "`label:NAME,NAME,...`; a series of doubles is `f64[WIDTH]`. Compression, chunks, attributes, "
    "host and\n"
    "wall clock do not enter. `weft digest FILE` computes it and compares it with the stored "
    "one.\n";

static void put_type(FILE *out, const struct record_column *c)
{
    static const char *const names[] = {
        [RECORD_U64] = "u64",   [RECORD_I64] = "i64",   [RECORD_U32] = "u32",
        [RECORD_I32] = "i32",   [RECORD_F64] = "f64",   [RECORD_BOOLEAN] = "boolean",
        [RECORD_HASH] = "hash", [RECORD_TEXT] = "text", [RECORD_LABEL] = "label"};
    fputs(names[c->type], out);
    if (c->type == RECORD_TEXT)
        fprintf(out, ", %zu B", c->size - 1);
}

static void put_table(FILE *out, const struct record_table *t)
{
    fprintf(out, "\n### /%s\n\n%s\n%s\n| column | type | unit | meaning |\n|---|---|---|---|\n",
            t->name, t->doc,
            t->kind == RECORD_SNAPSHOT ? "Its rows are brought up to date with every flush.\n"
                                       : "");
    for (size_t i = 0; i < t->column_count; i++) {
        const struct record_column *c = &t->columns[i];
        fprintf(out, "| `%s` | ", c->name);
        put_type(out, c);
        fprintf(out, " | %s | %s", c->unit, c->doc);
        for (size_t k = 0; c->labels && k < c->labels->count; k++)
            fprintf(out, "%s %zu `%s` (%s)", k ? ";" : ":", k, c->labels->items[k].name,
                    c->labels->items[k].doc);
        fprintf(out, " |\n");
    }
}

void record_write_reference(FILE *out)
{
    static const char *const dimensions[] = {
        [RECORD_NONE] = "sample", [RECORD_LAYER] = "layer", [RECORD_NODE] = "node"};
    fputs(intro, out);
    for (size_t i = 0; i < RECORD_TABLE_COUNT; i++)
        put_table(out, &record_tables[i]);
    for (size_t i = 0; i < RECORD_OPTIONAL_COUNT; i++)
        put_table(out, &record_optional_tables[i]);
    fputs(series_intro, out);
    for (size_t i = 0; i < RECORD_SERIES_COUNT; i++) {
        const struct record_series *s = &record_standard_series[i];
        fprintf(out, "| `/series/%s` | %s | %s | %s |\n", s->name, dimensions[s->dimension],
                s->unit, s->doc);
    }
    fputs(digest_text, out);
}
