#!/bin/sh
# `sh installProvider.sh PROVIDER CUDA_MAJOR FOLDER`, in the folder that holds node_modules: leaves the runtime's
# binaries of this machine alone, and adds the CUDA provider where PROVIDER is cuda. Its libraries are taken from
# FOLDER, or fetched by onnxruntime-node's own script. That one names them cuda12 in every version, and fetches what
# NuGet has: for CUDA 13 since 1.27. So the CUDA major is asserted, not believed.
set -eu
provider=$1
major=$2
folder=$3
runtime=node_modules/onnxruntime-node
architecture=$(node -p process.arch)
for place in "$runtime"/bin/napi-v*; do
  find "$place" -mindepth 1 -maxdepth 1 ! -name linux -exec rm -rf {} +
  find "$place/linux" -mindepth 1 -maxdepth 1 ! -name "$architecture" -exec rm -rf {} +
done
if [ "$provider" = cuda ]; then
  if ls "$folder"/libonnxruntime_providers_cuda.so >/dev/null 2>&1; then
    cp "$folder"/libonnxruntime_providers_cuda.so "$folder"/libonnxruntime_providers_shared.so \
      "$runtime"/bin/napi-v*/linux/"$architecture"/
  else
    ONNXRUNTIME_NODE_INSTALL=cuda12 node "$runtime/script/install.js"
  fi
  rm -f "$runtime"/bin/napi-v*/linux/"$architecture"/libonnxruntime_providers_tensorrt.so
fi
sh "$(dirname "$0")/assertProvider.sh" "$provider" "$major" present
