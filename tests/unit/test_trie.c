/* Tries: the shared vectors, and the incremental trie against the root computed from scratch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "evm/core/alloc.h"
#include "evm/core/code.h"
#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "evm/io/json.h"
#include "evm/state/state.h"
#include "evm/state/trie.h"

/* ---- a small map under test ------------------------------------------------------------------ */

#define MAP_MAX 4096

struct map {
    struct evm_trie_pair pair[MAP_MAX];
    size_t count;
};

static void map_set(struct map *m, struct evm_bytes key, struct evm_bytes value)
{
    size_t i = 0;
    while (i < m->count && (m->pair[i].key.size != key.size ||
                            memcmp(m->pair[i].key.data, key.data, key.size) != 0))
        i++;
    if (i == m->count) {
        assert_true(m->count < MAP_MAX);
        m->count++;
    }
    m->pair[i] = (struct evm_trie_pair){key, value};
}

static void map_root(const struct map *m, struct evm_hash *out)
{
    assert_int_equal(evm_trie_root_of_pairs(m->pair, m->count, out), EVM_OK);
}

/* ---- shared vectors -------------------------------------------------------------------------- */

static bool read_all(const char *path, char **text, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    *text = malloc((size_t)1 << 22);
    assert_non_null(*text);
    *size = fread(*text, 1, (size_t)1 << 22, f);
    fclose(f);
    return true;
}

/* Keys and values are text, or bytes where they begin with 0x; null is no bytes. */
static struct evm_bytes bytes_of(struct evm_json *doc, struct evm_jval v, const char *text)
{
    struct evm_bytes b = {NULL, 0};
    if (v.node && !evm_json_present(v))
        return b;
    if (!text)
        text = evm_json_string(v);
    if (text[0] == '0' && text[1] == 'x') {
        if (v.node && evm_json_string(v) == text) {
            assert_true(evm_json_bytes(doc, v, &b));
            return b;
        }
        uint8_t *p = malloc(strlen(text)); /* freed by check_file */
        assert_non_null(p);
        b.size = strlen(text) / 2 - 1;
        assert_true(evm_hex_fixed(text, p, b.size));
        b.data = p;
        return b;
    }
    return (struct evm_bytes){(const uint8_t *)text, strlen(text)};
}

struct step {
    struct evm_bytes key, value;
    struct evm_hash hashed;
};

static void check_case(const char *name, const struct step *steps, size_t n, bool secure,
                       const struct evm_hash *want)
{
    static struct map m;
    struct evm_hash got;
    m.count = 0;
    for (size_t i = 0; i < n; i++) {
        struct evm_bytes hashed = {steps[i].hashed.b, 32};
        map_set(&m, secure ? hashed : steps[i].key, steps[i].value);
    }
    map_root(&m, &got);
    if (!evm_hash_eq(&got, want))
        print_message("case %s\n", name);
    assert_memory_equal(got.b, want->b, 32);
    if (!secure)
        return;
    /* The same one step at a time through the persistent trie. */
    struct evm_trie_node *t = NULL;
    for (size_t i = 0; i < n; i++) {
        struct evm_trie_node *next;
        struct evm_trie_item item = {steps[i].hashed, steps[i].value};
        assert_int_equal(evm_trie_update(t, &item, 1, &next, NULL), EVM_OK);
        evm_trie_unref(t);
        t = next;
    }
    evm_trie_root(t, &got);
    evm_trie_unref(t);
    assert_memory_equal(got.b, want->b, 32);
}

