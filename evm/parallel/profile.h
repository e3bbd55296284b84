/* evm/parallel/profile.h - what work costs on one kind of machine: the table the virtual driver
 * charges from. Data, not code: rows are measured by calibration (`weft calibrate`) or shipped with
 * their source (profiles.def).
 *
 * The state before a block is in memory, or on a device (NVMe) behind a page cache. Which locations
 * the cache holds is drawn from (location, seed), whatever the schedule. The device does
 * device_depth reads at once, each device_latency long; more wait in line. The core that needs a
 * read waits for it.
 *
 * Memory bandwidth: a core at work moves so many bytes a nanosecond; while all cores together would
 * pass `bandwidth`, each piece of work begun takes longer by that factor. */
#ifndef EVM_PARALLEL_PROFILE_H
#define EVM_PARALLEL_PROFILE_H

#include "evm/core/buf.h"
#include "evm/core/error.h"
#include "evm/core/vm.h"

/* Times in nanoseconds, as double so that sub-nanosecond opcode costs add up; a slice's total is
 * rounded to int64. What each member is, in its units: profile_fields.def. */
struct evm_profile {
    char name[32], doc[128];
    double op[EVM_COST_CLASS_COUNT]; /* per unit of evm_meter.count */
    double gas;                      /* per unit of gas */
    double plain, code_cold, code_kept, keccak_hit, keccak_ahead, keccak_kept, filter_hash;
    double tx_base; /* signature apart */
    double read_account, read_slot;
    double first_single, lookup_single, write_single;
    double read_versions, write, validate_entry;
    double sched_step, commit_tx, contended_line;
    double signature, sign, bls_sign, bls_verify, bls_add_key, hash_dirty;
    double device_latency, device_depth, cached;
    double bandwidth, bytes_read, bytes_lookup, bytes_write;
};

/* A row of profile_fields.def, for loops over them. */
struct evm_profile_field {
    const char *key, *doc;
    size_t offset; /* of a double */
    bool is_time;
    double least, most;
};
/* Row i, or NULL past the end. */
const struct evm_profile_field *evm_profile_field_at(size_t i);
double *evm_profile_value(struct evm_profile *p, const struct evm_profile_field *field);

/* The shipped profiles by name, NULL if unknown; row i or NULL past the end. */
const struct evm_profile *evm_profile_find(const char *name);
const struct evm_profile *evm_profile_at(size_t i);

/* Everything that is a time, but for the storage device's, `by` times as long. */
void evm_profile_scale(struct evm_profile *p, double by);

/* ---- profile files (profile_file.c) -----------------------------------------------------------
 */

/* A profile as text: lines "key: value" (a subset of YAML), # comments. `name`, and either `base`
 * (a shipped profile, from which what is not said is taken) or every key of profile_fields.def.
 * EVM_ERR_INPUT names `label`, the line and what is wrong; *out is then undefined. */
enum evm_status evm_profile_parse(struct evm_profile *out, const char *label, struct evm_bytes text,
                                  struct evm_err *err);
/* Writes the file that parses to *p; `remark` (lines, may be NULL) becomes a comment at its head.
 */
enum evm_status evm_profile_print(const struct evm_profile *p, const char *remark,
                                  struct evm_buf *out);

/* A shipped profile's name, or the path of a profile file (what has a '/' or a '.' in it, if no
 * profile is called so). EVM_ERR_INPUT, _IO, _MEMORY with a text for a person. */
enum evm_status evm_profile_load(struct evm_profile *out, const char *name_or_path,
                                 struct evm_err *err);

enum evm_profile_how {
    EVM_PROFILE_PLAIN = 1u << 0, /* code is not translated: the code cache is off */
    EVM_PROFILE_AHEAD = 1u << 1, /* hashes that follow from calls are made beforehand */
};

/* Nanoseconds of what the meter counted. */
double evm_profile_cost(const struct evm_profile *p, const struct evm_meter *m, unsigned how);

#endif
