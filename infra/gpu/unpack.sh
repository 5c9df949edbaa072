#!/usr/bin/env bash
# On the machine with the card, in the checkout's root, once all pieces lie in FOLDER/0/part, FOLDER/1/part ...:
#   bash infra/gpu/unpack.sh FOLDER TARGET
# unpacks them to TARGET, puts the demo model beside them, and writes TARGET/env: the way to Node and to the
# CUDA libraries, which lie inside Python's packages where PyTorch brought them.
set -euo pipefail
pieces=$1
target=$2
mkdir -p "$target"
if command -v xz >/dev/null; then
  cat "$pieces"/?/part | xz -d -T0 | tar -xf - -C "$target"
else
  python3 - "$pieces" "$target" <<'P'
import glob, io, lzma, sys, tarfile
data = b''.join(open(p, 'rb').read() for p in sorted(glob.glob(sys.argv[1] + '/?/part')))
tarfile.open(fileobj=io.BytesIO(lzma.decompress(data))).extractall(sys.argv[2])
P
fi
chmod +x "$target/node"
mkdir -p "$target/app/infra/demo"
cp -r infra/demo/model "$target/app/infra/demo/"
cp -r examples "$target/app/"
site=$(python3 -c 'import torch, os; print(os.path.dirname(os.path.dirname(torch.__file__)))' 2>/dev/null || true)
libraries=$(find ${site:+"$site/nvidia"} /usr/local/cuda*/lib64 -name 'lib*.so*' -printf '%h\n' 2>/dev/null |
  sort -u | paste -sd: || true)
echo "export PATH=$target:\$PATH LD_LIBRARY_PATH=$libraries:\${LD_LIBRARY_PATH:-}" >"$target/env"
cat "$target/env"
