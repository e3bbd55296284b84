// encode.mjs - what both generators need: seeded random numbers, hexadecimal text, RLP, signed transactions of types 0 to 4.
// Written for these tests alone, so that a mistake in a peer's encoder cannot hide itself.
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';

export const toHex = (bytes) => '0x' + Buffer.from(bytes).toString('hex');
export const fromHex = (text) => Uint8Array.from(Buffer.from(text.slice(2), 'hex'));
export const quantity = (value) => '0x' + BigInt(value).toString(16);
export const word = (value) => BigInt.asUintN(256, BigInt(value)).toString(16).padStart(64, '0');
export const keccak = (bytes) => keccak_256(bytes);
export const addressOf = (number) => '0x' + BigInt(number).toString(16).padStart(40, '0');

// A small counter-based generator of 32-bit numbers (sfc32), seeded by a text.
export class Random {
    constructor(seed) {
        const s = new Uint32Array(keccak_256(new TextEncoder().encode(seed)).slice(0, 16).buffer);
        [this.a, this.b, this.c, this.n] = s;
        for (let i = 0; i < 12; i++) this.next();
    }
    next() {
        const t = (this.a + this.b + this.n) | 0;
        this.n = (this.n + 1) | 0;
        this.a = this.b ^ (this.b >>> 9);
        this.b = (this.c + (this.c << 3)) | 0;
        this.c = ((this.c << 21) | (this.c >>> 11)) + t | 0;
        return t >>> 0;
    }
    below(n) { return n > 0 ? Math.floor(this.next() / 4294967296 * n) : 0; }
    chance(p) { return this.next() / 4294967296 < p; }
    between(low, high) { return low + this.below(high - low + 1); }
    pick(list) { return list[this.below(list.length)]; }
    // pick by weight: [[weight, value], ...]
    weighted(list) {
        let at = this.next() / 4294967296 * list.reduce((sum, [w]) => sum + w, 0);
        for (const [w, value] of list) if ((at -= w) < 0) return value;
        return list[list.length - 1][1];
    }
    bytes(n) { return Uint8Array.from({ length: n }, () => this.next() >>> 13 & 255); }
    big(bits) {
        let value = 0n;
        for (let i = 0; i < bits; i += 32) value = value << 32n | BigInt(this.next());
        return value & ((1n << BigInt(bits)) - 1n);
    }
}

const lengthOf = (size, base) => {
    if (size < 56) return [base + size];
    const bytes = fromHex('0x' + size.toString(16).padStart(size > 0xffff ? 6 : size > 0xff ? 4 : 2, '0'));
    return [base + 55 + bytes.length, ...bytes];
};
// Numbers are big-endian without leading zeros, byte strings and lists as they are.
export function rlp(item) {
    if (Array.isArray(item)) {
        const body = Buffer.concat(item.map(rlp));
        return Buffer.concat([Buffer.from(lengthOf(body.length, 0xc0)), body]);
    }
    let bytes = item;
    if (typeof item === 'number' || typeof item === 'bigint') {
        const text = BigInt(item).toString(16);
        bytes = BigInt(item) === 0n ? new Uint8Array(0) : fromHex('0x' + (text.length % 2 ? '0' : '') + text);
    } else if (typeof item === 'string') bytes = fromHex(item);
    if (bytes.length === 1 && bytes[0] < 0x80) return Buffer.from(bytes);
    return Buffer.concat([Buffer.from(lengthOf(bytes.length, 0x80)), bytes]);
}

// Signatures with one of 32 fixed nonces, whose points are computed once: worthless as a secret, good as a signature, and nearly free.
const { n: order } = secp256k1.Point.CURVE();
const mod = (value) => ((value % order) + order) % order;
const nonces = Array.from({ length: 32 }, (_, i) => {
    const k = BigInt(toHex(keccak_256(Uint8Array.of(i)))) % order, { x, y } = secp256k1.Point.BASE.multiply(k).toAffine();
    return { r: mod(x), parity: Number(y & 1n), inverse: secp256k1.Point.Fn.inv(k) };
});
const publicKeys = new Map();
const publicKeyOf = (key) => publicKeys.get(key) ?? publicKeys.set(key, secp256k1.getPublicKey(fromHex(key), false).slice(1)).get(key);
export const addressOfKey = (key) => toHex(keccak_256(publicKeyOf(key)).slice(12));

