/** Names of jobs. They sort by time, the newest first. */
import { timeIds } from './timeId.ts';

export const JOB_IDS = timeIds('job');

export const isJobId = JOB_IDS.is;
/** @param now unix milliseconds */
export const createJobId = JOB_IDS.create;
/** When the job of a well-formed name was made, in unix milliseconds. */
export const timeOfJobId = JOB_IDS.timeOf;
