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

export async function runWeft(batch, { weft, folder }, env = batch.env) {
    const dir = mkdtempSync(join(folder, 't8n-'));
    const inputs = inputsOf(batch, env);
    try {
        for (const [name, value] of Object.entries(inputs)) writeFileSync(join(dir, `${name}.json`), JSON.stringify(value));
        await execute(weft, ['t8n', '--input.alloc', join(dir, 'alloc.json'), '--input.env', join(dir, 'env.json'), '--input.txs', join(dir, 'txs.json'), '--state.fork', batch.fork,
            '--state.reward', '-1', '--state.chainid', '1', '--output.basedir', dir, '--output.alloc', 'after.json', '--output.result', 'result.json'], { maxBuffer: 1 << 28 });
        const read = (name) => JSON.parse(readFileSync(join(dir, name), 'utf8'));
        return outcomeOf(read('after.json'), read('result.json'), inputs.txs);
    } finally {
        rmSync(dir, { recursive: true, force: true });
    }
}
