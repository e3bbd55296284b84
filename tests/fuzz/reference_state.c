/* The reference's opcodes that look at or change the state, calls and creations among them. */
#include "tests/fuzz/reference_frame.h"

/* ---- accounts and storage ----------------------------------------------------------------------
 */

void ref_take_account(struct frame *f, const struct ref_addr *a, int64_t first,
                      int64_t tangerine_whistle, int64_t istanbul)
{
    struct ref_account *acc = ref_account_at(&f->r->world, a);
    if (f->fork >= REF_BERLIN)
        take(f, acc->warm || ref_is_precompile(f->r, a) ? 100 : 2600);
    else if (f->fork >= REF_ISTANBUL)
        take(f, istanbul);
    else
        take(f, f->fork >= REF_TANGERINE_WHISTLE ? tangerine_whistle : first);
    acc->warm = true;
}

void ref_op_extcodehash(struct frame *f)
{
    struct ref_word w = pop(f);
    struct ref_addr a = address(&w);
    since(f, REF_CONSTANTINOPLE);
    ref_take_account(f, &a, 400, 400, 700);
    push(f, ref_is_empty(f->r, &a) ? ref_of(0) : ref_keccak(ref_code_of(f->r, &a)));
}

void ref_op_sload(struct frame *f)
{
    struct ref_word key = pop(f);
    struct ref_slot *s = ref_slot_at(&f->r->world, &f->call->self, &key);
    if (f->fork >= REF_BERLIN)
        take(f, s->warm ? 100 : 2100);
    else
        take(f, f->fork >= REF_ISTANBUL ? 800 : f->fork >= REF_TANGERINE_WHISTLE ? 200 : 50);
    s->warm = true;
    push(f, s->value);
}

/* EIP-1283, EIP-2200, EIP-2929, EIP-3529: net gas. */
static void net_store(struct frame *f, const struct ref_slot *s, const struct ref_word *value)
{
    int64_t again = f->fork >= REF_BERLIN ? 100 : f->fork >= REF_ISTANBUL ? 800 : 200;
    int64_t reset = f->fork >= REF_BERLIN ? 2900 : 5000;
    int64_t clear = f->fork >= REF_LONDON ? 4800 : 15000;
    int64_t *refund = &f->r->world.refund;
    if (ref_compare(&s->value, value) == 0) {
        take(f, again);
        return;
    }
    if (ref_compare(&s->original, &s->value) == 0) {
        take(f, ref_zero(&s->original) ? 20000 : reset);
        if (!ref_zero(&s->original) && ref_zero(value))
            *refund += clear;
        return;
    }
    take(f, again);
    if (!ref_zero(&s->original)) {
        if (ref_zero(&s->value))
            *refund -= clear;
        if (ref_zero(value))
            *refund += clear;
    }
    if (ref_compare(&s->original, value) == 0)
        *refund += ref_zero(&s->original) ? 20000 - again : reset - again;
}

void ref_op_sstore(struct frame *f)
{
    struct ref_word key = pop(f), value = pop(f);
    not_static(f);
    if (f->fork >= REF_ISTANBUL && f->gas <= 2300) /* EIP-2200 */
        f->failed = true;
    struct ref_slot *s = ref_slot_at(&f->r->world, &f->call->self, &key);
    if (f->fork >= REF_BERLIN && !s->warm)
        take(f, 2100);
    s->warm = true;
    if (f->fork == REF_CONSTANTINOPLE || f->fork >= REF_ISTANBUL) {
        net_store(f, s, &value);
    } else {
        take(f, ref_zero(&s->value) && !ref_zero(&value) ? 20000 : 5000);
        if (!ref_zero(&s->value) && ref_zero(&value))
            f->r->world.refund += 15000;
    }
    s->value = value;
    ref_touch(f->r, &f->call->self);
}

void ref_op_log(struct frame *f, unsigned topics)
{
    struct ref_word offset = pop(f), size = pop(f);
    struct ref_log log = {.addr = f->call->self, .topic_count = topics};
    not_static(f);
    for (unsigned i = 0; i < topics; i++)
        log.topics[i] = pop(f);
    take(f, 375 * (topics + 1));
    if (!reach(f, &offset, &size))
        return;
    struct ref_bytes data = bytes_of(f, &offset, &size);
    take(f, 8 * (int64_t)data.size);
    if (f->failed)
        return;
    log.data = ref_alloc(data.size);
    log.size = data.size;
    if (data.size)
        memcpy(log.data, data.data, data.size);
    ref_log_add(f->r, &log);
}

void ref_op_selfdestruct(struct frame *f)
{
    struct ref_word w = pop(f);
    struct ref_addr heir = address(&w), self = f->call->self;
    struct ref_word all = ref_balance_of(f->r, &self);
    struct ref_account *to = ref_account_at(&f->r->world, &heir);
    not_static(f);
    take(f, f->fork >= REF_TANGERINE_WHISTLE ? 5000 : 0);
    if (f->fork >= REF_BERLIN && !to->warm && !ref_is_precompile(f->r, &heir))
        take(f, 2600);
    to->warm = true;
    bool is_new = f->fork >= REF_SPURIOUS_DRAGON ? !ref_zero(&all) && ref_is_empty(f->r, &heir)
                                                 : f->fork >= REF_TANGERINE_WHISTLE && !to->exists;
    take(f, is_new ? 25000 : 0);
    bool goes = f->fork < REF_CANCUN || ref_account_at(&f->r->world, &self)->created;
    bool to_itself = memcmp(heir.b, self.b, 20) == 0;
    ref_touch(f->r, &heir);
    if (!to_itself)
        ref_transfer(f->r, &self, &heir, &all);
    struct ref_account *a = ref_account_at(&f->r->world, &self);
    if (goes) {
        a->balance = ref_of(0);
        if (!a->destructed && f->fork < REF_LONDON)
            f->r->world.refund += 24000;
        a->destructed = true;
    }
    f->done = true;
}