static size_t check_file(const char *file, bool secure)
{
    char path[512], *text;
    const char *base = getenv("WEFT_FIXTURES");
    size_t size, cases = 0;
    struct evm_json *doc;
    snprintf(path, sizeof path, "%s/conformance/trie-tests/%s", base ? base : "../shared", file);
    if (!read_all(path, &text, &size))
        return 0;
    assert_int_equal(evm_json_parse(&doc, text, size, file, NULL), EVM_OK);
    void *it = NULL;
    const char *name;
    struct evm_jval v;
    while (evm_json_next(evm_json_root(doc), &it, &name, &v)) {
        struct evm_jval in = evm_json_get(v, "in"), value;
        struct evm_hash want;
        size_t n = 0, total = evm_json_count(in);
        struct step *steps = calloc(total, sizeof *steps);
        void *keys[1024] = {0};
        assert_non_null(steps);
        assert_true(total < 1024);
        assert_true(evm_json_hash(evm_json_get(v, "root"), &want));
        void *pairs = NULL;
        const char *key;
        if (evm_json_is_object(in)) {
            while (evm_json_next(in, &pairs, &key, &value)) {
                steps[n].key = bytes_of(doc, (struct evm_jval){NULL}, key);
                if (key[0] == '0' && key[1] == 'x')
                    memcpy(&keys[n], &steps[n].key.data, sizeof(void *));
                steps[n++].value = bytes_of(doc, value, NULL);
            }
        }
        for (size_t i = 0; evm_json_is_array(in) && i < total; i++, n++) {
            struct evm_jval step = evm_json_at(in, i);
            steps[n].key = bytes_of(doc, evm_json_at(step, 0), NULL);
            steps[n].value = bytes_of(doc, evm_json_at(step, 1), NULL);
        }
        for (size_t i = 0; i < n; i++)
            evm_keccak256(&steps[i].hashed, steps[i].key);
        check_case(name, steps, n, secure, &want);
        for (size_t i = 0; i < n; i++)
            free(keys[i]);
        free(steps);
        cases++;
    }
    evm_json_destroy(doc);
    free(text);
    return cases;
}

static void shared_vectors(void **unused)
{
    (void)unused;
    size_t n = check_file("trietest.json", false) + check_file("trieanyorder.json", false);
    if (n == 0) {
        print_message("the shared trie tests are absent\n");
        skip();
    }
    n += check_file("trietest_secureTrie.json", true);
    n += check_file("trieanyorder_secureTrie.json", true);
    n += check_file("hex_encoded_securetrie_test.json", true);
    assert_true(n >= 20);
}

/* ---- the keys beside a key --------------------------------------------------------------------
 */

/* The persistent trie has no order of its own keys to walk in (they are hashes); what the EVM has
 * is the state's ascending walk. The shared vectors of next and previous keys are asked of that,
 * with texts as slot keys of one account: left-aligned, so that they sort as texts do. */
struct walk {
    struct evm_u256 asked, before, after, last;
    size_t seen;
};

static void walk_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    (void)self, (void)addr, (void)acc;
}

static void walk_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                      const struct evm_u256 *value)
{
    struct walk *w = self;
    (void)addr, (void)value;
    assert_true(w->seen == 0 || evm_u256_lt(&w->last, key));
    if (evm_u256_lt(key, &w->asked))
        w->before = *key;
    else if (evm_u256_lt(&w->asked, key) && evm_u256_is_zero(&w->after))
        w->after = *key;
    w->last = *key;
    w->seen++;
}

static struct evm_u256 text_key(const char *text)
{
    uint8_t be[32] = {0};
    struct evm_u256 key;
    assert_true(strlen(text) <= sizeof be);
    memcpy(be, text, strlen(text));
    evm_u256_load_be(&key, be);
    return key;
}

/* The keys from the last to the first, each in a version over the one before. */
static struct evm_state *state_with(struct evm_codes *codes, struct evm_jval keys)
{
    struct evm_state *s = evm_state_create(codes);
    for (size_t i = 0; i < evm_json_count(keys); i++) {
        const char *text = evm_json_string(evm_json_at(keys, evm_json_count(keys) - 1 - i));
        struct evm_slot_change slot = {.key = text_key(text), .value = {{i + 1}}};
        struct evm_account_change acc = {.addr = {{1}}, .slot_count = 1};
        struct evm_changes c = {
            .accounts = &acc, .slots = &slot, .account_count = 1, .slot_count = 1};
        assert_int_equal(evm_state_apply(s, &c), EVM_OK);
        evm_state_seal(s);
        struct evm_state *next = evm_state_fork(s);
        evm_state_unref(s);
        s = next;
    }
    return s;
}

