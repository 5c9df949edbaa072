/** Outputs without what their pictures say of their origin: what is left are the values. */
import type { Output } from '../../shared/api/generate.ts';

/** A PNG without its texts, as a data URL. */
function withoutTexts(url: string): string {
  const prefix = 'data:image/png;base64,';
  if (!url.startsWith(prefix)) return url;
  const file = Buffer.from(url.slice(prefix.length), 'base64');
  const parts = [file.subarray(0, 8)];
  for (let at = 8; at < file.length; ) {
    const end = at + 12 + file.readUInt32BE(at);
    if (file.toString('latin1', at + 4, at + 8) !== 'iTXt') parts.push(file.subarray(at, end));
    at = end;
  }
  return prefix + Buffer.concat(parts).toString('base64');
}

export const unmarked = ({ image, data, ...output }: Output): Output => ({
  ...output,
  ...(image !== undefined && { image: withoutTexts(image) }),
  ...(data !== undefined && { data: withoutTexts(data) }),
});
