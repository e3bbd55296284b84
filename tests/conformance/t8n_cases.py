#!/usr/bin/env python3
"""t8n_cases.py WEFT FIXTURES [STRIDE]: shared state tests as blocks of one transaction through `weft t8n`.

Every STRIDE-th case of every suite (default: about 800 cases in all) becomes an alloc, an environment and
a list of transactions on the standard input; the state root and the hash of the logs must be those that the fixture names.
Prints a line "ok" or "not ok" for each fork. Left out, and counted: accounts that hold a contract of the system (a state test makes no
system call, a block does)."""
import json
import pathlib
import subprocess
import sys

STRIDE = {"ethereum-tests": 251, "eest-prague": 41, "eest-osaka": 23, "legacy-frontier-to-constantinople": 31,
          "legacy-istanbul-to-cancun": 301}
ORDER = ["Frontier", "Homestead", "EIP150", "EIP158", "Byzantium", "Constantinople", "ConstantinopleFix", "Istanbul", "Berlin", "London",
         "Merge", "Shanghai", "Cancun", "Prague", "Osaka"]
RANK = {name: i for i, name in enumerate(ORDER)} | {"Paris": 10, "Petersburg": 6, "TangerineWhistle": 2, "SpuriousDragon": 3}
SYSTEM = {"000f3df6d732807ef1319fb7b8bb8522d0beac02", "0000f90827f1c53a10cb7a02335b175320002935",
          "00000961ef480eb55e80d19ad83579a64c007002", "0000bbddc7ce488642fb579f8b00f3a590007251"}
SLOW = ["CALLBlake2f_MaxRounds", "stTimeConsuming", "static_LoopCalls", "loopMul", "loopExp", "performanceTester"]


