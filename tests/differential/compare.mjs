// compare.mjs - what differs between weft's outcome of a batch and a peer's.
// A difference: {tx: index or -1 for the state after the block, what, weft, peer}.

// Everything of a transaction that both sides know. A transaction's status is on no receipt before Byzantium, but both sides tell it.
function compareTx(w, p) {
    if (!w.rejected !== !p.rejected) return ['valid', w.rejected ?? 'valid', p.rejected ?? 'valid'];
    if (w.rejected) return null;
    for (const what of ['status', 'gasUsed']) if (w[what] !== p[what]) return [what, w[what], p[what]];
    if (w.logs.join('\n') !== p.logs.join('\n')) {
        const at = w.logs.findIndex((l, i) => l !== p.logs[i]), i = at < 0 ? w.logs.length : at;
        return [`log ${i}`, w.logs[i] ?? 'none', p.logs[i] ?? 'none'];
    }
    if (w.status === 1 && w.created !== p.created) return ['created', w.created, p.created];
    return null;
}

async function compareState(batch, weft, peer) {
    const found = [];
    for (const address of new Set([...weft.addresses, ...(peer.addresses ?? []), ...Object.keys(batch.alloc)])) {
        const keys = [...new Set([...weft.keys(address), ...Object.keys(batch.alloc[address]?.storage ?? {})])];
        const [w, p] = [await weft.account(address), await peer.account(address, keys)];
        if (!w || !p) {
            const one = w ?? p, empty = !one || (one.code === '0x' && BigInt(one.balance) === 0n && BigInt(one.nonce) === 0n && Object.keys(one.storage).length === 0);
            if (!(empty && !peer.root)) found.push({ tx: -1, what: `account ${address}`, weft: w ? JSON.stringify(w) : 'none', peer: p ? JSON.stringify(p) : 'none' });
            continue;
        }
        for (const what of ['balance', 'nonce', 'code']) if (w[what] !== p[what]) found.push({ tx: -1, what: `${what} of ${address}`, weft: w[what], peer: p[what] });
        for (const key of new Set([...Object.keys(w.storage), ...Object.keys(p.storage)]))
            if (w.storage[key] !== p.storage[key]) found.push({ tx: -1, what: `slot ${BigInt(key)} of ${address}`, weft: w.storage[key] ?? '0x0', peer: p.storage[key] ?? '0x0' });
    }
    return found;
}

// A peer without a state root (anvil's counts accounts that were only looked at) is compared account by account.
export async function compare(batch, weft, peer) {
    const found = [];
    batch.txs.forEach((tx, i) => {
        const d = compareTx(weft.txs[i], peer.txs[i]);
        if (d) found.push({ tx: i, what: d[0], weft: d[1], peer: d[2] });
    });
    if (found.length === 0 && weft.root !== peer.root) {
        found.push(...await compareState(batch, weft, peer));
        if (found.length === 0 && peer.root) found.push({ tx: -1, what: 'state root', weft: weft.root, peer: peer.root });
    }
    return found;
}
export const describe = ({ tx, what, weft, peer }) => `${tx < 0 ? 'state' : `transaction ${tx}`}: ${what}: weft ${weft}, peer ${peer}`;
