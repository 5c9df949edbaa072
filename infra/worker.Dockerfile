# A worker. The base is an argument, and so is what graphs run on:
#   docker build -f infra/worker.Dockerfile -t 4m-worker .
#   docker build -f infra/worker.Dockerfile -t 4m-worker:cuda --build-arg PROVIDER=cuda \
#     --build-arg BASE=docker.io/nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04 .
# BASE needs glibc and libstdc++; for PROVIDER=cuda it needs CUDA and cuDNN of CUDA_MAJOR, which the build asserts.
# An npm configuration of your own is given as a secret: --secret id=npmrc,src=$HOME/.npmrc
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
RUN npm run build && node dist/infra/exportDemo.js /models && rm -f /models/*.lock

# Packages that run, for this machine's architecture alone.
FROM ${NODE_IMAGE} AS packages
ARG PROVIDER=cpu
ARG CUDA_MAJOR=13
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY tools/generated-client/package.json tools/generated-client/
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --omit=dev --no-audit --no-fund
COPY infra/images/installProvider.sh infra/images/assertProvider.sh /images/
# .provider/ in the checkout's root holds the provider's libraries where the build reaches no registry of NuGet.
COPY LICENSE .provide[r] /provider/
RUN sh /images/installProvider.sh "$PROVIDER" "$CUDA_MAJOR" /provider

FROM ${BASE}
ARG PROVIDER=cpu
ARG CUDA_MAJOR=13
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=packages /app/node_modules /app/node_modules
COPY --from=build /build/package.json /build/LICENSE /app/
COPY --from=build /build/dist/shared /app/dist/shared
COPY --from=build /build/dist/worker /app/dist/worker
COPY --from=build /models /models
COPY infra/images/health.mjs infra/images/assertProvider.sh /app/
# Graphs run on the base that was given, or there is no image.
RUN sh /app/assertProvider.sh "$PROVIDER" "$CUDA_MAJOR" resolved && rm /app/assertProvider.sh \
  && mkdir -p /data/store && chown -R 65532:65532 /data
WORKDIR /app
USER 65532:65532
# All that is written lies in /data, and short-lived files in /tmp; the root may be read-only.
ENV NODE_ENV=production HOME=/tmp \
  FOURM_WORKER_HOST=0.0.0.0 FOURM_WORKER_PORT=8788 \
  FOURM_MODELS_DIR=/models FOURM_MODELS_CACHE=/data/model-cache FOURM_STORE_DIR=/data/store
VOLUME /data
EXPOSE 8788
# Ready, not only alive: models are loaded first, which takes a while where they are fetched.
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 \
  CMD ["node", "/app/health.mjs", "FOURM_WORKER_PORT", "/v2/health/ready"]
ENTRYPOINT ["node", "--enable-source-maps", "dist/worker/main.js"]
