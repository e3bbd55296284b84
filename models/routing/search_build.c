#include "models/routing/search.h"
#include "sim/base/mem.h"

void search_builder_init(struct search_builder *b)
{
    *b = (struct search_builder){0};
    vec_init(&b->nodes, sizeof(struct search_node));
    vec_init(&b->shares, sizeof(struct search_share));
    vec_init(&b->nets, sizeof(struct search_net));
    vec_init(&b->pins, sizeof(uint32_t));
    vec_init(&b->accounts, sizeof(account_id));
}

void search_builder_fini(struct search_builder *b)
{
    vec_fini(&b->nodes);
    vec_fini(&b->shares);
    vec_fini(&b->nets);
    vec_fini(&b->pins);
    vec_fini(&b->accounts);
    mem_free(b->node_of);
    b->node_of = NULL;
    b->known = 0;
}

enum err_code search_builder_reset(struct search_builder *b, uint32_t accounts)
{
    for (size_t i = 0; i < b->accounts.len; i++)
        b->node_of[*(account_id *)vec_at(&b->accounts, i)] = ACCOUNT_NONE;
    b->nodes.len = b->shares.len = b->nets.len = b->pins.len = b->accounts.len = 0;
    if (accounts <= b->known)
        return ERR_OK;
    uint32_t *grown = mem_resize(b->node_of, accounts, sizeof *grown);
    if (!grown)
        return ERR_MEMORY;
    for (uint32_t i = b->known; i < accounts; i++)
        grown[i] = ACCOUNT_NONE;
    b->node_of = grown;
    b->known = accounts;
    return ERR_OK;
}

static enum err_code add_node(struct search_builder *b, account_id account, layer_id home)
{
    uint32_t at = (uint32_t)b->shares.len;
    enum err_code e = vec_push(&b->shares, &(struct search_share){home, 0});
    if (!e)
        e = vec_push(&b->nodes, &(struct search_node){at, 1, 0});
    if (!e)
        e = vec_push(&b->accounts, &account);
    if (!e)
        b->node_of[account] = at;
    return e;
}

enum err_code search_builder_add(struct search_builder *b, const account_id *accounts,
                                 uint32_t count, double gas, const layer_id *home)
{
    struct search_net net = {(uint32_t)b->pins.len, 0, gas};
    enum err_code e = ERR_OK;
    for (uint32_t i = 0; i < count && !e; i++) {
        account_id a = accounts[i];
        if (home[a] == LAYER_ALL)
            continue;
        if (b->node_of[a] == ACCOUNT_NONE)
            e = add_node(b, a, home[a]);
        uint32_t same = 0;
        while (!e && same < net.count &&
               *(uint32_t *)vec_at(&b->pins, net.first + same) != b->node_of[a])
            same++;
        if (e || same < net.count)
            continue;
        e = vec_push(&b->pins, &b->node_of[a]);
        net.count++;
    }
    if (e || !net.count)
        return e;
    return vec_push(&b->nets, &net);
}

uint32_t search_builder_node(const struct search_builder *b, account_id account)
{
    return account < b->known ? b->node_of[account] : ACCOUNT_NONE;
}

void search_builder_get(struct search_builder *b, double each, double stall,
                        struct search_problem *p)
{
    struct search_share *shares = b->shares.data;
    struct search_node *nodes = b->nodes.data;
    p->nodes = nodes;
    p->shares = shares;
    p->nets = b->nets.data;
    p->pins = b->pins.data;
    p->node_count = (uint32_t)b->nodes.len;
    p->net_count = (uint32_t)b->nets.len;
    for (uint32_t n = 0; n < p->node_count; n++)
        shares[n].moving = each;
    for (uint32_t i = 0; i < p->net_count; i++) {
        for (uint32_t k = 0; k < p->nets[i].count; k++)
            shares[p->pins[p->nets[i].first + k]].moving += stall * p->nets[i].gas;
    }
    for (uint32_t n = 0; n < p->node_count; n++)
        nodes[n].moving = shares[n].moving;
}