static void neighbours(void **unused)
{
    (void)unused;
    char path[512], *text;
    const char *base = getenv("WEFT_FIXTURES"), *name;
    size_t size, asked = 0;
    struct evm_json *doc;
    snprintf(path, sizeof path, "%s/conformance/trie-tests/trietestnextprev.json",
             base ? base : "../shared");
    if (!read_all(path, &text, &size)) {
        print_message("the shared trie tests are absent\n");
        skip();
    }
    assert_int_equal(evm_json_parse(&doc, text, size, path, NULL), EVM_OK);
    void *it = NULL;
    struct evm_jval v;
    while (evm_json_next(evm_json_root(doc), &it, &name, &v)) {
        struct evm_codes *codes = evm_codes_create();
        struct evm_jval keys = evm_json_get(v, "in"), tests = evm_json_get(v, "tests");
        struct evm_state *s = state_with(codes, keys);
        for (size_t i = 0; i < evm_json_count(tests); i++, asked++) {
            struct evm_jval t = evm_json_at(tests, i);
            struct walk w = {.asked = text_key(evm_json_string(evm_json_at(t, 0)))};
            struct evm_u256 before = text_key(evm_json_string(evm_json_at(t, 1)));
            struct evm_u256 after = text_key(evm_json_string(evm_json_at(t, 2)));
            assert_int_equal(evm_state_each(s, walk_account, walk_slot, &w), EVM_OK);
            assert_int_equal(w.seen, evm_json_count(keys));
            if (!evm_u256_eq(&w.before, &before) || !evm_u256_eq(&w.after, &after))
                fail_msg("%s: wrong neighbours of %s", name, evm_json_string(evm_json_at(t, 0)));
        }
        evm_state_unref(s);
        evm_codes_destroy(codes);
    }
    evm_json_destroy(doc);
    free(text);
    assert_true(asked >= 12);
}

/* ---- own vectors ----------------------------------------------------------------------------- */

static struct evm_bytes text(const char *s)
{
    return (struct evm_bytes){(const uint8_t *)s, strlen(s)};
}

/* "dogs" of the shared tests, kept here for a bare clone: a value at a branch, keys that are
 * prefixes of others. */
static void dogs(void **unused)
{
    (void)unused;
    const struct evm_trie_pair pairs[] = {{text("dogglesworth"), text("cat")},
                                          {text("doe"), text("reindeer")},
                                          {text("gone"), text("")},
                                          {text("dog"), text("puppy")}};
    struct evm_hash got, want;
    assert_true(evm_hex_fixed("8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3",
                              want.b, 32));
    assert_int_equal(evm_trie_root_of_pairs(pairs, 4, &got), EVM_OK);
    assert_memory_equal(got.b, want.b, 32);
    assert_int_equal(evm_trie_root_of_pairs(pairs + 2, 1, &got), EVM_OK);
    assert_memory_equal(got.b, evm_empty_trie_root.b, 32);
}

/* Keys of a list are rlp(i): 0x80, 0x01 .. 0x7f, 0x8180 ..., 0x820100 ... */
static void list_is_pairs(void **unused)
{
    (void)unused;
    enum { N = 300 };
    static uint8_t keys[N][3];
    static char value[N][40];
    static struct evm_trie_pair pairs[N];
    static struct evm_bytes values[N];
    for (size_t i = 0; i < N; i++) {
        size_t size = 1;
        keys[i][0] = i ? (uint8_t)i : 0x80;
        if (i >= 0x80) {
            keys[i][0] = i < 256 ? 0x81 : 0x82;
            keys[i][1] = (uint8_t)(i < 256 ? i : i >> 8);
            keys[i][2] = (uint8_t)i;
            size = i < 256 ? 2 : 3;
        }
        snprintf(value[i], sizeof value[i], "the value number %zu of a list", i * 7919);
        values[i] = text(value[i]);
        pairs[N - 1 - i] = (struct evm_trie_pair){{keys[i], size}, values[i]};
    }
    struct evm_hash a, b;
    for (size_t n = 0; n <= N; n += n < 4 ? 1 : 37) {
        assert_int_equal(evm_trie_root_of_list(values, n, &a), EVM_OK);
        assert_int_equal(evm_trie_root_of_pairs(pairs + N - n, n, &b), EVM_OK);
        assert_memory_equal(a.b, b.b, 32);
    }
}

