// programs.mjs - random programs by a grammar: statements that know how many words stand on the stack, branches, loops, calls.
//
// A program is {items, data}; an item is hexadecimal code, or a mark that assemble() resolves, so that a shrinker can leave items
// out and every jump still finds its target:  '@3' label 3 (a JUMPDEST)   '>3' PUSH2 of label 3   '$1' PUSH2 of data's offset.
import { addressOf, word } from './encode.mjs';
import { precompileInput } from './inputs.mjs';

export const FORKS = ['Frontier', 'Homestead', 'EIP150', 'EIP158', 'Byzantium', 'Constantinople', 'ConstantinopleFix', 'Istanbul', 'Berlin',
    'London', 'Merge', 'Shanghai', 'Cancun', 'Prague', 'Osaka'];
export const fork = Object.fromEntries(FORKS.map((name, i) => [name, i]));
const PRECOMPILES = [4, 4, 4, 4, 8, 8, 8, 9, 9, 9, 9, 9, 10, 17, 17];
export const precompilesOf = (f) => PRECOMPILES[f];

// [opcode, pops, pushes, first fork]: those without effects beyond the stack.
const PLAIN = [
    [0x01, 2, 1, 0], [0x02, 2, 1, 0], [0x03, 2, 1, 0], [0x04, 2, 1, 0], [0x05, 2, 1, 0], [0x06, 2, 1, 0], [0x07, 2, 1, 0], [0x08, 3, 1, 0],
    [0x09, 3, 1, 0], [0x0a, 2, 1, 0], [0x0b, 2, 1, 0], [0x10, 2, 1, 0], [0x11, 2, 1, 0], [0x12, 2, 1, 0], [0x13, 2, 1, 0], [0x14, 2, 1, 0],
    [0x15, 1, 1, 0], [0x16, 2, 1, 0], [0x17, 2, 1, 0], [0x18, 2, 1, 0], [0x19, 1, 1, 0], [0x1a, 2, 1, 0], [0x1b, 2, 1, 5], [0x1c, 2, 1, 5],
    [0x1d, 2, 1, 5], [0x1e, 1, 1, 14],
];
const ENVIRONMENT = [
    [0x30, 0], [0x32, 0], [0x33, 0], [0x34, 0], [0x36, 0], [0x38, 0], [0x3a, 0], [0x3d, 4], [0x41, 0], [0x42, 0], [0x43, 0], [0x44, 0], [0x45, 0],
    [0x46, 7], [0x47, 7], [0x48, 9], [0x4a, 12], [0x58, 0], [0x59, 0], [0x5a, 0],
];
const UNDEFINED = [0x0c, 0x0f, 0x1f, 0x21, 0x2f, 0x4b, 0x4f, 0xa5, 0xb0, 0xc0, 0xd0, 0xe0, 0xef, 0xf6, 0xf9, 0xfb, 0xfc, 0xfe, 0xff];
const LATER = [[0x1b, 5], [0x1e, 14], [0x3d, 4], [0x3e, 4], [0x3f, 5], [0x46, 7], [0x47, 7], [0x48, 9], [0x49, 12], [0x4a, 12], [0x5c, 12],
    [0x5d, 12], [0x5e, 12], [0x5f, 11], [0xf4, 1], [0xf5, 5], [0xfa, 4], [0xfd, 4]];

export function assemble({ items, data }) {
    const labels = {};
    let at = 0;
    for (const item of items) {
        if (item[0] === '@') labels[item] = at++;
        else at += item[0] === '>' || item[0] === '$' ? 3 : item.length / 2;
    }
    const offsets = data.map((d) => { const o = at; at += d.length / 2; return o; });
    const push2 = (n) => '61' + Math.min(n ?? 0xffff, 0xffff).toString(16).padStart(4, '0');
    const code = items.map((item) => item[0] === '@' ? '5b' : item[0] === '>' ? push2(labels['@' + item.slice(1)])
        : item[0] === '$' ? push2(offsets[item.slice(1)]) : item);
    return '0x' + code.join('') + data.join('');
}

// Operations that world.avoid names ('sstore', 'selfdestruct' and more; known.md says for which peer and why) give way to harmless ones.
function avoiding(world, { items, data }) {
    const instead = { '55': world.avoid.has('sstore') ? '50' : '55', ff: world.avoid.has('selfdestruct') ? '00' : 'ff' };
    return { items: items.map((item) => instead[item] ?? item), data };
}

