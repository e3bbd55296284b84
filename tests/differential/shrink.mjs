// shrink.mjs - makes a batch with a difference small: fewer transactions, fewer accounts, fewer instructions.

// Tries to leave out pieces of `list`, halves first; `still(shorter)` tells whether the difference stays.
async function fewer(list, still) {
    for (let size = Math.ceil(list.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
        for (let at = 0; at < list.length;) {
            const shorter = [...list.slice(0, at), ...list.slice(at + size)];
            if (await still(shorter)) list = shorter;
            else at += size;
        }
    return list;
}

// differs(batch) resolves to whether the difference shows; at most `tries` times.
export async function shrink(batch, differs, tries = 600) {
    const shows = async (candidate) => {
        if (tries-- <= 0) return false;
        try { return await differs(candidate); } catch { return false; }
    };
    const txs = await fewer(batch.txs, (list) => shows({ ...batch, txs: list }));
    batch = { ...batch, txs };
    const entries = await fewer(Object.entries(batch.alloc), (list) => shows({ ...batch, alloc: Object.fromEntries(list) }));
    batch = { ...batch, alloc: Object.fromEntries(entries) };
    for (let i = 0; i < batch.txs.length; i++) {
        const withTx = (tx) => ({ ...batch, txs: batch.txs.map((old, k) => k === i ? tx : old) });
        if (batch.txs[i].program) {
            const build = (items) => withTx({ ...batch.txs[i], program: { ...batch.txs[i].program, items } });
            batch = build(await fewer(batch.txs[i].program.items, (items) => shows(build(items))));
        }
        for (const name of ['accessList', 'authorizationList'])
            if (batch.txs[i][name]?.length) {
                const build = (list) => withTx({ ...batch.txs[i], [name]: list });
                batch = build(await fewer(batch.txs[i][name], (list) => shows(build(list))));
            }
        if (!batch.txs[i].program && batch.txs[i].input !== '0x' && await shows(withTx({ ...batch.txs[i], input: '0x' }))) batch = withTx({ ...batch.txs[i], input: '0x' });
    }
    for (const address of Object.keys(batch.alloc)) {
        const withAccount = (account) => ({ ...batch, alloc: { ...batch.alloc, [address]: account } });
        const { program, storage } = batch.alloc[address];
        if (program?.items.length) {
            const build = (items) => withAccount({ ...batch.alloc[address], program: { ...program, items } });
            batch = build(await fewer(program.items, (items) => shows(build(items))));
        }
        if (Object.keys(storage).length && await shows(withAccount({ ...batch.alloc[address], storage: {} }))) batch = withAccount({ ...batch.alloc[address], storage: {} });
    }
    return batch;
}