/* Four hashes at once are the four hashes, whatever the lengths beside each other. */
static void four_hashes(void **unused)
{
    (void)unused;
    static uint8_t bytes[4][700];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i / 700][i % 700] = (uint8_t)(i * 131 + i / 7);
    for (size_t n = 0; n < 300; n++) {
        const struct evm_bytes in[4] = {{bytes[0], n},
                                        {bytes[1], n * 7 % 613},
                                        {bytes[2], n + 133},
                                        {n % 5 ? bytes[3] : NULL, n % 5 ? n % 274 : 0}};
        struct evm_hash out[4], one;
        evm_keccak256_x4(out, in);
        for (unsigned k = 0; k < 4; k++) {
            evm_keccak256(&one, in[k]);
            assert_memory_equal(out[k].b, one.b, 32);
        }
        const struct evm_bytes same[4] = {
            {bytes[0], n}, {bytes[1], n}, {bytes[2] + 1, n}, {bytes[3], n}};
        evm_keccak256_x4(out, same);
        for (unsigned k = 0; k < 4; k++) {
            evm_keccak256(&one, same[k]);
            assert_memory_equal(out[k].b, one.b, 32);
        }
    }
}

/* ---- random histories ------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *x)
{
    *x += 0x9e3779b97f4a7c15u;
    uint64_t z = *x;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Keys that share long prefixes (for extensions and deep splits) among random ones; short values
 * under deep leaves make nodes that are embedded instead of hashed. */
static void key_of(struct evm_hash *key, unsigned i)
{
    uint8_t seed[2] = {(uint8_t)i, (uint8_t)(i >> 8)};
    evm_keccak256(key, (struct evm_bytes){seed, 2});
    if (i % 3 == 0)
        memset(key->b, 0x11, 6 + i % 25);
    if (i % 3 == 1)
        memset(key->b, 0x10, 31);
    key->b[31] = (uint8_t)i; /* all differ */
}

enum { KEYS = 200 };
struct world {
    struct evm_hash key[KEYS];
    uint8_t value[KEYS][40];
    uint8_t size[KEYS];
};

static void world_root(const struct world *w, struct evm_hash *out)
{
    static struct map m;
    m.count = 0;
    for (unsigned i = 0; i < KEYS; i++)
        map_set(&m, (struct evm_bytes){w->key[i].b, 32},
                (struct evm_bytes){w->value[i], w->size[i]});
    map_root(&m, out);
}

static int by_key(const void *a, const void *b)
{
    return memcmp(((const struct evm_trie_item *)a)->key.b,
                  ((const struct evm_trie_item *)b)->key.b, 32);
}

/* Changes up to `most` keys of w at random; the items say how. */
static size_t mutate(struct world *w, uint64_t *seed, struct evm_trie_item *items, unsigned most)
{
    size_t n = 0;
    bool used[KEYS] = {false};
    for (uint64_t k = next_random(seed) % most + 1; k > 0; k--) {
        unsigned i = (unsigned)(next_random(seed) % KEYS);
        if (used[i])
            continue;
        used[i] = true;
        w->size[i] = next_random(seed) % 5 < 2 ? 0 : (uint8_t)(1 + next_random(seed) % 36);
        for (unsigned b = 0; b < w->size[i]; b++)
            w->value[i][b] = (uint8_t)next_random(seed);
        items[n].key = w->key[i];
        items[n++].value = (struct evm_bytes){w->value[i], w->size[i]};
    }
    qsort(items, n, sizeof *items, by_key);
    return n;
}

/* A tree of versions: each is made from a random earlier one, all stay alive, and each has the root
 * of its own content computed from scratch. */
