import { corrupt } from './corrupt.ts';

export const LEAD_SIZE = 96;

/** What is left of the lead's meaning: its version says 3 or 4 for packages of any format, the header says the rest. */
export interface Lead {
  readonly source: boolean;
}

/** Reads the 96 bytes that an RPM begins with (rpm's `docs/manual/format_lead.md`). Throws `corrupt-package`. */
export function parseLead(bytes: Buffer): Lead {
  if (bytes.length !== LEAD_SIZE || bytes.readUInt32BE(0) !== 0xedabeedb) {
    throw corrupt(
      `This is not an RPM: it begins with ${bytes.toString('hex', 0, 4)} instead of edabeedb.`,
    );
  }
  const major = bytes.readUInt8(4);
  if (major !== 3 && major !== 4) {
    throw corrupt(`The RPM's lead says version ${major}; 3 and 4 are known.`);
  }
  const type = bytes.readUInt16BE(6);
  if (type > 1)
    throw corrupt(`The RPM's lead says type ${type}; 0 (binary) and 1 (source) are known.`);
  const signature = bytes.readUInt16BE(78);
  if (signature !== 5) {
    throw corrupt(`The RPM's lead says signature type ${signature}; only 5, a header, is known.`);
  }
  return { source: type === 1 };
}
