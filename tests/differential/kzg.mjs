// kzg.mjs - the check of a KZG proof (EIP-4844, verify_kzg_proof) for @ethereumjs/vm, which comes without one.
import { bls12_381 } from '@noble/curves/bls12-381.js';

const { G1, G2, fields: { Fp12, Fr } } = bls12_381;
// tau times the second group's generator, from the ceremony's trusted_setup.json (g2_monomial[1])
const TAU = 'b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72' +
    '185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2';
let tau;
const point = (text) => {
    const made = G1.Point.fromHex(text.slice(2));
    if (!made.is0()) made.assertValidity();
    return made;
};
const scalar = (text) => {
    const value = BigInt(text);
    if (value >= Fr.ORDER) throw new Error('not a field element');
    return value;
};
const times = (p, k) => k === 0n ? p.constructor.ZERO : p.multiply(k);

function verifyProof(commitment, z, y, proof) {
    const c = point(commitment), w = point(proof), at = scalar(z), value = scalar(y);
    tau ??= G2.Point.fromHex(TAU);
    const pairs = [{ g1: c.subtract(times(G1.Point.BASE, value)), g2: G2.Point.BASE.negate() }, { g1: w, g2: tau.subtract(times(G2.Point.BASE, at)) }]
        .filter(({ g1, g2 }) => !g1.is0() && !g2.is0());
    return pairs.length === 0 || Fp12.eql(bls12_381.pairingBatch(pairs), Fp12.ONE);
}
export const kzg = { verifyProof };
