// weft.mjs - a batch on `weft t8n`.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { quantity, word } from './encode.mjs';
import { logText } from './ethereumjs.mjs';
import { allocOf, signedOf } from './transactions.mjs';

const execute = promisify(execFile);

// t8n's three inputs; a vector holds them as they are.
export function inputsOf(batch, env) {
    return { alloc: allocOf(batch), env, txs: batch.txs.map((tx) => signedOf(tx, batch.fork).fields) };
}

// From t8n's two outputs to an outcome.
export function outcomeOf(alloc, result, txs) {
    const rejected = new Map((result.rejected ?? []).map(({ index, error }) => [index, error]));
    const receipts = [...result.receipts];
    const account = async (address) => {
        const a = alloc[address];
        if (!a) return null;
        return { balance: quantity(a.balance), nonce: quantity(a.nonce ?? 0), code: a.code ?? '0x',
            storage: Object.fromEntries(Object.entries(a.storage ?? {}).map(([k, v]) => ['0x' + word(k), quantity(v)])) };
    };
    return {
        txs: txs.map((tx, i) => {
            if (rejected.has(i)) return { rejected: rejected.get(i) };
            const r = receipts.shift();
            return { status: Number(r.status), gasUsed: Number(r.gasUsed), created: tx.to ? null : r.contractAddress ?? null,
                logs: (r.logs ?? []).map((l) => logText(l.address, l.topics, l.data)) };
        }),
        root: result.stateRoot, account, addresses: Object.keys(alloc), keys: (address) => Object.keys(alloc[address]?.storage ?? {}).map((k) => '0x' + word(k)),
    };
}

// With code translated before it runs, and once more plainly or as it comes: what is written must be the same, byte for byte.
export async function runWeft(batch, { weft, folder }, env = batch.env) {
    const dir = mkdtempSync(join(folder, 't8n-')), at = (name) => join(dir, name);
    const inputs = inputsOf(batch, env);
    const run = async (tier) => {
        await execute(weft, ['t8n', '--input.alloc', at('alloc.json'), '--input.env', at('env.json'), '--input.txs', at('txs.json'), '--state.fork', batch.fork,
            '--state.reward', '-1', '--state.chainid', '1', '--tier', tier, '--output.alloc', at(`alloc-${tier}`), '--output.result', at(`result-${tier}`)]);
        return ['alloc', 'result'].map((name) => readFileSync(at(`${name}-${tier}`), 'utf8'));
    };
    try {
        for (const [name, value] of Object.entries(inputs)) writeFileSync(at(`${name}.json`), JSON.stringify(value));
        const [alloc, result] = await run('translated'), other = await run(batch.index % 2 ? 'auto' : 'plain');
        if (other[0] !== alloc || other[1] !== result) throw new Error("weft's tiers differ");
        return outcomeOf(JSON.parse(alloc), JSON.parse(result), inputs.txs);
    } finally {
        rmSync(dir, { recursive: true, force: true });
    }
}
