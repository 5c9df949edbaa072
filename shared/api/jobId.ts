/** Names of jobs. They sort by time, the newest first, so that pages of a listing stay where they are. */

const TIME_DIGITS = 9;
const RANDOM_DIGITS = 12;
const LATEST = 36 ** TIME_DIGITS - 1;
const ID = new RegExp(`^job_[0-9a-z]{${TIME_DIGITS + RANDOM_DIGITS}}$`);

export const isJobId = (id: string): boolean => ID.test(id);

/** @param now unix milliseconds */
export function createJobId(now: number): string {
  const time = (LATEST - now).toString(36).padStart(TIME_DIGITS, '0');
  const random = Array.from(crypto.getRandomValues(new Uint32Array(RANDOM_DIGITS)), (drawn) =>
    (drawn % 36).toString(36),
  );
  return `job_${time}${random.join('')}`;
}

/** When the job of a well-formed name was made, in unix milliseconds. */
export const timeOfJobId = (id: string): number =>
  LATEST - Number.parseInt(id.slice('job_'.length, 'job_'.length + TIME_DIGITS), 36);