def keccak256(data):
    """Keccak-f[1600] with rate 1088: the state tests' ancestors have the hash of their number in decimal."""
    rotations, constants, r = [], [], 1
    for _ in range(24):
        word = 0
        for j in range(7):
            if r & 1:
                word |= 1 << ((1 << j) - 1)
            r = (r << 1) ^ (0x171 if r >> 7 else 0)
        constants.append(word)
    state = [[0] * 5 for _ in range(5)]
    padded = bytearray(data) + b"\x01" + bytes(135 - len(data) % 136)
    padded[-1] |= 0x80
    mask = (1 << 64) - 1
    for start in range(0, len(padded), 136):
        for i in range(17):
            state[i % 5][i // 5] ^= int.from_bytes(padded[start + 8 * i:start + 8 * i + 8], "little")
        for constant in constants:
            c = [state[x][0] ^ state[x][1] ^ state[x][2] ^ state[x][3] ^ state[x][4] for x in range(5)]
            d = [c[x - 1] ^ ((c[(x + 1) % 5] << 1 | c[(x + 1) % 5] >> 63) & mask) for x in range(5)]
            state = [[state[x][y] ^ d[x] for y in range(5)] for x in range(5)]
            x, y, current = 1, 0, state[1][0]
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                n = (t + 1) * (t + 2) // 2 % 64
                current, state[x][y] = state[x][y], (current << n | current >> (64 - n)) & mask
            for y in range(5):
                row = [state[x][y] for x in range(5)]
                for x in range(5):
                    state[x][y] = row[x] ^ (~row[(x + 1) % 5] & mask & row[(x + 2) % 5])
            state[0][0] ^= constant
    return b"".join(state[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


def number(text):
    return int(text, 16) if text[:2].lower() == "0x" else int(text)


def environment(env, rank):
    out = {k: env[k] for k in ("currentCoinbase", "currentNumber", "currentTimestamp")}
    out["currentGasLimit"] = hex(min(number(env["currentGasLimit"]), 2**64 - 1))
    if rank < 10:
        out["currentDifficulty"] = env.get("currentDifficulty", "0x0")
    else:
        out["currentRandom"] = env.get("currentRandom", env.get("currentDifficulty", "0x0"))
    if rank >= 9:
        out["currentBaseFee"] = env.get("currentBaseFee", "0xa")
    if rank >= 11:
        out["withdrawals"] = []
    if rank >= 12:
        out["parentBeaconBlockRoot"] = "0x" + "00" * 32
        out["currentExcessBlobGas"] = env.get("currentExcessBlobGas", "0x0")
    return out


def prefix(base, size):
    if size < 56:
        return bytes([base + size])
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(length)]) + length


def transactions(test, post):
    """The member of the input object, and its value."""
    if post.get("txbytes"):
        raw = bytes.fromhex(post["txbytes"][2:])
        item = raw if raw and raw[0] >= 0xC0 else prefix(0x80, len(raw)) + raw
        return "txsRlp", "0x" + (prefix(0xC0, len(item)) + item).hex()
    tx, at = test["transaction"], post["indexes"]
    return "txs", [{"nonce": tx["nonce"], "gasPrice": tx["gasPrice"], "gas": tx["gasLimit"][at["gas"]], "value": tx["value"][at["value"]],
                    "input": tx["data"][at["data"]], "to": tx["to"] or None, "secretKey": tx["secretKey"], "protected": False}]


def run(weft, fork, chain, block):
    command = [weft, "t8n", "--input.alloc=stdin", "--input.env=stdin", "--input.txs=stdin", "--output.alloc=", "--output.result=stdout",
               "--state.fork", fork, "--state.chainid", str(chain)]
    return subprocess.run(command, input=json.dumps(block).encode(), capture_output=True, timeout=300, check=False)


def cases(folder):
    for path in sorted(folder.rglob("*.json")):
        if any(word in str(path) for word in SLOW):
            continue
        for name, test in json.loads(path.read_text()).items():
            for fork, posts in test.get("post", {}).items():
                for post in posts if fork in RANK else []:
                    yield path, name, test, fork, post


def main():
    weft, fixtures = sys.argv[1], pathlib.Path(sys.argv[2])
    tally = {name: [0, 0, 0, []] for name in ORDER}  # passed, failed, left out, what failed
    for suite in STRIDE:
        folder = fixtures / "conformance" / suite
        if not folder.is_dir():
            continue
        stride = int(sys.argv[3]) if len(sys.argv) > 3 else STRIDE[suite]
        for i, (path, name, test, fork, post) in enumerate(cases(folder)):
            if i % stride:
                continue
            count = tally[ORDER[RANK[fork]]]
            if {a.lower().removeprefix("0x") for a in test["pre"]} & SYSTEM:
                count[2] += 1
                continue
            member, txs = transactions(test, post)
            if member == "txs" and ":" in txs[0]["value"]:  # "0x:bigint ...": more than 256 bits
                count[2] += 1
                continue
            block = {"alloc": test["pre"], "env": environment(test["env"], RANK[fork]), member: txs}
            chain = number(str(test.get("config", {}).get("chainid", "0x1"))) or 1
            result = run(weft, fork, chain, block)
            if result.returncode == 4:
                last = number(test["env"]["currentNumber"])
                block["env"]["blockHashes"] = {str(n): "0x" + keccak256(str(n).encode()).hex() for n in range(max(0, last - 256), last)}
                result = run(weft, fork, chain, block)
            got = json.loads(result.stdout)["result"] if result.returncode == 0 else {}
            if got.get("stateRoot") == post["hash"] and got.get("logsHash") == post["logs"]:
                count[0] += 1
            else:
                count[1] += 1
                count[3].append(f"{path.name}: {name}: {post['indexes']}: {result.stderr.decode()[:200] or got.get('rejected')}")
    for name, (passed, failed, out, bad) in tally.items():
        if passed + failed == 0:
            print(f"not ok t8n_{name}: no case")
            continue
        print(f"{'not ok' if failed else 'ok'} t8n_{name}: {passed} of {passed + failed} blocks as the state tests say, {out} left out")
        for line in bad[:5]:
            print("    " + line)
    return any(t[1] for t in tally.values())


if __name__ == "__main__":
    sys.exit(main())
