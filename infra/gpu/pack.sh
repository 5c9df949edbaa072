#!/usr/bin/env bash
# Packs what a run on a CUDA card needs, for a machine that has this checkout and reaches no registry: Node,
# the built project, its production packages and onnxruntime's CUDA provider. Run after `npm run build`.
#   bash infra/gpu/pack.sh [SM [BYTES]]
# SM is the card's architecture (90 for H100 and H200): code for others is left out. BYTES bounds a piece.
# Output: .gpu/0/part, .gpu/1/part, ... (git ignores them). README.md beside this file says what follows.
set -euo pipefail
sm=${1:-90}
bytes=${2:-35000000}
root=$(git rev-parse --show-toplevel)
cd "$root"
[ -d dist ] || { echo "run 'npm run build' first" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Binding and provider have to be of one version; the provider that a registry of npm has is of this one,
# for CUDA 13 and cuDNN 9.
version=1.29.0
provider=com.github.asus4.onnxruntime.linux-x64-gpu@0.4.9
app=$work/kit/app
mkdir -p "$app"
cp package.json package-lock.json "$app"/
cp -r dist "$app"/
(cd "$app" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund >/dev/null)
(mkdir "$work/runtime" && cd "$work/runtime" && npm init -y >/dev/null &&
  npm i --ignore-scripts --no-audit --no-fund "onnxruntime-node@$version" >/dev/null)
for package in onnxruntime-node onnxruntime-common; do
  rm -rf "${app:?}/node_modules/$package"
  cp -r "$work/runtime/node_modules/$package" "$app/node_modules/$package"
done
runtime=$app/node_modules/onnxruntime-node/bin
find "$runtime" -mindepth 2 -maxdepth 3 -type d \
  \( -name darwin -o -name win32 -o -path '*linux/arm64' \) -prune -exec rm -rf {} +
find "$app/node_modules" -type d \( -name '*-musl*' -o -name '*darwin*' -o -name '*win32*' \) \
  -path '*@img*' -prune -exec rm -rf {} +
find "$app" \( -name '*.map' -o -name '*.d.ts' -o -name '*.md' \) -type f -delete
rm -rf "$app/node_modules/@aws-sdk" "$app/node_modules/@smithy"
binaries=$(dirname "$(find "$runtime" -path '*linux/x64*' -name 'libonnxruntime.so.1*' | head -1)")
(cd "$work" && npm pack --silent "$provider" >/dev/null && tar xzf ./*.tgz --wildcards \
  '*/libonnxruntime_providers_cuda.so' '*/libonnxruntime_providers_shared.so' && rm ./*.tgz)
find "$work/package" -name 'libonnxruntime_providers_*.so' -exec cp {} "$binaries"/ \;
node infra/gpu/keepOneArchitecture.mjs "$binaries/libonnxruntime_providers_cuda.so" "$sm"
cp "$(readlink -f "$(command -v node)")" "$work/kit/node"
strip -s "$work/kit/node" 2>/dev/null || true

rm -rf .gpu && mkdir .gpu
tar -C "$work/kit" -cf - . | xz -T0 -6 | split -b "$bytes" -d -a 1 - .gpu/part
for part in .gpu/part*; do
  n=${part#.gpu/part}
  mkdir ".gpu/$n" && mv "$part" ".gpu/$n/part"
done
du -sh .gpu/*
