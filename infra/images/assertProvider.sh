#!/bin/sh
# `sh assertProvider.sh PROVIDER CUDA_MAJOR present|resolved`, in the folder that holds node_modules or /app: fails
# unless the provider is there and made for this CUDA major, and, with `resolved`, unless this very system has each
# library that it needs. The card's driver, libcuda.so.1, comes with the card.
set -eu
provider=$1
major=$2
depth=$3
[ -d node_modules ] || cd /app
refuse() {
  echo "assertProvider: $1" >&2
  exit 1
}
folder=$(dirname "$(find node_modules/onnxruntime-node/bin -name onnxruntime_binding.node | head -n 1)")
missing() { ldd "$1" | grep 'not found' | grep -v 'libcuda\.so\.1' || true; }

if [ "$depth" = resolved ]; then
  left=$(missing "$folder/onnxruntime_binding.node")
  [ -z "$left" ] || refuse "the base lacks what onnxruntime needs: $left"
fi
case $provider in
  cpu) exit 0 ;;
  cuda) ;;
  *) refuse "PROVIDER has to be cpu or cuda, not $provider" ;;
esac
library=$folder/libonnxruntime_providers_cuda.so
[ -f "$library" ] || refuse "there is no CUDA provider beside the runtime"
[ -f "$folder/libonnxruntime_providers_shared.so" ] || refuse "libonnxruntime_providers_shared.so is missing"
made=$(ldd "$library" | sed -n 's/.*libcudart\.so\.\([0-9]*\).*/\1/p' | head -n 1)
[ "$made" = "$major" ] || refuse "the provider is made for CUDA ${made:-unknown}, CUDA_MAJOR is $major"
[ "$depth" = resolved ] || exit 0
left=$(missing "$library")
[ -z "$left" ] || refuse "the base lacks libraries of CUDA $major: $left"
ldconfig -p | grep -q 'libcudnn\.so\.9' || refuse "the base lacks cuDNN 9"