// Who signed what, so that a peer need not recover it again (weft does): text of hash, parity, r and s to public key.
export const signers = new Map();
export const signatureText = (hash, parity, r, s) => `${toHex(hash)}/${parity}/${r}/${s}`;

export function sign(hash, key, highS = false) {
    const { r, parity, inverse } = nonces[hash[0] & 31];
    let s = mod(inverse * (BigInt(toHex(hash)) + r * BigInt(key))), odd = parity;
    if (s > order / 2n !== highS) [s, odd] = [order - s, 1 - odd];
    if (signers.size > 20000) signers.clear();
    signers.set(signatureText(hash, odd, r, s), publicKeyOf(key));
    return { parity: odd, r, s };
}

const accessRlp = (list) => list.map(({ address, storageKeys }) => [address, storageKeys]);
const authRlp = (a) => [a.chainId, a.address, a.nonce, a.yParity, a.r, a.s].map((x, i) => i === 1 ? x : BigInt(x));

// tx: {type, chainId, nonce, gasPrice | maxFeePerGas, maxPriorityFeePerGas, gas, to (null: creation), value, input, accessList,
// maxFeePerBlobGas, blobVersionedHashes, authorizationList, protected}. Returns {raw, v, r, s, hash}, fields as hexadecimal text.
export function signTransaction(tx, key, { highS = false, sidecar = null } = {}) {
    const to = tx.to ?? new Uint8Array(0);
    const tail = [BigInt(tx.gas), to, BigInt(tx.value), tx.input];
    const fees = () => [BigInt(tx.maxPriorityFeePerGas), BigInt(tx.maxFeePerGas)];
    let fields;
    switch (tx.type) {
    case 0: fields = [BigInt(tx.nonce), BigInt(tx.gasPrice), ...tail]; break;
    case 1: fields = [BigInt(tx.chainId), BigInt(tx.nonce), BigInt(tx.gasPrice), ...tail, accessRlp(tx.accessList)]; break;
    case 2: fields = [BigInt(tx.chainId), BigInt(tx.nonce), ...fees(), ...tail, accessRlp(tx.accessList)]; break;
    case 3: fields = [BigInt(tx.chainId), BigInt(tx.nonce), ...fees(), ...tail, accessRlp(tx.accessList), BigInt(tx.maxFeePerBlobGas), tx.blobVersionedHashes]; break;
    case 4: fields = [BigInt(tx.chainId), BigInt(tx.nonce), ...fees(), ...tail, accessRlp(tx.accessList), tx.authorizationList.map(authRlp)]; break;
    }
    const prefix = tx.type === 0 ? [] : [tx.type];
    const unsigned = tx.type === 0 && tx.protected ? [...fields, BigInt(tx.chainId), 0, 0] : fields;
    const { parity, r, s } = sign(keccak(Buffer.concat([Buffer.from(prefix), rlp(unsigned)])), key, highS);
    const v = tx.type !== 0 ? parity : tx.protected ? parity + 35 + 2 * Number(tx.chainId) : parity + 27;
    const raw = Buffer.concat([Buffer.from(prefix), rlp([...fields, v, r, s])]);
    const network = sidecar ? Buffer.concat([Buffer.from(prefix), rlp([[...fields, v, r, s], ...sidecar])]) : raw;
    return { raw: toHex(raw), network: toHex(network), hash: toHex(keccak(raw)), v: quantity(v), r: quantity(r), s: quantity(s) };
}

export function signAuthorization(auth, key, highS = false) {
    const message = Buffer.concat([Buffer.from([5]), rlp([BigInt(auth.chainId), auth.address, BigInt(auth.nonce)])]);
    const { parity, r, s } = sign(keccak(message), key, highS);
    return { ...auth, yParity: quantity(parity), r: quantity(r), s: quantity(s) };
}
