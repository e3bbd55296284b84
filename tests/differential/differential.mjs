// differential.mjs - random programs and transactions on weft and on a peer; every difference is made small and written down.
//   node differential.mjs --weft PROGRAM [--programs N] [--seed S] [--fork F] [--against ethereumjs|anvil] [--until SECONDS]
//   node differential.mjs --weft PROGRAM --replay FILE           the batch of a file from found/ once more
//   node differential.mjs --weft PROGRAM --vector FILE --fork F  a small agreed batch as a vector for tests/differential/vectors
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runAnvil } from './anvil.mjs';
import { compare, describe } from './compare.mjs';
import { runEthereumjs } from './ethereumjs.mjs';
import { FORKS } from './programs.mjs';
import { shrink } from './shrink.mjs';
import { batchOf } from './transactions.mjs';
import { inputsOf, runWeft } from './weft.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const USAGE = `usage: tests/differential/run.sh [--programs N] [--seed S] [--fork F,...] [--against ethereumjs|anvil] [--until SECONDS] [--batch N]
       tests/differential/run.sh --replay FILE [--vector NEW]
       tests/differential/run.sh --vector FILE --fork F [--seed S] [--batch N]
forks: ${FORKS.join(' ')}`;
const PEERS = ['ethereumjs', 'anvil'];
function refuse(why) {
    console.error(`${why}\n${USAGE}`);
    process.exit(2);
}
function parsed(config) {
    try { return parseArgs(config); } catch (error) { return refuse(error.message); }
}
const { values: options } = parsed({
    options: {
        help: { type: 'boolean', short: 'h' },
        weft: { type: 'string' }, programs: { type: 'string', default: '3000' }, seed: { type: 'string', default: '1' }, fork: { type: 'string' },
        against: { type: 'string' }, until: { type: 'string' }, batch: { type: 'string', default: '100' }, replay: { type: 'string' }, vector: { type: 'string' },
    },
});
if (options.help) {
    console.log(USAGE);
    process.exit(0);
}
const peers = options.against === undefined ? PEERS : [options.against], names = options.fork === undefined ? FORKS : options.fork.split(',');
for (const peer of peers) if (!PEERS.includes(peer)) refuse(`--against: '${peer}' is not ${PEERS.join(' or ')}`);
for (const name of names) if (!FORKS.includes(name)) refuse(`--fork: unknown fork '${name}'`);
if (options.vector && !options.replay && names.length !== 1) refuse('--vector takes one --fork');
const how = { weft: options.weft, folder: join(here, 'work'), modules: join(here, 'node_modules') };
const found = join(here, 'found');
mkdirSync(how.folder, { recursive: true });
mkdirSync(found, { recursive: true });
let stopped = false; // after the batch in hand
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => { stopped = true; });
const deadline = options.until ? Date.now() + 1000 * Number(options.until) : Infinity;

// Both sides of a batch. anvil decides the environment itself, so it comes first.
async function both(batch) {
    if (batch.peer === 'anvil') {
        const peer = await runAnvil(batch, how);
        return { peer, env: peer.env, weft: await runWeft(batch, how, peer.env) };
    }
    const weft = runWeft(batch, how); // runs while this process is busy with the other side
    weft.catch(() => {});
    const peer = await runEthereumjs(batch);
    return { peer, env: batch.env, weft: await weft };
}
const kind = ({ what }) => what.split(' ')[0];

async function report(batch, differences) {
    const first = kind(differences[0]);
    const name = join(found, `${batch.peer}-${batch.fork}-${batch.seed}-${batch.index}.json`);
    const small = await shrink(batch, async (candidate) => {
        const { weft, peer } = await both(candidate);
        return (await compare(candidate, weft, peer)).some((d) => kind(d) === first);
    }, batch.peer === 'anvil' ? 250 : 600);
    const { weft, peer, env } = await both(small), left = await compare(small, weft, peer);
    const third = batch.peer === 'anvil' ? (await compare(small, weft, await runEthereumjs(small, env))).map(describe) : undefined;
    writeFileSync(name, JSON.stringify({ differences: left.map(describe), ...(third && { ethereumjsWithSameInput: third }), batch: small, inputs: inputsOf(small, env), weft: weft.txs, peer: peer.txs }, null, 1));
    for (const d of left.slice(0, 4)) console.log(`  ${describe(d)}`);
    console.log(`  ${batch.txs.length} transactions shrunk to ${small.txs.length}: ${name}${third ? `; ethereumjs ${third.length ? 'differs from weft too' : 'agrees with weft'}` : ''}`);
}

async function runFork(peer, name, programs) {
    const sum = { programs: 0, transactions: 0, rejected: 0, succeeded: 0, logs: 0, gas: 0, differences: 0 }, started = Date.now();
    for (let index = 0; sum.programs < programs && !stopped && Date.now() < deadline; index++) {
        const batch = batchOf(peer, options.seed, name, index, Math.min(Number(options.batch), programs - sum.programs));
        try {
            const { weft, peer: other } = await both(batch), differences = await compare(batch, weft, other);
            sum.programs += batch.txs.length;
            sum.transactions += batch.txs.length;
            for (const tx of weft.txs) {
                if (tx.rejected) { sum.rejected++; continue; }
                sum.succeeded += tx.status;
                sum.logs += tx.logs.length;
                sum.gas += tx.gasUsed;
            }
            if (differences.length) {
                sum.differences++;
                console.log(`difference: ${peer}, ${name}, seed ${options.seed}, batch ${index}`);
                await report(batch, differences);
            }
        } catch (error) {
            sum.differences++;
            console.log(`difference: ${peer}, ${name}, seed ${options.seed}, batch ${index}: a side failed: ${error.stderr || error.stack}`);
            writeFileSync(join(found, `${peer}-${name}-${options.seed}-${index}-failed.json`), JSON.stringify({ batch, inputs: inputsOf(batch, batch.env) }));
            sum.programs += batch.txs.length;
        }
    }
    console.log(`${peer} ${name}: ${sum.programs} programs, ${sum.transactions} transactions (${sum.succeeded} succeeded, ${sum.rejected} rejected), ${sum.logs} logs, ${sum.gas} gas, ` +
        `${sum.differences} differences, ${((Date.now() - started) / 1000).toFixed(1)} s`);
    return sum;
}

async function replay(file) {
    const { batch } = JSON.parse(readFileSync(file, 'utf8')), { weft, peer } = await both(batch), left = await compare(batch, weft, peer);
    for (const d of left) console.log(describe(d));
    console.log(`${left.length} differences`);
    return left.length;
}

// What the peer gives for t8n's input, so that it can be checked with no Node.
async function vector(file) {
    const batch = options.replay ? JSON.parse(readFileSync(options.replay, 'utf8')).batch : batchOf('ethereumjs', options.seed, options.fork, 0, Number(options.batch));
    if (!options.replay && Number(batch.env.currentNumber) > 5) throw new Error('256 block hashes are too many for a vector: take another seed');
    const { env } = await both(batch), peer = await runEthereumjs(batch, env), weft = await runWeft(batch, how, env), left = await compare(batch, weft, peer);
    for (const d of left) console.log(describe(d));
    const expected = { stateRoot: peer.root, gasUsed: '0x' + peer.txs.reduce((sum, tx) => sum + (tx.gasUsed ?? 0), 0).toString(16), rejected: peer.txs.filter((tx) => tx.rejected).length };
    writeFileSync(file, JSON.stringify({ fork: batch.fork, ...expected }) + '\n' + JSON.stringify(inputsOf(batch, env)) + '\n');
    return left.length;
}

if (options.vector) process.exit(await vector(options.vector) ? 1 : 0);
if (options.replay) process.exit(await replay(options.replay) ? 1 : 0);
let passed = 0, failed = 0;
const total = { programs: 0, transactions: 0, differences: 0 };
for (const peer of peers)
    for (const name of names) {
        const sum = await runFork(peer, name, Math.ceil(Number(options.programs) / peers.length / names.length));
        for (const key of Object.keys(total)) total[key] += sum[key];
        if (sum.differences) failed++; else if (sum.programs) passed++;
    }
console.log(`${total.programs} programs, ${total.transactions} transactions, ${total.differences} differences`);
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exit(total.differences ? 1 : 0);
