// transactions.mjs - a batch: one block's environment, accounts with random programs, and transactions of every type of the fork,
// some of them invalid. Nothing but the seed decides what comes out. Transactions stay unsigned here, so that a shrinker can change them.
import { Random, addressOf, addressOfKey, fromHex, keccak, quantity, signAuthorization, signTransaction, toHex, word } from './encode.mjs';
import { commitments, infinity, versionedHash } from './inputs.mjs';
import { FORKS, assemble, fork, program, recursion, returning, wrapped, wrapper } from './programs.mjs';

const keyOf = (n) => '0x' + word(0x5eed0000 + n);
const addresses = [];
const senderOf = (n) => (addresses[n] ??= addressOfKey(keyOf(n)));
const AUTHORITIES = 1000; // keys from here on sign authorisations only
const BLOCK_GAS = 2 ** 42;
const WRAPPER = addressOf(0xca11);
const SYSTEM = ['0x00000961ef480eb55e80d19ad83579a64c007002', '0x0000bbddc7ce488642fb579f8b00f3a590007251'];
// EIP-2935's contract, which anvil puts into every state; parent hashes go to its slot (number - 1) mod 8191.
export const HISTORY = '0x0000f90827f1c53a10cb7a02335b175320002935';
const HISTORY_CODE = '0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500';
const maxType = (f) => f < fork.Berlin ? 0 : f < fork.London ? 1 : f < fork.Cancun ? 2 : f < fork.Prague ? 3 : 4;

export function environment(rng, f) {
    const number = rng.pick([1, 5, 300]);
    const env = { currentCoinbase: '0x00000000000000000000000000000000c01bba5e', currentGasLimit: quantity(BLOCK_GAS), currentNumber: quantity(number),
        currentTimestamp: quantity(1600000000 + rng.below(100000000)), blockHashes: {} };
    for (let n = Math.max(0, number - 256); n < number; n++) env.blockHashes[n] = '0x' + word(rng.big(256));
    if (f >= fork.Merge) env.currentRandom = '0x' + word(rng.big(256));
    env.currentDifficulty = f >= fork.Merge ? '0x0' : quantity(rng.pick([0, 131072, rng.big(40)]));
    if (f >= fork.London) env.currentBaseFee = quantity(rng.pick([7, 1000, 1000000000]));
    if (f >= fork.Cancun) Object.assign(env, { currentExcessBlobGas: quantity(rng.pick([0, 131072, 20000000])), parentBeaconBlockRoot: '0x' + word(rng.big(256)) });
    if (f >= fork.Shanghai) env.withdrawals = [];
    return env;
}

function intrinsic(tx, f) {
    const data = fromHex(tx.input);
    let zeros = 0;
    for (const b of data) zeros += b === 0;
    const other = data.length - zeros;
    let gas = 21000 + 4 * zeros + (f >= fork.Istanbul ? 16 : 68) * other;
    if (tx.to === null) gas += (f >= fork.Homestead ? 32000 : 0) + (f >= fork.Shanghai ? 2 * Math.ceil(data.length / 32) : 0);
    for (const { storageKeys } of tx.accessList ?? []) gas += 2400 + 1900 * storageKeys.length;
    gas += 25000 * (tx.authorizationList?.length ?? 0);
    return f >= fork.Prague ? Math.max(gas, 21000 + 10 * (zeros + 4 * other)) : gas;
}

// nonces: of each key, the next one, as far as can be foretold.
function authorisations(rng, world, nonces, own) {
    return Array.from({ length: rng.between(1, 4) }, () => {
        const n = rng.chance(0.15) ? own : AUTHORITIES + rng.below(12);
        const right = nonces[n] ?? 0;
        const auth = {
            chainId: quantity(rng.weighted([[6, 1], [3, 0], [1, 2], [0.2, 2n ** 64n]])),
            address: rng.weighted([[8, rng.pick(world.programs)], [2, rng.pick(world.accounts)], [1, addressOf(0)], [1, addressOf(rng.between(1, 20))]]),
            nonce: quantity(rng.weighted([[10, right], [1, right + 1], [0.3, 2n ** 64n - 1n]])),
        };
        if (BigInt(auth.nonce) === BigInt(right) && BigInt(auth.chainId) < 2n) nonces[n] = right + 1;
        const signer = { ...auth, signer: n };
        const damage = rng.below(25);
        if (damage === 0 && !world.avoid.has('authHighS')) signer.highS = true;
        if (damage === 1) signer.yParity = quantity(rng.pick([2, 27, 255]));
        if (damage === 2 && !world.avoid.has('missing')) signer.r = '0x' + word(rng.big(256));
        if (damage === 3) signer.s = '0x0';
        return signer;
    });
}

