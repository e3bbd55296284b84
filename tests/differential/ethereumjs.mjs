// ethereumjs.mjs - a batch on @ethereumjs/vm, transaction by transaction.
// An outcome, of every side: {txs: [{rejected: reason} | {status, gasUsed, logs: [text], created}], root, account(address)}.
import { createBlock } from '@ethereumjs/block';
import { Common, Mainnet } from '@ethereumjs/common';
import { Caches, MerkleStateManager } from '@ethereumjs/statemanager';
import { createTxFromRLP } from '@ethereumjs/tx';
import { Account, Address, bytesToHex, ecrecover, hexToBytes, setLengthLeft } from '@ethereumjs/util';
import { createVM, runTx } from '@ethereumjs/vm';
import { fromHex, quantity, signatureText, signers } from './encode.mjs';
import { kzg } from './kzg.mjs';
import { FORKS, fork } from './programs.mjs';
import { HISTORY, allocOf, signedOf } from './transactions.mjs';

const NAMES = ['chainstart', 'homestead', 'tangerineWhistle', 'spuriousDragon', 'byzantium', 'constantinople', 'petersburg', 'istanbul', 'berlin', 'london', 'paris',
    'shanghai', 'cancun', 'prague', 'osaka'];
const addressOf = (text) => new Address(hexToBytes(text));
export const logText = (address, topics, data) => [address, ...topics, data].join(' ');

// Its curve arithmetic would be half of the run: for our own signatures the key is known.
const number = (bytes) => BigInt(bytesToHex(bytes));
const recover = (hash, v, r, s, chainId) => {
    const parity = v < 2n ? v : v - (chainId === undefined ? 27n : 2n * chainId + 35n);
    return signers.get(signatureText(hash, parity, number(r), number(s))) ?? ecrecover(hash, v, r, s, chainId);
};

export async function runEthereumjs(batch, env = batch.env) {
    const f = FORKS.indexOf(batch.fork);
    const common = new Common({ chain: Mainnet, hardfork: NAMES[f], customCrypto: { kzg, ecrecover: recover } });
    const stateManager = new MerkleStateManager({ common, caches: new Caches() });
    const blockchain = {
        getBlock: async (n) => ({ hash: () => fromHex(env.blockHashes[Number(n)]) }), putBlock: async () => {}, shallowCopy() { return this; },
    };
    const vm = await createVM({ common, stateManager, blockchain });
    for (const [text, { balance, nonce, code, storage }] of Object.entries(allocOf(batch))) {
        const address = addressOf(text);
        await stateManager.putAccount(address, new Account(BigInt(nonce), BigInt(balance)));
        if (code !== '0x') await stateManager.putCode(address, hexToBytes(code));
        for (const [key, value] of Object.entries(storage)) await stateManager.putStorage(address, hexToBytes(key), hexToBytes(evenHex(value)));
    }
    const parent = Number(env.currentNumber) - 1; // the block's system call of EIP-2935; runTx knows transactions only
    if (batch.alloc[HISTORY]) await stateManager.putStorage(addressOf(HISTORY), setLengthLeft(hexToBytes(evenHex(parent % 8191)), 32), hexToBytes(env.blockHashes[parent]));
    await stateManager.flush();
    const header = { number: env.currentNumber, timestamp: env.currentTimestamp, gasLimit: env.currentGasLimit, coinbase: env.currentCoinbase,
        difficulty: BigInt(env.currentDifficulty ?? 0) };
    if (f >= fork.London) header.baseFeePerGas = env.currentBaseFee;
    if (f >= fork.Merge) header.mixHash = env.currentRandom;
    if (f >= fork.Cancun) Object.assign(header, { excessBlobGas: env.currentExcessBlobGas, parentBeaconBlockRoot: env.parentBeaconBlockRoot });
    const block = createBlock({ header }, { common, skipConsensusFormatValidation: true });
    const txs = [];
    for (const tx of batch.txs) {
        try {
            const made = createTxFromRLP(fromHex(signedOf(tx, batch.fork).raw), { common });
            const { execResult, totalGasSpent, createdAddress } = await runTx(vm, { tx: made, block });
            // Frontier's creation that cannot pay for its code succeeds without it; the VM names the error but keeps the effects.
            const failed = execResult.exceptionError && !(f === fork.Frontier && execResult.exceptionError.error === 'code store out of gas');
            txs.push({
                status: failed ? 0 : 1, gasUsed: Number(totalGasSpent), created: tx.to === null ? createdAddress?.toString() ?? null : null,
                logs: failed ? [] : (execResult.logs ?? []).map(([a, t, d]) => logText(bytesToHex(a), t.map((x) => bytesToHex(x)), bytesToHex(d))),
                output: bytesToHex(execResult.returnValue), error: execResult.exceptionError?.error,
            });
        } catch (error) { txs.push({ rejected: error.message.slice(0, 160) }); }
    }
    await stateManager.flush();
    const root = bytesToHex(await stateManager.getStateRoot());
    const account = async (text, keys) => {
        const address = addressOf(text), found = await stateManager.getAccount(address);
        if (!found) return null;
        const storage = {};
        for (const key of keys) {
            const value = BigInt(bytesToHex(setLengthLeft(await stateManager.getStorage(address, hexToBytes(key)), 32)));
            if (value) storage[key] = quantity(value);
        }
        return { balance: quantity(found.balance), nonce: quantity(found.nonce), code: bytesToHex(await stateManager.getCode(address)), storage };
    };
    return { txs, root, account };
}
const evenHex = (value) => { const text = BigInt(value).toString(16); return '0x' + (text.length % 2 ? '0' : '') + text; };
