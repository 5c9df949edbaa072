# The edge on Node, as one bundled file without packages.
#   docker build -f infra/edge.Dockerfile -t 4m-edge .
# BASE needs glibc and libstdc++. An npm configuration of your own is given as a secret:
#   --secret id=npmrc,src=$HOME/.npmrc
ARG NODE_IMAGE=docker.io/library/node:22-bookworm-slim
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY tools/generated-client/package.json tools/generated-client/
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --no-audit --no-fund
COPY tsconfig.json LICENSE ./
COPY edge edge/
COPY worker worker/
COPY shared shared/
COPY infra infra/
# Pages hold some of these pictures.
COPY examples examples/
RUN npm run build && node infra/images/bundleEdge.mjs /edge

FROM ${BASE}
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /edge /app
COPY --from=build /build/LICENSE /app/
COPY infra/images/health.mjs /app/
RUN mkdir -p /data/store && chown -R 65532:65532 /data
WORKDIR /app
USER 65532:65532
# Nothing is written but by the disk store, into /data/store. Who may ask has keys, unless FOURM_AUTH says otherwise.
ENV NODE_ENV=production HOME=/tmp HOST=0.0.0.0 PORT=8787 FOURM_STORE_DIR=/data/store FOURM_AUTH=keys
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "/app/health.mjs", "PORT", "/healthz"]
ENTRYPOINT ["node", "--enable-source-maps", "edge.mjs"]
