// `node keepOneArchitecture.mjs LIBRARY SM`: overwrites with zeros the device code of all other
// architectures in a CUDA library, in place. Headers stay, so that nothing moves: a card of architecture SM
// (90 for Hopper) picks its own code as before, and what is left compresses to a quarter.
// The container's layout is that of `fatbinary_section.h` of CUDA; each entry's header tells its own size.
import { openSync, readFileSync, writeSync } from 'node:fs';

const MAGIC = 0xba55ed50;
const ALIGNMENT = 8;
const [library, wanted] = process.argv.slice(2);
if (!library || !/^\d+$/.test(wanted ?? '')) {
  console.error('usage: node keepOneArchitecture.mjs LIBRARY SM');
  process.exit(2);
}
const data = readFileSync(library);

/** Place and size of the section of an ELF64 file that has this name. */
function section(name) {
  const table = Number(data.readBigUInt64LE(0x28));
  const [size, count, names] = [0x3a, 0x3c, 0x3e].map((at) => data.readUInt16LE(at));
  const at = (index) => table + index * size;
  const place = (index) => Number(data.readBigUInt64LE(at(index) + 0x18));
  for (let index = 0; index < count; index++) {
    const start = place(names) + data.readUInt32LE(at(index));
    if (data.toString('latin1', start, data.indexOf(0, start)) === name)
      return { start: place(index), size: Number(data.readBigUInt64LE(at(index) + 0x20)) };
  }
  throw new Error(`${library} has no section ${name}`);
}

const { start, size } = section('.nv_fatbin');
const file = openSync(library, 'r+');
const kept = { entries: 0, bytes: 0 };
const cleared = { entries: 0, bytes: 0 };
let at = start;
while (at < start + size) {
  if (data.readUInt32LE(at) !== MAGIC) {
    at += ALIGNMENT;
    continue;
  }
  let entry = at + data.readUInt16LE(at + 6);
  const end = entry + Number(data.readBigUInt64LE(at + 8));
  while (entry < end) {
    const header = data.readUInt32LE(entry + 4);
    const bytes = Number(data.readBigUInt64LE(entry + 8));
    const isWanted = data.readUInt32LE(entry + 28) === Number(wanted);
    const counted = isWanted ? kept : cleared;
    counted.entries += 1;
    counted.bytes += bytes;
    if (!isWanted) writeSync(file, Buffer.alloc(bytes), 0, bytes, entry + header);
    entry += header + bytes;
  }
  if (entry !== end) throw new Error(`a container at ${at} does not end where it says`);
  at = end;
}
if (kept.entries === 0) throw new Error(`${library} has no code for sm_${wanted}`);
for (const [name, { entries, bytes }] of Object.entries({ kept, cleared }))
  console.log(`${name} ${entries} entries, ${(bytes / 1e6).toFixed(0)} MB`);