// world: {fork, programs: [address], accounts: [address], avoid: Set}: what a program may name and do.
class Writer {
    constructor(rng, world, nesting) {
        Object.assign(this, { rng, world, nesting, f: world.fork, items: [], data: [], depth: 0, labels: 0 });
    }
    op(...bytes) { for (const b of bytes) this.items.push(b.toString(16).padStart(2, '0')); }
    constant() {
        const rng = this.rng;
        switch (rng.below(9)) {
        case 0: case 1: return BigInt(rng.below(4));
        case 2: return BigInt(rng.below(300));
        case 3: return BigInt(rng.pick([31, 32, 33, 63, 64, 65, 95, 96, 255, 256, 257, 65535, 65536]));
        case 4: return BigInt.asUintN(256, (1n << BigInt(rng.below(257))) + BigInt(rng.below(3) - 1));
        case 5: return BigInt.asUintN(256, -BigInt(rng.below(300)) - 1n);
        case 6: return BigInt.asUintN(256, -(1n << BigInt(rng.below(256))) + BigInt(rng.below(3) - 1));
        case 7: return rng.big(rng.pick([8, 32, 64, 128, 256, 256]));
        default: return BigInt(rng.pick([...this.world.programs, ...this.world.accounts]));
        }
    }
    push(value) {
        const rng = this.rng;
        let text = BigInt.asUintN(256, BigInt(value)).toString(16);
        if (text.length % 2) text = '0' + text;
        if (value === 0n && this.f >= fork.Shanghai && rng.chance(0.7)) this.op(0x5f);
        else {
            if (rng.chance(0.05)) text = text.padStart(2 * rng.between(text.length / 2, 32), '0');
            this.items.push((0x5f + text.length / 2).toString(16) + text);
        }
        this.depth++;
    }
    // The operands that are missing, and now and then more; rarely too few.
    need(words) {
        if (this.rng.chance(0.003)) return;
        while (this.depth < words || (words && this.rng.chance(0.25) && this.depth < 12)) this.push(this.constant());
    }
    run(op, pops, pushes) {
        this.op(op);
        this.depth = Math.max(0, this.depth - pops) + pushes;
    }
    pop(to) {
        while (this.depth > to) this.run(0x50, 1, 0);
        while (this.depth < to) this.push(0n);
    }
    offset() {
        const rng = this.rng;
        return rng.weighted([[50, BigInt(32 * rng.below(10))], [30, BigInt(rng.below(320))], [4, BigInt(rng.below(4096))], [1, BigInt(rng.below(70000))],
            [0.15, rng.pick([2n ** 20n, 2n ** 32n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 255n, 2n ** 256n - 1n, 2n ** 256n - 32n])]]);
    }
    size() {
        const rng = this.rng;
        return rng.weighted([[20, 32n], [20, BigInt(rng.below(100))], [10, 0n], [3, BigInt(rng.below(1000))],
            [0.1, rng.pick([2n ** 16n, 2n ** 24n, 2n ** 32n, 2n ** 64n - 1n, 2n ** 256n - 1n])]]);
    }
    slot() { return this.rng.chance(0.95) ? BigInt(this.rng.below(6)) : this.constant(); }
    account() {
        const rng = this.rng, { programs, accounts, fork: f } = this.world;
        return rng.weighted([[10, rng.pick(programs)], [6, rng.pick(accounts)], [2, addressOf(rng.between(0, precompilesOf(f) + 2))], [this.world.avoid.has('missing') ? 0 : 0.5, addressOf(rng.big(160))],
            [0.3, addressOf(0x100)]]);
    }
    pushAccount() {
        const rng = this.rng;
        if (rng.chance(0.1)) { this.run(rng.pick([0x30, 0x32, 0x33, 0x41]), 0, 1); return; }
        let value = BigInt(this.account());
        if (rng.chance(0.02)) value |= rng.big(96) << 160n; // the upper bytes do not count
        this.push(value);
    }
    label() { return this.labels++; }
    add(data) { this.data.push(data); return this.data.length - 1; }
    // data to memory at offset `to`
    load(data, to) {
        const k = this.add(data);
        this.push(BigInt(data.length / 2));
        this.items.push('$' + k);
        this.depth++;
        this.push(to);
        this.run(0x39, 3, 0);
    }
    afterCall() {
        const rng = this.rng;
        if (this.f >= fork.Byzantium && rng.chance(0.5)) { // the output, into memory
            this.op(0x3d);
            this.push(rng.chance(0.95) ? 0n : 1n);
            this.depth++;
            this.push(this.offset());
            this.run(0x3e, 3, 0);
        }
        if (rng.chance(0.3)) { this.push(this.slot()); this.run(0x55, 2, 0); }
    }
    callGas() {
        const rng = this.rng;
        if (this.f <= fork.Homestead) { // all that is asked for must be there
            if (rng.chance(0.15)) this.push(BigInt(rng.pick([0, 1, 700, 2300, 30000])));
            else { this.push(BigInt(rng.pick([40000, 60000, 100000]))); this.run(0x5a, 0, 1); this.run(0x03, 2, 1); }
        } else if (rng.chance(0.3)) this.run(0x5a, 0, 1);
        else this.push(rng.weighted([[12, BigInt(rng.below(60000))], [1, 0n], [1, 2300n], [1, 2n ** 64n], [1, 2n ** 256n - 1n]]));
    }
    // in: [offset, size] or null for any; target: pushes the address
    call(target, input) {
        const rng = this.rng;
        const kinds = [[6, 0xf1], [2, 0xf2]];
        if (this.f >= fork.Homestead) kinds.push([3, 0xf4]);
        if (this.f >= fork.Byzantium) kinds.push([3, 0xfa]);
        const kind = rng.weighted(kinds);
        this.push(rng.chance(0.3) ? 0n : this.size());
        this.push(this.offset());
        this.push(input ? input[1] : this.size());
        this.push(input ? input[0] : this.offset());
        if (kind < 0xf4) this.push(rng.weighted([[6, 0n], [2, 1n], [1, BigInt(rng.below(1000))], [0.3, this.constant()]]));
        target();
        this.callGas();
        this.run(kind, kind < 0xf4 ? 7 : 6, 1);
        this.afterCall();
    }
    initcode() {
        const rng = this.rng;
        return rng.weighted([
            [3, () => this.nesting > 0 ? program(rng, this.world, this.nesting - 1) : { items: ['00'], data: [] }],
            [3, () => returning(program(rng, this.world, 0))],
            [1, () => ({ items: ['60ef', '6000', '53', '6001', '6000', 'f3'], data: [] })], // EIP-3541
            [1, () => ({ items: ['61' + rng.pick(['6000', '6001', '0100', '2000']), '6000', 'f3'], data: [] })],
            [1, () => ({ items: ['33', 'ff'], data: [] })],
            [1, () => ({ items: ['6001', '6000', '55', '6020', '6000', rng.pick(['fd', 'fe', 'f3'])], data: [] })],
            [1, () => ({ items: [], data: [] })],
        ])();
    }
    create() {
        const rng = this.rng, code = assemble(avoiding(this.world, this.initcode())).slice(2), to = BigInt(32 * rng.below(8));
        if (code.length) this.load(code, to);
        const two = this.f >= fork.Constantinople && !this.world.avoid.has('create2') && rng.chance(0.5);
        if (two) this.push(rng.chance(0.8) ? BigInt(rng.below(2)) : this.constant());
        this.push(BigInt(code.length / 2 + (rng.chance(0.03) ? rng.below(40) : 0)));
        this.push(to);
        this.push(rng.weighted([[6, 0n], [2, 1n], [0.3, this.constant()]]));
        this.run(two ? 0xf5 : 0xf0, two ? 4 : 3, 1);
        if (rng.chance(0.5)) { // call what came of it
            this.run(0x80, 0, 1);
            const at = BigInt(1024 + 32 * rng.below(4));
            this.push(at);
            this.run(0x52, 2, 0);
            this.call(() => { this.push(at); this.run(0x51, 1, 1); }, null);
        }
        this.afterCall();
    }
    block(levels) { for (let n = this.rng.between(1, 4); n > 0; n--) this.statement(levels); }
    statement(levels) {
        const rng = this.rng, f = this.f;
        const kind = rng.weighted([[36, 'plain'], [10, 'environment'], [14, 'stack'], [12, 'memory'], [6, 'copy'], [4, 'hash'], [8, 'storage'], [5, 'account'],
            [4, 'log'], [levels ? 7 : 0, 'if'], [levels ? 3 : 0, 'loop'], [levels ? 1.5 : 0, 'sub'], [7, 'call'], [5, 'precompile'], [this.nesting ? 2.5 : 0.5, 'create'],
            [0.25, 'odd'], [0.2, 'end']]);
        switch (kind) {
        case 'plain': {
            const [op, pops, pushes, since] = rng.pick(PLAIN);
            if (since > f) break;
            this.need(pops);
            this.run(op, pops, pushes);
            break;
        }
        case 'environment': {
            const [op, since] = rng.pick(ENVIRONMENT);
            if (since <= f) this.run(op, 0, 1);
            break;
        }
        case 'stack':
            if (this.depth === 0 || rng.chance(0.4)) this.push(this.constant());
            else if (rng.chance(0.1)) this.run(0x50, 1, 0);
            else if (rng.chance(0.5)) this.run(0x80 + rng.below(Math.min(this.depth, 16)), 0, 1);
            else if (this.depth > 1) this.run(0x90 + rng.below(Math.min(this.depth - 1, 16)), 0, 0);
            else if (rng.chance(0.02)) this.run(rng.between(0x80, 0x9f), 0, 0);
            break;
        case 'memory': {
            const which = rng.below(f >= fork.Cancun ? 4 : 3);
            if (which === 0) { this.push(this.offset()); this.run(0x51, 1, 1); break; }
            if (which === 3) { this.push(this.size()); this.push(this.offset()); this.push(this.offset()); this.run(0x5e, 3, 0); break; }
            this.need(1);
            this.push(this.offset());
            this.run(which === 1 ? 0x52 : 0x53, 2, 0);
            break;
        }
        case 'copy': {
            const which = rng.below(f >= fork.Byzantium ? 4 : 3);
            if (which === 0) { this.run(0x36, 0, 1); this.run(0x35, 1, 1); break; }
            this.push(which === 3 ? (rng.chance(0.9) ? 0n : this.size()) : this.size());
            this.push(which === 3 ? 0n : this.offset());
            this.push(this.offset());
            if (which === 2 && rng.chance(0.5)) { this.pushAccount(); this.run(0x3c, 4, 0); } else this.run([0, 0x37, 0x39, 0x3e][which], 3, 0);
            break;
        }
        case 'hash': this.push(this.size()); this.push(this.offset()); this.run(0x20, 2, 1); break;
        case 'storage': {
            const transient = f >= fork.Cancun && rng.chance(0.3);
            if (rng.chance(0.4)) { this.push(this.slot()); this.run(transient ? 0x5c : 0x54, 1, 1); break; }
            if (rng.chance(0.4)) this.push(BigInt(rng.below(3))); else this.need(1);
            this.push(this.slot());
            this.run(transient ? 0x5d : 0x55, 2, 0);
            break;
        }
        case 'account': {
            const ops = [0x31, 0x3b];
            if (f >= fork.Constantinople) ops.push(0x3f);
            const op = rng.pick([...ops, 0x40, f >= fork.Cancun ? 0x49 : 0x40]);
            if (op === 0x40) {
                this.push(BigInt(rng.weighted([[3, rng.below(4)], [1, rng.below(300)]])));
                if (rng.chance(0.8)) { this.run(0x43, 0, 1); this.run(0x03, 2, 1); }
            } else if (op === 0x49) this.push(rng.chance(0.9) ? BigInt(rng.below(7)) : this.constant());
            else this.pushAccount();
            this.run(op, 1, 1);
            break;
        }
        case 'log': {
            const topics = rng.below(5);
            this.need(topics);
            this.push(this.size());
            this.push(this.offset());
            this.run(0xa0 + topics, 2 + topics, 0);
            break;
        }
        case 'if': {
            const end = this.label();
            this.need(1);
            this.items.push('>' + end);
            this.run(0x57, 1, 0);
            const depth = this.depth;
            this.block(levels - 1);
            this.pop(depth);
            this.items.push('@' + end);
            break;
        }
        case 'loop': { // counted down on the stack
            const top = this.label();
            this.push(BigInt(rng.weighted([[20, rng.between(1, 8)], [1.5, rng.between(10, 60)], [0.03, 100000]])));
            this.items.push('@' + top);
            const depth = this.depth;
            this.block(levels - 1);
            this.pop(depth);
            this.push(1n);
            this.op(0x90, 0x03, 0x80);
            this.items.push('>' + top);
            this.op(0x57, 0x50);
            this.depth = depth - 1;
            break;
        }
        case 'sub': { // a subroutine: its return address lies on the stack
            const back = this.label(), sub = this.label(), depth = this.depth;
            this.items.push('>' + back, '>' + sub);
            this.op(0x56);
            this.items.push('@' + sub);
            this.depth = depth + 1;
            this.block(levels - 1);
            this.pop(depth + 1);
            this.op(0x56);
            this.items.push('@' + back);
            this.depth = depth;
            break;
        }
        case 'call': this.call(() => this.pushAccount(), null); break;
        case 'precompile': {
            const { address, data } = precompileInput(rng, precompilesOf(f), f >= fork.Osaka, this.world.avoid.has('blobs'));
            const to = BigInt(32 * rng.below(4));
            if (data.length) this.load(data, to);
            this.call(() => this.push(BigInt(address)), [to, BigInt(data.length / 2)]);
            break;
        }
        case 'create': this.create(); break;
        case 'odd': this.odd(); break;
        case 'end': this.end(); break;
        }
    }
    odd() {
        const rng = this.rng;
        switch (rng.below(6)) {
        case 0: this.op(rng.pick(UNDEFINED)); break;
        case 1: { const later = LATER.filter(([, since]) => since > this.f); if (later.length) this.op(rng.pick(later)[0]); break; }
        case 2: this.push(this.constant()); this.op(0x56); break; // a jump to nowhere
        case 3: this.push(this.constant()); this.push(BigInt(rng.below(60))); this.op(0x57); break;
        case 4: if (this.world.avoid.size === 0) for (const b of rng.bytes(rng.between(1, 6))) this.op(b); break;
        case 5: { // overflow by a loop that leaves words behind
            const top = this.label();
            this.items.push('@' + top);
            this.op(0x5a, 0x80);
            this.items.push('>' + top);
            this.op(0x56);
            break;
        }
        }
    }
    // How a program ends; its output is a piece of memory.
    end() {
        const rng = this.rng;
        switch (rng.weighted([[6, 'stop'], [10, 'return'], [this.f >= fork.Byzantium ? 4 : 0, 'revert'], [2, 'destruct'], [1, 'invalid'], [1, 'off']])) {
        case 'stop': this.op(0x00); break;
        case 'return': this.push(this.size()); this.push(this.offset()); this.op(0xf3); break;
        case 'revert': this.push(this.size()); this.push(this.offset()); this.op(0xfd); break;
        case 'destruct': this.pushAccount(); this.op(0xff); break;
        case 'invalid': this.op(0xfe); break;
        case 'off': break;
        }
    }
    // What shows the stack, memory and the rest of the gas: in a log or, rarely, in storage.
    epilogue() {
        const rng = this.rng;
        if (rng.chance(0.1)) { this.run(0x5a, 0, 1); this.push(this.slot()); this.run(0x55, 2, 0); }
        this.run(0x59, 0, 1);
        this.push(0n);
        this.run(0x20, 2, 1); // hash of all memory
        const topics = Math.min(4, this.depth);
        this.push(0n);
        this.push(0n);
        this.run(0xa0 + topics, 2 + topics, 0);
        const more = Math.min(4, this.depth);
        if (more) {
            this.push(0n);
            this.push(0n);
            this.run(0xa0 + more, 2 + more, 0);
        }
    }
}

