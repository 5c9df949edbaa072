/** The files of `infra/` that describe a deployment, read. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseHcl } from '@cdktf/hcl2json';
import { parseAllDocuments, parse as parseYaml } from 'yaml';
import { repositoryRoot } from '../../infra/paths.ts';
import type { Compose, Terraform } from './manifestTypes.ts';

const infra = join(repositoryRoot, 'infra');
const read = (file: string): string => readFileSync(join(infra, file), 'utf8');

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: { readonly name?: string };
  // biome-ignore lint/suspicious/noExplicitAny: what it is, is for the test to find out.
  readonly [key: string]: any;
}
export interface FoundObject {
  /** File and place in it. */
  readonly name: string;
  readonly object: KubernetesObject;
}

/** @param folder below infra/ */
export const kubernetesObjects = (folder: string): FoundObject[] =>
  readdirSync(join(infra, folder))
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) =>
      parseAllDocuments(read(`${folder}/${file}`), { strict: true, uniqueKeys: true }).map(
        (document, i) => {
          if (document.errors.length > 0) throw document.errors[0];
          return { name: `${folder}/${file}#${i}`, object: document.toJS() as KubernetesObject };
        },
      ),
    );

export const compose = (file: string): Compose =>
  parseYaml(read(file), { merge: true, strict: true, uniqueKeys: true });

export const terraformFiles = (): string[] =>
  readdirSync(join(infra, 'terraform')).filter((file) => file.endsWith('.tf'));

/** @throws Error naming the place of a syntax error */
export const terraform = async (file: string): Promise<Terraform> =>
  (await parseHcl(file, read(`terraform/${file}`))) as Terraform;
