// anvil.mjs - a batch on an anvil of its own, over JSON-RPC on the loopback: genesis from the batch, one block of all transactions.
// Its block's environment is not ours to choose altogether, so the outcome holds it (env), and the other sides run with that one.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { quantity, word } from './encode.mjs';
import { FORKS, fork } from './programs.mjs';
import { allocOf, signedOf } from './transactions.mjs';
import { logText } from './ethereumjs.mjs';

const NAMES = ['frontier', 'homestead', 'tangerine', 'spuriousdragon', 'byzantium', 'constantinople', 'petersburg', 'istanbul', 'berlin', 'london', 'paris', 'shanghai',
    'cancun', 'prague', 'osaka'];
// 1.7.1 charges the newest fork's gas whatever --hardfork says (known.md), which shows before London: there an older one stands in.
const anvilPath = (modules, f) => {
    const inside = (folder) => readdirSync(folder).filter((name) => name.startsWith('anvil-') && name.includes(process.arch === 'arm64' ? 'arm64' : 'amd64')).map((name) => join(folder, name));
    const nested = join(modules, 'anvil-before-london', 'node_modules', '@foundry-rs');
    const found = inside(f < fork.London && existsSync(nested) ? nested : join(modules, '@foundry-rs'))[0];
    return join(found, 'bin', 'anvil');
};
const freePort = () => new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function runAnvil(batch, { modules, folder }) {
    const f = FORKS.indexOf(batch.fork), { env } = batch, port = await freePort();
    const genesis = { config: { chainId: 1 }, difficulty: '0x0', gasLimit: env.currentGasLimit, timestamp: quantity(Number(env.currentTimestamp) - 12), coinbase: env.currentCoinbase,
        nonce: '0x0', extraData: '0x', mixHash: '0x' + word(0), baseFeePerGas: env.currentBaseFee ?? '0x0', alloc: allocOf(batch) };
    const file = join(folder, `genesis-${process.pid}-${port}.json`);
    writeFileSync(file, JSON.stringify(genesis));
    const child = spawn(anvilPath(modules, f), ['--port', String(port), '--init', file, '--hardfork', NAMES[f], '--no-mining', '--accounts', '1', '--balance', '0', '--order', 'fifo', '--silent',
        '--disable-default-create2-deployer', '--no-request-size-limit', '--gas-limit', String(Number(env.currentGasLimit)), '--no-priority-fee', '--chain-id', '1', '--threads', '1',
        ...(f >= fork.London ? ['--base-fee', String(Number(env.currentBaseFee))] : ['--base-fee', '0']), ...(f >= fork.Osaka ? ['--enable-tx-gas-limit'] : []),
        '--memory-limit', String(2 ** 30)], { stdio: 'ignore' });
    let gone = false;
    child.on('exit', () => { gone = true; });
    const post = async (body) => {
        const answer = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
        return answer.json();
    };
    const rpc = async (method, ...params) => {
        const { result, error } = await post({ jsonrpc: '2.0', id: 1, method, params });
        if (error) throw new Error(`anvil: ${method}: ${error.message}`);
        return result;
    };
    try {
        for (let tries = 0; ; tries++) {
            try { await rpc('eth_chainId'); break; } catch (error) { if (gone || tries > 1000) throw new Error('anvil does not start', { cause: error }); await sleep(10); }
        }
        await rpc('anvil_setCoinbase', env.currentCoinbase);
        await rpc('evm_setNextBlockTimestamp', env.currentTimestamp);
        if (f >= fork.London) await rpc('anvil_setNextBlockBaseFeePerGas', env.currentBaseFee);
        const made = batch.txs.map((tx) => signedOf(tx, batch.fork));
        const answers = []; // one after the other: a batch request's entries run in any order
        for (const { network } of made) answers.push(await post({ jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransaction', params: [network] }));
        await rpc('evm_mine');
        const block = await rpc('eth_getBlockByNumber', 'latest', false), parent = await rpc('eth_getBlockByNumber', quantity(Number(block.number) - 1), false);
        const receipts = new Map((await rpc('eth_getBlockReceipts', block.number)).map((r) => [r.transactionHash, r]));
        const place = new Map(block.transactions.map((hash, i) => [hash, i]));
        let before = -1;
        const txs = made.map(({ hash }, i) => {
            const r = receipts.get(hash);
            if (!r) return { rejected: answers[i].error?.message ?? 'not in the block' };
            if (place.get(hash) < before) throw new Error('anvil changed the order of the transactions');
            before = place.get(hash);
            return { status: Number(r.status), gasUsed: Number(r.gasUsed), created: r.contractAddress ?? null, logs: r.logs.map((l) => logText(l.address, l.topics, l.data)) };
        });
        const text = gunzipSync(Buffer.from((await rpc('anvil_dumpState')).slice(2), 'hex')).toString();
        const dump = JSON.parse(text.replace(/"nonce":(\d+)/g, '"nonce":"$1"')); // a nonce may exceed a JavaScript number
        const used = { ...env, currentNumber: block.number, currentTimestamp: block.timestamp, currentGasLimit: block.gasLimit, currentCoinbase: block.miner,
            currentDifficulty: block.difficulty, blockHashes: { [Number(parent.number)]: parent.hash } };
        if (f >= fork.London) used.currentBaseFee = block.baseFeePerGas;
        if (f >= fork.Merge) used.currentRandom = block.mixHash;
        if (f >= fork.Cancun) Object.assign(used, { currentExcessBlobGas: block.excessBlobGas, parentBeaconBlockRoot: block.parentBeaconBlockRoot ?? '0x' + word(0) });
        const account = async (address) => {
            const a = dump.accounts[address];
            if (!a) return null; // the dump also holds accounts that were only looked at, empty ones
            return { balance: quantity(a.balance), nonce: quantity(a.nonce), code: a.code,
                storage: Object.fromEntries(Object.entries(a.storage).filter(([, v]) => BigInt(v)).map(([k, v]) => ['0x' + word(k), quantity(v)])) };
        };
        return { txs, env: used, account, addresses: Object.keys(dump.accounts) };
    } finally {
        child.kill('SIGKILL');
        rmSync(file, { force: true });
    }
}