// Initcode that returns the code of `inner`.
export function returning(inner) {
    const code = assemble(inner).slice(2), size = (code.length / 2).toString(16).padStart(4, '0');
    return { items: ['61' + size, '80', '$0', '6000', '39', '6000', 'f3'], data: [code] };
}

export function program(rng, world, nesting = 1) {
    const writer = new Writer(rng, world, nesting);
    const statements = rng.weighted([[4, rng.between(1, 6)], [4, rng.between(6, 20)], [2, rng.between(20, 50)]]);
    if (rng.chance(0.01)) writer.odd();
    if (rng.chance(0.2)) for (let i = rng.between(4, 20); i > 0; i--) writer.push(writer.constant()); // deep enough for every DUP and SWAP
    for (let i = 0; i < statements && writer.items.length < 700; i++) writer.statement(2);
    if (rng.chance(0.85)) writer.epilogue();
    writer.end();
    return avoiding(world, writer);
}

// Calls itself as deep as it goes, then logs; 1,024 levels with enough gas.
export function recursion(rng, world) {
    const gas = world.fork <= fork.Homestead ? ['62000200', '5a', '03'] : ['5a'];
    const log = rng.chance(0.5) ? ['5a', '6000', '6000', 'a1'] : ['6000', '54', '6001', '01', '6000', '55'];
    return avoiding(world, { items: ['6000', '6000', '6000', '6000', '6000', '30', ...gas, 'f1', ...log], data: [] });
}

// Calls the program that its input names, with the rest of the input, and logs the outcome and a hash of the output.
export function wrapper() {
    return { items: ['6020', '36', '03', '6020', '6000', '37', '6000', '6000', '6020', '36', '03', '6000', '34', '6000', '35', '5a', 'f1',
        '3d', '6000', '6000', '3e', '3d', '6000', '20', '6000', '6000', 'a2', '00'], data: [] };
}
export const wrapped = (target, input) => '0x' + word(BigInt(target)) + input.slice(2);