const INVALID = ['nonceLow', 'nonceHigh', 'nonceMax', 'noFunds', 'gasBelowIntrinsic', 'feeBelowBase', 'tipAboveFee', 'wrongChain', 'highS', 'typeTooNew', 'blobBadVersion',
    'blobNone', 'blobTooMany', 'blobFeeTooLow', 'blobCreate', 'authEmpty', 'setCodeCreate', 'gasAboveBlock', 'gasAboveCap', 'feeOverflow', 'initcodeTooLarge', 'senderHasCode'];

function transaction(rng, world, env, n, state) {
    const f = world.fork;
    let type = rng.below(maxType(f) + 1);
    if (type === 3 && (state.blobs > 4 || world.avoid.has('blobs'))) type = 2;
    const baseFee = Number(env.currentBaseFee ?? 0), target = world.programs[n % world.programs.length];
    const again = world.peer === 'ethereumjs' && rng.chance(0.15) && state.valid.length > 0, sender = again ? rng.pick(state.valid) : n, nonce = state.nonces[sender] ?? 0;
    state.nonces[sender] = nonce + 1;
    const tx = { type, sender, nonce: quantity(nonce), value: '0x0', chainId: '0x1', input: toHex(rng.bytes(rng.weighted([[5, 0], [5, rng.below(100)], [1, rng.below(1000)]]))),
        protected: f >= fork.EIP158 && rng.chance(0.8) };
    const kind = rng.weighted([[55, 'call'], [f >= fork.Byzantium ? 35 : 0, 'wrapped'], [type < 3 ? 14 : 0, 'create'], [3, 'transfer'], [1, 'precompile'], [2, 'delegated'], [0.2, 'recursion']]);
    tx.to = target;
    if (rng.chance(0.3)) tx.value = quantity(rng.pick([1, 1000, rng.big(60)]));
    let ample = 0;
    switch (kind) {
    case 'wrapped': tx.input = wrapped(target, tx.input); tx.to = WRAPPER; break;
    case 'create': {
        tx.to = null;
        tx.program = rng.chance(0.6) ? program(rng, world) : returning(program(rng, world));
        tx.input = assemble(tx.program);
        break;
    }
    case 'transfer': tx.to = rng.pick(world.accounts); tx.value = quantity(rng.big(60)); break;
    case 'precompile': tx.to = addressOf(rng.between(1, 18)); break;
    case 'delegated': tx.to = senderOf(AUTHORITIES + rng.below(12)); break;
    case 'recursion': tx.to = addressOf(0x5e1f); ample = f >= fork.Osaka ? 16000000 : f <= fork.Homestead ? 3000000 : 2 ** rng.pick([22, 32, 39]); break;
    }
    if (type === 1 || (type > 1 && rng.chance(0.4)))
        tx.accessList = Array.from({ length: rng.below(4) }, () => ({
            address: rng.pick([target, rng.pick(world.programs), rng.pick(world.accounts)]),
            storageKeys: Array.from({ length: rng.below(4) }, () => '0x' + word(rng.below(6))),
        }));
    else if (type > 1) tx.accessList = [];
    if (type < 2) tx.gasPrice = quantity(baseFee + rng.below(1000));
    else {
        const tip = rng.below(1000);
        tx.maxPriorityFeePerGas = quantity(tip);
        tx.maxFeePerGas = quantity(baseFee + rng.pick([tip, rng.between(tip, 5000)]));
    }
    if (type === 3) {
        const count = rng.between(1, 2);
        tx.blobs = Array.from({ length: count }, () => rng.below(8));
        tx.maxFeePerBlobGas = quantity(10n ** 9n);
        state.blobs += count;
    }
    if (type === 4) tx.authorizationList = authorisations(rng, world, state.nonces, sender);
    const least = intrinsic(tx, f);
    tx.gas = quantity(Math.max(least + rng.weighted([[1, 0], [2, rng.below(3000)], [3, rng.below(30000)], [8, rng.between(30000, 200000)], [18, rng.between(200000, 600000)],
        [4, rng.between(600000, 1500000)]]), ample));
    if (!again && rng.chance(0.06)) spoil(rng, world, env, tx, rng.pick(INVALID.filter((how) => !world.avoid.has(how))), least, state);
    if (!tx.invalid) state.valid.push(sender);
    return tx;
}

