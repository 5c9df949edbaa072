/**
 * Devices that graphs run on: the runtime's provider of each, and the precisions whose operators it has. A
 * device is asked for by name and never replaced by another one: what it cannot run is refused.
 */
import type { Precision } from '../../shared/model/precisions.ts';

export type Device =
  | { readonly kind: 'cpu' }
  | { readonly kind: 'cuda' /** Which card. */; readonly index: number };

interface DeviceTraits {
  /** The runtime's name of it. */
  readonly provider: string;
  readonly precisions: readonly Precision[];
  /** Whether it computes in 16 bits; otherwise fp16 is a way to store weights. */
  readonly halves: boolean;
}

export const DEVICES: Readonly<Record<Device['kind'], DeviceTraits>> = {
  cpu: { provider: 'cpu', precisions: ['fp32', 'fp16', 'int8', 'int4'], halves: false },
  cuda: { provider: 'cuda', precisions: ['fp32', 'fp16'], halves: true },
};

export const CPU: Device = { kind: 'cpu' };

/** How a device is asked for, for messages. */
export const DEVICE_FORM = 'cpu, cuda, or cuda:N with the number of a card';

export const deviceName = (device: Device): string =>
  device.kind === 'cpu' ? 'cpu' : `${device.kind}:${device.index}`;

/** What the runtime is told of a device, its name with the number of the card. */
export const providerOf = (device: Device) =>
  device.kind === 'cuda'
    ? { name: DEVICES.cuda.provider, deviceId: device.index }
    : DEVICES[device.kind].provider;

/** `cpu`, `cuda` (the first card), `cuda:1`. @returns undefined for anything else */
export function parseDevice(text: string): Device | undefined {
  if (text === 'cpu') return CPU;
  const card = /^cuda(?::(\d{1,3}))?$/.exec(text);
  return card ? { kind: 'cuda', index: Number(card[1] ?? 0) } : undefined;
}

/** Why a device cannot run a precision; undefined when it can. */
export function precisionProblem(device: Device, precision: Precision): string | undefined {
  const { precisions } = DEVICES[device.kind];
  if (precisions.includes(precision)) return undefined;
  const able = Object.entries(DEVICES).flatMap(([kind, traits]) =>
    traits.precisions.includes(precision) ? [kind] : [],
  );
  return `${deviceName(device)} runs ${precisions.join(' and ')}, not ${precision}, which runs on ${able.join(' and ')}`;
}
