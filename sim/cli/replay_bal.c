#include "sim/cli/replay_bal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "evm/core/keccak.h"
#include "evm/io/file.h"
#include "evm/parallel/balsets.h"
#include "sim/cli/outfile.h"

int replay_bal_open(const struct cli_command *self, struct replay_bal *b, size_t blocks)
{
    struct evm_buf raw = {0};
    struct evm_err err = {0};
    if (!replay_bal_asked(b))
        return -1;
    if (blocks != 1)
        return cli_complain(self, "--bal and --verify-bal are for one block, here are %zu", blocks);
    if (!b->verify)
        return -1;
    int status = -1;
    if (evm_file_read(b->verify, &raw, &err) != EVM_OK)
        status = cli_complain(self, "--verify-bal: %s", err.text);
    else if (evm_bal_decode(&b->want, evm_buf_bytes(&raw), &err) != EVM_OK)
        status = cli_complain(self, "--verify-bal: %s: %s", b->verify, err.text);
    evm_buf_fini(&raw);
    return status;
}

void replay_bal_fini(struct replay_bal *b)
{
    evm_bal_fini(&b->want);
}

enum evm_status replay_bal_sets(const struct replay_bal *b, const struct evm_block *block,
                                struct evm_codes *codes, struct evm_access_sets *out)
{
    *out = (struct evm_access_sets){0};
    if (!b->verify || evm_bal_last_index(&b->want) > (uint64_t)block->tx_count + 1)
        return EVM_OK;
    return evm_bal_sets(&b->want, block->tx_count, &block->header.coinbase, codes, out);
}

static enum evm_status write_file(const char *path, const struct evm_buf *bytes,
                                  struct evm_err *err)
{
    struct cli_outfile out;
    bool fine = cli_outfile_open(&out, path);
    if (fine) {
        cli_outfile_write(&out, bytes->data, bytes->size);
        fine = cli_outfile_close(&out, true);
    }
    return fine ? EVM_OK
                : evm_fail(err, EVM_ERR_IO, "--bal: cannot write '%.120s': %.80s", path,
                           strerror(errno));
}

static void add_line(struct cli_text *t, const struct replay_bal *b, const struct evm_bal *got,
                     const struct evm_buf *bytes, const char *difference)
{
    struct evm_hash hash;
    evm_keccak256(&hash, evm_buf_bytes(bytes));
    cli_text_add(t, "  access list: %u accounts, %llu items, %zu bytes, hash 0x",
                 got->account_count, (unsigned long long)evm_bal_items(got), bytes->size);
    for (size_t i = 0; i < sizeof hash.b; i++)
        cli_text_add(t, "%02x", hash.b[i]);
    if (b->verify && difference)
        cli_text_add(t, ": MISMATCH; %s", difference);
    else if (b->verify)
        cli_text_add(t, ": ok");
    cli_text_add(t, "\n");
}

static void add_json(struct cli_text *t, const struct replay_bal *b, const struct evm_bal *got,
                     const struct evm_buf *bytes, const char *difference)
{
    struct evm_hash hash;
    evm_keccak256(&hash, evm_buf_bytes(bytes));
    cli_text_add(t, "{\"access_list\": {\"accounts\": %u, \"items\": %llu, \"bytes\": %zu",
                 got->account_count, (unsigned long long)evm_bal_items(got), bytes->size);
    cli_text_add(t, ", \"hash\": \"0x");
    for (size_t i = 0; i < sizeof hash.b; i++)
        cli_text_add(t, "%02x", hash.b[i]);
    cli_text_add(t, "\", \"match\": %s, \"difference\": ",
                 !b->verify   ? "null"
                 : difference ? "false"
                              : "true");
    cli_text_json(t, difference ? difference : "");
    cli_text_add(t, "}}\n");
}

enum evm_status replay_bal_judge(const struct replay_bal *b, const struct evm_bal *got, bool json,
                                 struct cli_text *line, bool *differs, struct evm_err *err)
{
    struct evm_buf bytes = {0};
    struct evm_err found = {0};
    enum evm_status status = EVM_OK;
    evm_bal_encode(&bytes, got);
    *differs = b->verify && !evm_bal_same(got, &b->want, &found);
    if (bytes.failed)
        status = evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    else if (b->write)
        status = write_file(b->write, &bytes, err);
    if (status == EVM_OK)
        (json ? add_json : add_line)(line, b, got, &bytes, *differs ? found.text : NULL);
    evm_buf_fini(&bytes);
    return status;
}
