// Compiles every .sol beside this file with the npm package solc and writes, per contract, build/NAME.json (ABI, creation
// and run-time code, storage layout, compiler settings) and build/NAME.{create,runtime}.bin, which the program embeds.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import solc from 'solc';

const here = dirname(fileURLToPath(import.meta.url));
const settings = {
    evmVersion: 'cancun',
    optimizer: { enabled: true, runs: 10000 },
    metadata: { appendCBOR: false, bytecodeHash: 'none' },
};
const sources = Object.fromEntries(
    readdirSync(here)
        .filter((name) => name.endsWith('.sol'))
        .sort()
        .map((name) => [name, { content: readFileSync(join(here, name), 'utf8') }]),
);
const output = JSON.parse(
    solc.compile(
        JSON.stringify({
            language: 'Solidity',
            sources,
            settings: {
                ...settings,
                outputSelection: {
                    '*': { '*': ['abi', 'storageLayout', 'evm.bytecode.object', 'evm.deployedBytecode.object', 'evm.deployedBytecode.immutableReferences', 'evm.methodIdentifiers'] },
                },
            },
        }),
    ),
);
for (const message of output.errors ?? []) process.stderr.write(message.formattedMessage);
if ((output.errors ?? []).some((message) => message.severity === 'error')) process.exit(1);

mkdirSync(join(here, 'build'), { recursive: true });
for (const [source, contracts] of Object.entries(output.contracts)) {
    for (const [name, c] of Object.entries(contracts)) {
        if (c.evm.bytecode.object === '') continue; // an interface
        const artifact = {
            contract: name,
            source,
            compiler: solc.version(),
            settings,
            abi: c.abi,
            selectors: c.evm.methodIdentifiers,
            storage: c.storageLayout.storage.map(({ label, slot, offset, type }) => ({ label, slot, offset, type })),
            immutables: Object.values(c.evm.deployedBytecode.immutableReferences ?? {}).flat().map(({ start, length }) => ({ start, length })),
            bytecode: '0x' + c.evm.bytecode.object,
            deployedBytecode: '0x' + c.evm.deployedBytecode.object,
        };
        writeFileSync(join(here, 'build', `${name}.json`), JSON.stringify(artifact, null, 1) + '\n');
        writeFileSync(join(here, 'build', `${name}.create.bin`), Buffer.from(c.evm.bytecode.object, 'hex'));
        writeFileSync(join(here, 'build', `${name}.runtime.bin`), Buffer.from(c.evm.deployedBytecode.object, 'hex'));
        console.log(`${name}: ${c.evm.bytecode.object.length / 2} bytes to create, ${c.evm.deployedBytecode.object.length / 2} at run time`);
    }
}
