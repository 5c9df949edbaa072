/** The attacks on the edge as Workers run it, over an S3 store: workerd has no disk. */
import { skipWithoutDemo } from '../support/demoSet.ts';
import { s3Missing } from '../support/s3.ts';
import { attackSuite } from './suite.ts';

attackSuite('workerd', s3Missing() ?? skipWithoutDemo());