// Makes a transaction invalid in one way, if its type and the fork know that way.
function spoil(rng, world, env, tx, how, least, state) {
    const f = world.fork, only = (condition, change) => { if (condition) { change(); tx.invalid = how; } };
    const account = () => (state.senders[tx.sender] ??= {});
    switch (how) {
    case 'nonceLow': only(true, () => { account().nonce = '0x3'; tx.nonce = '0x2'; }); break;
    case 'nonceHigh': only(true, () => { tx.nonce = '0x2'; }); break;
    case 'nonceMax': only(true, () => { account().nonce = tx.nonce = quantity(2n ** 64n - 1n); }); break;
    case 'noFunds': only(true, () => { account().balance = quantity(BigInt(tx.gas) * BigInt(tx.maxFeePerGas ?? tx.gasPrice) - 1n + BigInt(tx.value)); tx.value = quantity(BigInt(tx.value) + 1n); }); break;
    case 'gasBelowIntrinsic': only(least > 21000 || rng.chance(0.5), () => { tx.gas = quantity(least - 1); }); break;
    case 'feeBelowBase': only(f >= fork.London, () => {
        tx[tx.type < 2 ? 'gasPrice' : 'maxFeePerGas'] = quantity(Number(env.currentBaseFee) - 1);
        if (tx.type > 1) tx.maxPriorityFeePerGas = '0x0';
    }); break;
    case 'tipAboveFee': only(tx.type > 1, () => { tx.maxPriorityFeePerGas = quantity(BigInt(tx.maxFeePerGas) + 1n); }); break;
    case 'wrongChain': only(tx.type > 0 || tx.protected, () => { tx.chainId = '0x2'; }); break;
    case 'highS': only(f >= fork.Homestead, () => { tx.highS = true; }); break;
    case 'typeTooNew': only(maxType(f) < 2, () => { Object.assign(tx, { type: maxType(f) + 1, accessList: [], maxFeePerGas: '0x1000', maxPriorityFeePerGas: '0x0' }); }); break;
    case 'blobBadVersion': only(tx.type === 3, () => { tx.badVersion = true; }); break;
    case 'blobNone': only(tx.type === 3, () => { tx.blobs = []; }); break;
    case 'blobTooMany': only(tx.type === 3, () => { tx.blobs = Array(10).fill(1); }); break;
    case 'blobFeeTooLow': only(tx.type === 3, () => { tx.maxFeePerBlobGas = '0x0'; }); break;
    case 'blobCreate': only(tx.type === 3, () => { tx.to = null; }); break;
    case 'authEmpty': only(tx.type === 4, () => { tx.authorizationList = []; }); break;
    case 'setCodeCreate': only(tx.type === 4, () => { tx.to = null; }); break;
    case 'gasAboveBlock': only(f < fork.Osaka, () => { tx.gas = quantity(2 * BLOCK_GAS); }); break;
    case 'gasAboveCap': only(f >= fork.Osaka, () => { tx.gas = quantity(16777217); }); break;
    case 'feeOverflow': only(true, () => { tx[tx.type < 2 ? 'gasPrice' : 'maxFeePerGas'] = quantity(2n ** 255n); }); break;
    case 'initcodeTooLarge': only(f >= fork.Shanghai && tx.to === null, () => { tx.program = null; tx.input = '0x' + '00'.repeat(49153); tx.gas = quantity(3000000); }); break;
    case 'senderHasCode': only(f >= fork.London, () => { account().code = '0x00'; }); break;
    }
}

// What a peer gets wrong, and so what its batches leave out; known.md has the evidence for each.
function avoidFor(peer, f, index) {
    const avoid = new Set();
    if (peer !== 'anvil') return avoid;
    avoid.add('senderHasCode').add('highS');
    if (f < fork.London) avoid.add('nonceMax');
    if (f === fork.Constantinople) avoid.add('sstore').add('create2');
    if (f < fork.EIP158) avoid.add('selfdestruct');
    if (f < fork.EIP158 || f >= fork.Prague) avoid.add('missing');
    if (f >= fork.Cancun && index % 16 !== 3) avoid.add('blobs'); // not wrong, but each new process takes seconds to read its trusted setup
    return avoid;
}