void ref_op_blockhash(struct frame *f)
{
    struct ref_word n = pop(f), hash = ref_of(0);
    const struct ref_env *e = &f->r->env;
    uint64_t number = ref_small(&n);
    if (number < e->number && number + 256 >= e->number)
        for (size_t i = 0; i < e->hash_count; i++)
            if (e->hash_numbers[i] == number)
                hash = e->hashes[i];
    take(f, 20);
    push(f, hash);
}

/* ---- calls and creations -----------------------------------------------------------------------
 */

static void keep_returned(struct frame *f, struct ref_result *result)
{
    free(f->returned);
    f->returned = result->output;
    f->returned_size = result->size;
    f->gas += result->gas;
}

void ref_op_call(struct frame *f, uint8_t op)
{
    bool has_value = op == 0xf1 || op == 0xf2;
    struct ref_word asked = pop(f), to = pop(f), value = has_value ? pop(f) : ref_of(0);
    struct ref_word in = pop(f), in_size = pop(f), out = pop(f), out_size = pop(f);
    struct ref_addr callee = address(&to), target;
    bool pays = !ref_zero(&value);
    if (op == 0xf4)
        since(f, REF_HOMESTEAD);
    if (op == 0xfa)
        since(f, REF_BYZANTIUM);
    if (op == 0xf1 && pays)
        not_static(f);
    reach(f, &in, &in_size);
    reach(f, &out, &out_size);
    ref_take_account(f, &callee, 40, 700, 700);
    take(f, pays ? 9000 : 0);
    if (op == 0xf1) {
        bool is_new = f->fork >= REF_SPURIOUS_DRAGON
                          ? pays && ref_is_empty(f->r, &callee)
                          : !ref_account_at(&f->r->world, &callee)->exists;
        take(f, is_new ? 25000 : 0);
    }
    struct ref_bytes code = ref_code_of(f->r, &callee);
    if (!ref_is_precompile(f->r, &callee) && ref_delegation(f->r, code, &target)) {
        ref_take_account(f, &target, 0, 0, 0);
        code = ref_is_precompile(f->r, &target) ? (struct ref_bytes){NULL, 0}
                                                : ref_code_of(f->r, &target);
    }
    if (f->failed)
        return;
    uint64_t most = (uint64_t)f->gas, wanted = ref_small(&asked);
    if (f->fork >= REF_TANGERINE_WHISTLE) {
        most -= most / 64;
        if (wanted > most)
            wanted = most;
    }
    if (wanted > most) {
        f->failed = true;
        return;
    }
    f->gas -= (int64_t)wanted;
    struct ref_call c = {
        .self = op == 0xf1 || op == 0xfa ? callee : f->call->self,
        .caller = op == 0xf4 ? f->call->caller : f->call->self,
        .value = op == 0xf4 ? f->call->value : value,
        .code = code,
        .input = bytes_of(f, &in, &in_size),
        .gas = (int64_t)wanted + (pays ? 2300 : 0),
        .depth = f->call->depth + 1,
        .is_static = f->call->is_static || op == 0xfa,
    };
    struct ref_word funds = ref_balance_of(f->r, &f->call->self);
    struct ref_result result = {.status = REF_FAIL, .gas = c.gas};
    if (f->call->depth < 1024 && ref_compare(&funds, &value) >= 0)
        result = ref_message_call(f->r, &c, &callee, op == 0xf1, op == 0xfa);
    keep_returned(f, &result);
    size_t n = result.size < ref_small(&out_size) ? result.size : (size_t)ref_small(&out_size);
    if (n)
        memcpy(f->memory + ref_small(&out), result.output, n);
    push(f, ref_of(result.status == REF_OK));
}

void ref_op_create(struct frame *f, bool two)
{
    struct ref_word value = pop(f), offset = pop(f), size = pop(f);
    struct ref_word salt = two ? pop(f) : ref_of(0);
    struct ref_addr self = f->call->self;
    if (two)
        since(f, REF_CONSTANTINOPLE);
    not_static(f);
    take(f, 32000);
    take_words(f, &size, two ? 6 : 0);
    if (f->fork >= REF_SHANGHAI) { /* EIP-3860 */
        take_words(f, &size, 2);
        if (ref_small(&size) > 49152)
            f->failed = true;
    }
    if (!reach(f, &offset, &size))
        return;
    struct ref_call c = {
        .caller = self,
        .value = value,
        .code = bytes_of(f, &offset, &size),
        .gas = f->fork >= REF_TANGERINE_WHISTLE ? f->gas - f->gas / 64 : f->gas,
        .depth = f->call->depth + 1,
    };
    struct ref_account *a = ref_account_at(&f->r->world, &self);
    struct ref_result result = {.status = REF_FAIL};
    if (f->call->depth < 1024 && ref_compare(&a->balance, &value) >= 0 && a->nonce != UINT64_MAX) {
        c.self =
            two ? ref_create2_address(&self, &salt, c.code) : ref_create_address(&self, a->nonce);
        a->nonce++;
        ref_touch(f->r, &self);
        ref_account_at(&f->r->world, &c.self)->warm = true;
        f->gas -= c.gas;
        result = ref_creation(f->r, &c);
    }
    if (result.status == REF_OK) {
        push_bytes(f, c.self.b, 20);
        result.size = 0;
    } else {
        push(f, ref_of(0));
    }
    keep_returned(f, &result);
}
