// Zip files without compression: photos are compressed already.
//
// Source: APPNOTE.TXT of PKWARE, version 6.3.3, sections 4.3.7, 4.3.12 and 4.3.16.

const UTF8 = 0x0800; // of the general purpose flags: names are UTF-8
const LOCAL_LENGTH = 30;
const CENTRAL_LENGTH = 46;
const MOST_BYTES = 2 ** 32 - 1; // larger files need the format's other form

const TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/**
 * The CRC-32 of bytes.
 *
 * @param {Uint8Array} bytes The bytes.
 */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * A zip file of these files.
 *
 * @param {Array<{name: string, content: Blob}>} files Their names are unique.
 * @param {Date} [when] The time that the files carry.
 * @returns {Promise<Blob>} The zip file.
 */
export async function zipped(files, when = new Date()) {
  const parts = [];
  const central = [];
  let offset = 0;
  for (const { name, content } of files) {
    const encoded = new TextEncoder().encode(name);
    const crc = crc32(new Uint8Array(await content.arrayBuffer()));
    const facts = entry(crc, content.size, encoded.length, when);
    const local = new DataView(new ArrayBuffer(LOCAL_LENGTH));
    local.setUint32(0, 0x04034b50, true);
    copy(facts, local, 4);
    const listed = new DataView(new ArrayBuffer(CENTRAL_LENGTH));
    listed.setUint32(0, 0x02014b50, true);
    listed.setUint16(4, 20, true);
    copy(facts, listed, 6);
    listed.setUint32(42, offset, true);
    parts.push(local, encoded, content);
    central.push(listed, encoded);
    offset += LOCAL_LENGTH + encoded.length + content.size;
    if (offset > MOST_BYTES)
      throw new Error("The zip file would be larger than 4 GB. Save fewer photos at once.");
  }
  const length = central.reduce((sum, part) => sum + part.byteLength, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, files.length, true);
  end.setUint16(10, files.length, true);
  end.setUint32(12, length, true);
  end.setUint32(16, offset, true);
  return new Blob([...parts, ...central, end], { type: "application/zip" });
}

/** What both headers of a file say of it, 26 bytes. */
function entry(crc, size, nameLength, when) {
  const facts = new DataView(new ArrayBuffer(26));
  const time = (when.getHours() << 11) | (when.getMinutes() << 5) | (when.getSeconds() >> 1);
  const date = ((when.getFullYear() - 1980) << 9) | ((when.getMonth() + 1) << 5) | when.getDate();
  const values = [
    [0, 20],
    [2, UTF8],
    [4, 0],
    [6, time],
    [8, date],
    [22, nameLength],
    [24, 0],
  ];
  for (const [at, value] of values) facts.setUint16(at, value, true);
  for (const [at, value] of [
    [10, crc],
    [14, size],
    [18, size],
  ])
    facts.setUint32(at, value, true);
  return facts;
}

function copy(from, to, at) {
  new Uint8Array(to.buffer).set(new Uint8Array(from.buffer), at);
}