export function batchOf(peer, seed, forkName, index, count) {
    const f = FORKS.indexOf(forkName), rng = new Random(`${peer}/${seed}/${forkName}/${index}`);
    const env = environment(rng, f);
    const programs = Array.from({ length: count }, (_, i) => addressOf(0x10000 + 0x101 * i));
    const plain = Array.from({ length: 8 }, (_, i) => addressOf(0xbeef0000 + i));
    const authorities = f >= fork.Prague ? Array.from({ length: 12 }, (_, i) => senderOf(AUTHORITIES + i)) : [];
    const world = { peer, avoid: avoidFor(peer, f, index), fork: f, programs, accounts: [...plain, env.currentCoinbase, senderOf(0), senderOf(1), ...authorities] };
    const alloc = {};
    for (const address of programs) {
        const storage = {};
        for (let k = 0; k < 6; k++) if (rng.chance(0.3)) storage['0x' + word(k)] = '0x' + word(rng.pick([1, 2, rng.big(256)]));
        alloc[address] = { balance: quantity(rng.pick([0, 1, 1000, 10n ** 18n])), nonce: '0x1', program: program(rng, world), storage };
    }
    for (const address of plain.slice(0, 3)) alloc[address] = { balance: quantity(1 + rng.below(1000)), nonce: '0x0', storage: {} };
    alloc[WRAPPER] = { balance: '0x0', nonce: '0x1', program: wrapper(), storage: {} };
    alloc[addressOf(0x5e1f)] = { balance: '0x0', nonce: '0x1', program: recursion(rng, world), storage: {} };
    if (f >= fork.Prague) {
        if (peer === 'anvil' || rng.chance(0.5)) alloc[HISTORY] = { balance: '0x0', nonce: peer === 'anvil' ? '0x0' : '0x1', code: HISTORY_CODE, storage: {} };
        for (const address of SYSTEM) alloc[address] = { balance: '0x0', nonce: '0x1', program: { items: ['00'], data: [] }, storage: {} };
        for (const address of authorities.slice(0, 6))
            alloc[address] = { balance: quantity(10n ** 18n), nonce: '0x0', code: rng.chance(0.5) ? '0xef0100' + rng.pick([...programs, ...plain, ...authorities]).slice(2) : '0x', storage: {} };
    }
    if (world.avoid.has('missing')) {
        const named = [...world.accounts, addressOf(0x100), ...Array.from({ length: 22 }, (_, i) => addressOf(i))];
        for (const address of named) alloc[address] ??= { balance: '0x1', nonce: '0x0', storage: {} };
    }
    const state = { blobs: 0, valid: [], nonces: {}, senders: {} };
    const txs = Array.from({ length: count }, (_, n) => transaction(rng, world, env, n, state));
    for (let n = 0; n < count; n++)
        alloc[senderOf(n)] = { balance: quantity(10n ** 30n), nonce: '0x0', storage: {}, ...state.senders[n] };
    return { peer, fork: forkName, seed, index, env, alloc, txs };
}

// The accounts with their code, as every side takes them.
export function allocOf(batch) {
    return Object.fromEntries(Object.entries(batch.alloc).map(([address, { program: p, code, ...rest }]) => [address, { ...rest, code: p ? assemble(p) : code ?? '0x' }]));
}

const blobOf = once((k) => Buffer.from(word(k).repeat(4096), 'hex'));
function once(make) { const made = {}; return (k) => (made[k] ??= make(k)); }
const sidecarOf = (blobs, f) => {
    const at = blobs.map((k) => '0x' + commitments()[k]), proof = '0x' + infinity;
    const parts = [blobs.map(blobOf), at, f >= fork.Osaka ? Array(128 * blobs.length).fill(proof) : at.map(() => proof)];
    return f >= fork.Osaka ? [1, ...parts] : parts;
};

// The transaction signed: t8n's fields, and `raw` (the canonical encoding) and `network` (with blobs, where there are any). Cached: the batch's
// transactions are not changed in place.
const signed = new WeakMap();
export function signedOf(tx, forkName) {
    if (signed.has(tx)) return signed.get(tx);
    const key = keyOf(tx.sender), f = FORKS.indexOf(forkName);
    const full = { ...tx, input: tx.program ? assemble(tx.program) : tx.input };
    if (tx.type === 3) full.blobVersionedHashes = tx.blobs.map((k) => '0x' + (tx.badVersion ? '02' : '01') + versionedHash(commitments()[k]).slice(2));
    if (tx.type === 4) full.authorizationList = tx.authorizationList.map(({ signer, highS, yParity, r, s, ...auth }) => {
        const made = signAuthorization(auth, keyOf(signer), highS);
        return { ...made, yParity: yParity ?? made.yParity, r: r ?? made.r, s: s ?? made.s };
    });
    const signature = signTransaction(full, key, { highS: tx.highS, sidecar: tx.type === 3 ? sidecarOf(tx.blobs, f) : null });
    const fields = { type: quantity(tx.type), nonce: tx.nonce, gas: tx.gas, value: tx.value, input: full.input, v: signature.v, r: signature.r, s: signature.s };
    if (tx.to !== null) fields.to = tx.to;
    if (tx.type > 0 || tx.protected) fields.chainId = tx.chainId;
    const names = { 0: ['gasPrice'], 1: ['gasPrice', 'accessList'] }[tx.type] ?? ['maxFeePerGas', 'maxPriorityFeePerGas', 'accessList',
        ...(tx.type === 3 ? ['maxFeePerBlobGas', 'blobVersionedHashes'] : []), ...(tx.type === 4 ? ['authorizationList'] : [])];
    for (const name of names) fields[name] = full[name];
    if (tx.type > 0) fields.yParity = signature.v;
    if (fields.authorizationList) fields.authorizationList = fields.authorizationList.map((a) => ({ ...a, v: a.yParity }));
    const made = { fields, sender: senderOf(tx.sender), raw: signature.raw, network: signature.network, hash: signature.hash };
    signed.set(tx, made);
    return made;
}
export const hashOf = (bytes) => toHex(keccak(bytes));
