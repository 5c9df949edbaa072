/** The parts of an OpenAPI 3.1 document that this server's has. */

/** JSON Schema is open-ended; this says only that it is an object of JSON. */
export type Json = { readonly [key: string]: unknown };

export interface DocumentParameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly description: string;
  readonly required?: true;
  readonly schema: Json;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly DocumentParameter[];
  readonly requestBody?: { required: true; content: Json };
  readonly security: readonly Json[];
  readonly responses: Readonly<
    Record<string, { description: string; headers?: Json; content?: Json }>
  >;
}

export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: { title: string; version: string; description: string; license: Json };
  readonly servers: readonly Json[];
  /** Of every operation that says nothing else. */
  readonly security: readonly Json[];
  readonly tags: readonly Json[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  /** Requests that this server sends, to addresses that requests name. */
  readonly webhooks: Readonly<Record<string, { readonly post: Operation }>>;
  readonly components: {
    readonly headers: Readonly<Record<string, Json>>;
    readonly schemas: Readonly<Record<string, Json>>;
    readonly securitySchemes: Readonly<Record<string, Json>>;
  };
}
