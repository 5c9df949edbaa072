/**
 * Forms that an export has its graphs in. All of one model share their weights and their signatures; what runs
 * them decides which form is loaded.
 *
 * - `plain`: for CPUs.
 * - `half`, of precision fp16: for devices that compute in 16 bits.
 * - `unsigned`, of precision int8: for processors that multiply signed 8-bit weights wrongly.
 */
export type GraphForm = 'plain' | 'half' | 'unsigned';
