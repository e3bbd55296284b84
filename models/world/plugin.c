/* Shared objects that hold a model: opened, looked at, refused for a reason that helps. */
#include "models/world/plugin.h"

#include "evm/core/keccak.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the file ends before what its program headers say: the loader would map it all the same,
 * and die. What is no object of this machine's kind is left to the loader's own words. */
static bool cut_off(FILE *f)
{
    ElfW(Ehdr) head;
    ElfW(Phdr) part;
    bool cut = false;
    if (fread(&head, sizeof head, 1, f) == 1 && memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 &&
        head.e_phentsize == sizeof part && fseek(f, 0, SEEK_END) == 0) {
        const uint64_t size = (uint64_t)ftell(f);
        for (uint64_t i = 0; i < head.e_phnum && !cut; i++)
            cut = fseek(f, (long)(head.e_phoff + i * sizeof part), SEEK_SET) != 0 ||
                  fread(&part, sizeof part, 1, f) != 1 || part.p_offset > size ||
                  part.p_filesz > size - part.p_offset;
    }
    rewind(f);
    return cut;
}

/* Keccak-256 of the file: part of what a run's digest stands for. */
static enum err_code hash_file(const char *path, char out[65], struct err *err)
{
    FILE *f = fopen(path, "rb");
    if (f && cut_off(f)) {
        fclose(f);
        return err_set(err, ERR_INPUT, "it is no whole shared object");
    }
    unsigned char chunk[65536];
    struct evm_keccak k;
    struct evm_hash hash;
    size_t n;
    if (!f)
        return err_set(err, ERR_IO, "%s", strerror(errno));
    errno = 0;
    evm_keccak_init(&k);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        evm_keccak_update(&k, (struct evm_bytes){chunk, n});
    bool failed = ferror(f) != 0;
    fclose(f);
    if (failed)
        return err_set(err, ERR_IO, "%s", strerror(errno ? errno : EIO));
    evm_keccak_final(&k, &hash);
    for (int i = 0; i < 32; i++)
        sprintf(out + 2 * i, "%02x", hash.b[i]);
    return ERR_OK;
}

/* What the world calls without asking. */
static const char *missing_of_consensus(const struct consensus_ops *ops)
{
    return !ops->state_size  ? "state_size"
           : !ops->init      ? "init"
           : !ops->start     ? "start"
           : !ops->message   ? "message"
           : !ops->timer     ? "timer"
           : !ops->built     ? "built"
           : !ops->checked   ? "checked"
           : !ops->block     ? "block"
           : !ops->recovered ? "recovered"
                             : NULL;
}

static const char *missing_of_router(const struct router_ops *ops)
{
    return !ops->state_size ? "state_size" : !ops->init ? "init" : !ops->place ? "place" : NULL;
}

static const char *missing_of_crosslayer(const struct crosslayer_ops *ops)
{
    return !ops->state_size ? "state_size" : !ops->init ? "init" : !ops->start ? "start" : NULL;
}

static enum err_code judge(const struct weft_plugin *p, struct err *err)
{
    if (memcmp(p->magic, "weft plug-in", sizeof "weft plug-in") != 0)
        return err_set(err, ERR_INPUT, "its weft_plugin is not made by WEFT_PLUGIN");
    if (p->shape != WEFT_PLUGIN_SHAPE)
        return err_set(err, ERR_INPUT,
                       "it was built against the headers of another version of weft: build it "
                       "anew");
    if (!p->kind || !p->model || !p->model->name || !*p->model->name || !p->model->doc ||
        !p->model->table)
        return err_set(err, ERR_INPUT, "its model lacks a name, a sentence or a table");
    const char *missing = NULL;
    if (strcmp(p->kind, "consensus") == 0)
        missing = missing_of_consensus((const struct consensus_ops *)p->model);
    else if (strcmp(p->kind, "routing") == 0)
        missing = missing_of_router((const struct router_ops *)p->model);
    else if (strcmp(p->kind, "crosslayer") == 0)
        missing = missing_of_crosslayer((const struct crosslayer_ops *)p->model);
    if (missing)
        return err_set(err, ERR_INPUT, "its model %s lacks %s", p->model->name, missing);
    return ERR_OK;
}

/* dlerror begins with the path, which the caller names anyway. */
static const char *reason(const char *path)
{
    const char *text = dlerror();
    size_t n = strlen(path);
    if (!text)
        return "it cannot be opened";
    if (strncmp(text, path, n) == 0 && text[n] == ':')
        text += n + 1 + strspn(text + n + 1, " ");
    return text;
}

static enum err_code open_plugin(const char *path, struct scenario_plugin *out, struct err *err)
{
    char real[PATH_MAX]; /* a bare name would be looked for in the system's folders */
    if (!realpath(path, real))
        return err_set(err, ERR_IO, "%s", strerror(errno));
    enum err_code code = hash_file(real, out->hash, err);
    if (code != ERR_OK)
        return code;
    out->handle = dlopen(real, RTLD_NOW | RTLD_LOCAL);
    if (!out->handle)
        return err_set(err, ERR_INPUT, "%s", reason(real));
    const struct weft_plugin *p = dlsym(out->handle, "weft_plugin");
    code = p ? judge(p, err)
             : err_set(err, ERR_INPUT,
                       "it exports no weft_plugin: end its source with "
                       "WEFT_PLUGIN(consensus, ...) of models/world/plugin.h");
    if (code != ERR_OK) {
        dlclose(out->handle);
        out->handle = NULL;
        return code;
    }
    out->kind = p->kind;
    out->model = p->model;
    return ERR_OK;
}

static void close_plugin(struct scenario_plugin *p)
{
    dlclose(p->handle);
    p->handle = NULL;
}

const struct scenario_loader plugin_loader = {open_plugin, close_plugin};
