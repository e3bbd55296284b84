// inputs.mjs - plausible inputs of the precompiled contracts: valid ones from a few known points and signatures, then damaged.
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { bn254 } from '@noble/curves/bn254.js';
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { sign, toHex, word } from './encode.mjs';

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const field = (value, size) => value.toString(16).padStart(2 * size, '0');
const once = (make) => { let made; return () => (made ??= make()); };

// bn254 in EIP-196/197's encoding; the point at infinity is all zeros.
const bnG1 = once(() => [1n, 2n, 3n, 7n, 2n ** 200n].map((k) => bn254.G1.Point.BASE.multiply(k).toAffine()).map(({ x, y }) => word(x) + word(y)));
const bnG2 = once(() => [1n, 5n].map((k) => bn254.G2.Point.BASE.multiply(k).toAffine()).map(({ x, y }) => word(x.c1) + word(x.c0) + word(y.c1) + word(y.c0)));
const bnMinus = once(() => { const { x, y } = bn254.G1.Point.BASE.negate().toAffine(); return word(x) + word(y); });

// BLS12-381 in EIP-2537's encoding: 64 bytes an element.
const blsG1 = once(() => [1n, 2n, 11n].map((k) => bls12_381.G1.Point.BASE.multiply(k).toAffine()).map(({ x, y }) => field(x, 64) + field(y, 64)));
const blsMinus = once(() => { const { x, y } = bls12_381.G1.Point.BASE.negate().toAffine(); return field(x, 64) + field(y, 64); });
const blsG2 = once(() => [1n, 3n].map((k) => bls12_381.G2.Point.BASE.multiply(k).toAffine())
    .map(({ x, y }) => field(x.c0, 64) + field(x.c1, 64) + field(y.c0, 64) + field(y.c1, 64)));
const zeros = (bytes) => '00'.repeat(bytes);
const blsP = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn;

// Commitments of the constant polynomials 0 to 7: k times the generator. Every proof of them is the point at infinity, so they serve
// as valid inputs of the point evaluation and as blobs (every field element k) that need no trusted setup.
export const commitments = once(() => [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n].map((k) =>
    k === 0n ? 'c0' + zeros(47) : hex((bls12_381.G1.Point.BASE.multiply(k)).toBytes(true))));
export const infinity = 'c0' + zeros(47);
export const versionedHash = (commitment) => '01' + hex(sha256(Buffer.from(commitment, 'hex'))).slice(2);
const blsR = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;

const signed = once(() => ['11', '22'].map((k) => {
    const hash = sha256(Buffer.from(k, 'hex'));
    const { parity, r, s } = sign(hash, '0x' + k.repeat(32));
    return hex(hash) + word(27 + parity) + word(r) + word(s);
}));
const signedP256 = once(() => ['33', '44'].map((k) => {
    const key = Buffer.from(k.repeat(32), 'hex'), hash = sha256(key);
    return hex(hash) + hex(p256.sign(hash, key, { prehash: false })) + hex(p256.getPublicKey(key, false).slice(1));
}));

const makers = {
    1: (rng) => rng.pick(signed()),
    2: (rng) => hex(rng.bytes(rng.below(130))),
    3: (rng) => hex(rng.bytes(rng.below(130))),
    4: (rng) => hex(rng.bytes(rng.below(130))),
    5: (rng) => {
        const size = () => rng.weighted([[6, rng.below(40)], [2, 0], [1, 1], [1, 32], [1, rng.between(33, 100)]]);
        const [b, e, m] = [size(), size(), size()];
        const body = hex(rng.bytes(b)) + (rng.chance(0.3) ? zeros(e) : hex(rng.bytes(e))) + (rng.chance(0.1) ? zeros(m) : hex(rng.bytes(m)));
        const lengths = rng.chance(0.03) ? [b, e, m].map((n) => rng.pick([n, 2n ** 64n, 2n ** 32n, 1025n, 1024n])) : [b, e, m];
        return lengths.map(word).join('') + (rng.chance(0.2) ? body.slice(0, 2 * rng.below(body.length / 2)) : body);
    },
    6: (rng) => rng.pick([...bnG1(), zeros(64)]) + rng.pick([...bnG1(), bnMinus(), zeros(64)]),
    7: (rng) => rng.pick([...bnG1(), zeros(64)]) + word(rng.pick([0n, 1n, 2n, rng.big(256), rng.big(64), bn254.fields.Fr.ORDER, bn254.fields.Fr.ORDER - 1n])),
    8: (rng) => {
        const q = rng.pick(bnG2());
        return rng.weighted([[3, bnG1()[0] + q + bnMinus() + q], [1, ''], [1, rng.pick([...bnG1(), zeros(64)]) + rng.pick([...bnG2(), zeros(128)])]]);
    },
    9: (rng) => field(rng.weighted([[5, rng.below(20)], [1, 12], [1, rng.below(3000)]]), 4) + hex(rng.bytes(208)) + rng.weighted([[5, '01'], [5, '00'], [1, '02']]),
    10: (rng) => {
        const k = rng.below(8), c = commitments()[k];
        return versionedHash(c) + word(rng.big(254) % blsR) + word(k) + c + infinity;
    },
    11: (rng) => rng.pick([...blsG1(), zeros(128)]) + rng.pick([...blsG1(), blsMinus(), zeros(128)]),
    12: (rng) => Array.from({ length: rng.between(1, 3) }, () => rng.pick([...blsG1(), zeros(128)]) + word(rng.big(rng.pick([8, 256])))).join(''),
    13: (rng) => rng.pick([...blsG2(), zeros(256)]) + rng.pick([...blsG2(), zeros(256)]),
    14: (rng) => Array.from({ length: rng.between(1, 2) }, () => rng.pick([...blsG2(), zeros(256)]) + word(rng.big(rng.pick([8, 256])))).join(''),
    15: (rng) => {
        const q = rng.pick(blsG2());
        return rng.weighted([[2, blsG1()[0] + q + blsMinus() + q], [1, rng.pick([...blsG1(), zeros(128)]) + rng.pick([...blsG2(), zeros(256)])]]);
    },
    16: (rng) => field(rng.big(384) % blsP, 64),
    17: (rng) => field(rng.big(384) % blsP, 64) + field(rng.big(384) % blsP, 64),
    256: (rng) => rng.pick(signedP256()),
};
// Those that cost a slow peer tens of milliseconds come less often.
const slow = new Set([8, 10, 14, 15, 17]);

export function precompileInput(rng, count, hasP256, withoutKzg) {
    let address = rng.between(1, count + (hasP256 ? 1 : 0));
    if (slow.has(address) && rng.chance(0.7)) address = rng.between(1, Math.min(7, count));
    if (address === 10 && withoutKzg) address = 9;
    if (address > count) address = 256;
    let data = makers[address](rng);
    const damage = rng.below(12);
    if (damage === 0) data = data.slice(0, 2 * rng.below(data.length / 2 + 1));
    else if (damage === 1) data += hex(rng.bytes(rng.between(1, 40)));
    else if (damage === 2 && data.length) {
        const at = 2 * rng.below(data.length / 2);
        data = data.slice(0, at) + hex(rng.bytes(1)) + data.slice(at + 2);
    } else if (damage === 3 && data.length >= 64) {
        const at = 64 * rng.below(Math.floor(data.length / 64));
        data = data.slice(0, at) + word(rng.pick([0n, 1n, -1n, bn254.fields.Fp.ORDER, bn254.fields.Fr.ORDER, blsR, rng.big(256)])) + data.slice(at + 64);
    }
    return { address, data };
}