static void histories(void **unused)
{
    (void)unused;
    enum { VERSIONS = 120 };
    static struct world world[VERSIONS];
    struct evm_trie_node *trie[VERSIONS] = {0};
    struct evm_trie_item items[KEYS];
    struct evm_trie_cost cost = {0};
    size_t freed = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        uint64_t x = seed;
        memset(&world[0], 0, sizeof world[0]);
        for (unsigned i = 0; i < KEYS; i++)
            key_of(&world[0].key[i], i);
        for (unsigned v = 1; v < VERSIONS; v++) {
            unsigned from = (unsigned)(next_random(&x) % v);
            if (next_random(&x) % 2)
                from = v - 1;
            world[v] = world[from];
            size_t n = mutate(&world[v], &x, items, v % 3 ? 4 : 100);
            struct evm_hash got, want;
            assert_int_equal(evm_trie_update(trie[from], items, n, &trie[v], &cost), EVM_OK);
            evm_trie_root(trie[v], &got);
            world_root(&world[v], &want);
            if (!evm_hash_eq(&got, &want))
                print_message("seed %u version %u from %u\n", (unsigned)seed, v, from);
            assert_memory_equal(got.b, want.b, 32);
        }
        for (unsigned v = 0; v < VERSIONS; v++) {
            freed += evm_trie_unref(trie[v]);
            trie[v] = NULL;
        }
    }
    assert_int_equal(cost.bytes, freed);
}

/* What updates say they hashed: a leaf of one block; two leaves (the first now has a shorter path)
 * and their branch; nothing where nothing changed; only the changed leaf and the branch above it.
 */
static void costs(void **unused)
{
    (void)unused;
    uint8_t value[90];
    memset(value, 0xb7, sizeof value);
    struct evm_trie_item two[2] = {{.value = {value, 90}}, {.value = {value, 90}}};
    memset(two[0].key.b, 0x35, 32);
    memset(two[1].key.b, 0x8c, 32);
    struct evm_trie_cost cost = {0};
    struct evm_trie_node *t[5] = {0};
    static const uint64_t want[5] = {0, 1, 4, 4, 6};
    for (int i = 1; i < 5; i++) {
        if (i == 4)
            two[0].value.size = 89;
        assert_int_equal(evm_trie_update(t[i - 1], two, i == 1 || i == 4 ? 1 : 2, &t[i], &cost),
                         EVM_OK);
        assert_int_equal(cost.permutations, want[i]);
    }
    for (int i = 1; i < 5; i++)
        cost.bytes -= evm_trie_unref(t[i]);
    assert_int_equal(cost.bytes, 0);
}

#ifdef WEFT_TINY
/* Whichever allocation fails: an error, an old trie that is still whole, and (asan) no leak. */
static void out_of_memory(void **unused)
{
    (void)unused;
    static struct world w;
    struct evm_trie_item items[KEYS];
    struct evm_trie_node *old = NULL;
    uint64_t x = 77;
    for (unsigned i = 0; i < KEYS; i++)
        key_of(&w.key[i], i);
    for (int round = 0; round < 12; round++) {
        size_t n = mutate(&w, &x, items, 120);
        struct evm_hash before, after, want;
        struct evm_trie_node *fresh = NULL;
        enum evm_status st = EVM_ERR_MEMORY;
        evm_trie_root(old, &before);
        for (int64_t k = 0; st != EVM_OK; k++) {
            evm_alloc_fail_after(k);
            st = evm_trie_update(old, items, n, &fresh, NULL);
            evm_alloc_fail_after(-1);
            if (st != EVM_OK)
                assert_null(fresh);
            evm_trie_root(old, &after);
            assert_memory_equal(before.b, after.b, 32);
        }
        evm_trie_unref(old);
        old = fresh;
        world_root(&w, &want);
        evm_trie_root(old, &after);
        assert_memory_equal(want.b, after.b, 32);
    }
    evm_trie_unref(old);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_vectors), cmocka_unit_test(neighbours),
        cmocka_unit_test(dogs),           cmocka_unit_test(four_hashes),
        cmocka_unit_test(list_is_pairs),  cmocka_unit_test(histories),
        cmocka_unit_test(costs),
#ifdef WEFT_TINY
        cmocka_unit_test(out_of_memory),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
