/** The attacks on the edge as Node runs it, over a disk store. */
import { skipWithoutDemo } from '../support/demoSet.ts';
import { attackSuite } from './suite.ts';

attackSuite('node', skipWithoutDemo());
