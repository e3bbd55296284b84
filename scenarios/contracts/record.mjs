// Records blocks of our own contracts from a real client: starts anvil (npm) on the loopback, drives it with a fixed
// pseudo-random mix of transactions, mines block after block, and writes each block with its pre-state to
// ../recorded/NUMBER.json.gz in the format {block: eth_getBlockByNumber, prestate: prestateTracer map, blockHashes}.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '..', 'recorded');
const port = 18599, users = 48, rounds = 12, perBlock = 60;

const artifact = (name) => JSON.parse(readFileSync(join(here, 'build', `${name}.json`), 'utf8'));
const [token, pair, workshop] = ['Token', 'Pair', 'Workshop'].map(artifact);

let lcg = 20261123n; // a fixed mix: the same blocks each time, but for the time stamps' base
const random = (below) => {
    lcg = (lcg * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number((lcg >> 33n) % BigInt(below));
};

const word = (value) => BigInt(value).toString(16).padStart(64, '0');
const text = (value) => word(value.length) + Buffer.from(value).toString('hex').padEnd(Math.ceil(value.length / 32) * 64, '0');
const call = (of, signature, ...args) => '0x' + of.selectors[signature] + args.map(word).join('');
const hex = (value) => '0x' + BigInt(value).toString(16);

let id = 0;
async function rpc(method, ...params) {
    const answer = await fetch(`http://127.0.0.1:${port}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params }),
    });
    const { result, error } = await answer.json();
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
}

const anvil = spawn(join(here, 'node_modules', '.bin', 'anvil'),
    ['--port', String(port), '--hardfork', 'cancun', '--no-mining', '--silent', '--accounts', String(users),
        '--timestamp', '1750000000', '--order', 'fifo'], { stdio: 'inherit' });
try {
    for (let tries = 0; ; tries++) {
        try { await rpc('eth_chainId'); break; } catch (error) {
            if (tries === 50) throw error;
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
    }
    const accounts = await rpc('eth_accounts');
    await rpc('anvil_setCoinbase', '0x00000000000000000000000000000000c01bba5e');
    const nonces = new Map(accounts.map((a) => [a, 0]));
    const send = async (from, fields) => {
        const nonce = nonces.get(from);
        nonces.set(from, nonce + 1);
        return rpc('eth_sendTransaction', { from, nonce: hex(nonce), gas: hex(400000), ...fees(), ...fields });
    };
    // Types 0, 1 and 2 in turn.
    const fees = () => {
        switch (random(4)) {
        case 0: return { gasPrice: hex(3e9 + random(1e9)) };
        case 1: return { gasPrice: hex(3e9 + random(1e9)), accessList: [{ address: tokens[0], storageKeys: ['0x' + word(0)] }] };
        default: return { maxFeePerGas: hex(6e9), maxPriorityFeePerGas: hex(1e8 + random(2e9)) };
        }
    };

    mkdirSync(out, { recursive: true });
    for (const old of readdirSync(out).filter((name) => name.endsWith('.json.gz'))) rmSync(join(out, old));
    let time = 1750000000;
    const mine = async () => {
        await rpc('evm_setNextBlockTimestamp', hex(time += 12));
        await rpc('evm_mine');
        const block = await rpc('eth_getBlockByNumber', 'latest', true);
        const prestate = {};
        for (const { result } of await rpc('debug_traceBlockByNumber', block.number, { tracer: 'prestateTracer' }))
            for (const [address, seen] of Object.entries(result)) {
                const known = (prestate[address] ??= { ...seen, storage: {} });
                for (const [key, value] of Object.entries(seen.storage ?? {})) known.storage[key] ??= value;
            }
        writeFileSync(join(out, `${Number(block.number)}.json.gz`), gzipSync(JSON.stringify({ block, prestate, blockHashes: {} }), { level: 9 }));
        console.log(`block ${Number(block.number)}: ${block.transactions.length} transactions, ${Number(block.gasUsed)} gas`);
        return block;
    };
    const receiptOf = async (hash) => rpc('eth_getTransactionReceipt', hash);

    // Block 1: the contracts come into being.
    const tokens = ['0x' + '0'.repeat(40)];
    const boss = accounts[0], supply = 10n ** 27n;
    const named = (name, symbol) => word(96) + word(160) + word(supply) + text(name) + text(symbol);
    const made = [];
    for (const [name, symbol] of [['Warp', 'WRP'], ['Heddle', 'HDL']])
        made.push(await send(boss, { data: token.bytecode + named(name, symbol), gas: hex(3e6) }));
    made.push(await send(boss, { data: workshop.bytecode, gas: hex(3e6) }));
    await mine();
    const [warp, heddle, shop] = await Promise.all(made.map(async (hash) => (await receiptOf(hash)).contractAddress));
    tokens.splice(0, 1, warp, heddle);

    // Block 2: the pool, and tokens for everybody.
    const pooled = await send(boss, { data: pair.bytecode + word(warp) + word(heddle), gas: hex(3e6) });
    for (const user of accounts.slice(1))
        for (const one of tokens) await send(boss, { to: one, data: call(token, 'transfer(address,uint256)', user, 10n ** 22n) });
    await mine();
    const pool = (await receiptOf(pooled)).contractAddress;

    // Block 3: approvals, and the first deposit.
    for (const user of accounts)
        for (const one of tokens) await send(user, { to: one, data: call(token, 'approve(address,uint256)', pool, user === accounts[1] ? 10n ** 18n : 2n ** 256n - 1n) });
    await send(boss, { to: pool, data: call(pair, 'deposit(uint256,uint256)', 10n ** 24n, 2n * 10n ** 24n) });
    await mine();

    // Then the mix: transfers, tokens with a few popular recipients, swaps of one pool, and the workshop's corners.
    const anyone = () => accounts[random(users)];
    const popular = () => accounts[random(3) ? random(users) : random(3)];
    for (let round = 0; round < rounds; round++) {
        for (let i = 0; i < perBlock; i++) {
            const from = anyone(), kind = random(100);
            if (kind < 30) await send(from, { to: popular(), value: hex(random(1e9)), gas: hex(21000 + 6700) });
            else if (kind < 70) await send(from, { to: tokens[random(2)], data: call(token, 'transfer(address,uint256)', popular(), random(1e9)) });
            else if (kind < 85) await send(from, { to: pool, data: call(pair, 'swap(bool,uint256,uint256,address)', random(2), 1e15 + random(1e9), 1, from) });
            else if (kind < 87) await send(from, { to: warp, data: call(token, 'transfer(address,uint256)', popular(), 10n ** 30n) }); // fails
            else if (kind < 89) await send(from, { to: shop, data: call(workshop, 'build(uint256,bool)', round * 1000 + i, random(2)), value: hex(random(1000)) });
            else if (kind < 91) await send(from, { to: shop, data: call(workshop, 'tryRefuse(uint256)', random(100)) });
            else if (kind < 93) await send(from, { to: shop, data: call(workshop, 'refuse(uint256)', random(100)) }); // fails
            else if (kind < 95) await send(from, { to: shop, data: call(workshop, 'note(uint256,bytes)', random(20), 64, 40) + 'ab'.repeat(40).padEnd(128, '0') });
            else if (kind < 97) await send(from, { to: shop, data: call(workshop, 'recover(bytes32,uint8,bytes32,bytes32)', random(1e9) + 1, 27 + random(2), random(1e9) + 1, random(1e9) + 1) });
            else if (kind < 98) await send(from, { to: shop, data: call(workshop, 'borrow(address,bytes)', shop, 64, 4) + workshop.selectors['increment()'].padEnd(64, '0') });
            else await send(from, { to: shop, data: call(workshop, 'increment()') });
        }
        await mine();
    }
} finally {
    anvil.kill();
}
